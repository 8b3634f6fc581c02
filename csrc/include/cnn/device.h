// Devices: where a tensor's memory lies. `meta` has shapes and dtypes, but no memory.
#pragma once

#include <cstdint>
#include <string>

#include "cnn/export.h"

namespace cnn {

enum class DeviceType : int8_t { Cpu, Cuda, Meta };

struct Device {
  DeviceType type = DeviceType::Cpu;
  int8_t index = -1;  // -1: none given (the current one for CUDA)

  bool operator==(const Device& other) const { return type == other.type && index == other.index; }
  bool is_cpu() const { return type == DeviceType::Cpu; }
  bool is_cuda() const { return type == DeviceType::Cuda; }
  bool is_meta() const { return type == DeviceType::Meta; }
};

inline constexpr Device kCpu{DeviceType::Cpu, -1};
inline constexpr Device kMeta{DeviceType::Meta, -1};

CNN_API const char* device_type_name(DeviceType type);  // "cpu", "cuda", "meta"
CNN_API std::string device_name(Device device);         // "cpu", "cuda:0", "meta"
CNN_API Device parse_device(const std::string& text);   // RuntimeError for an unknown string

[[noreturn]] CNN_API void fail_device(const char* op, Device first, Device other);
// RuntimeError unless an operand lies where the first one does.
inline void check_device(const char* op, Device first, Device other) {
  if (!(first == other)) [[unlikely]]
    fail_device(op, first, other);
}

}  // namespace cnn
