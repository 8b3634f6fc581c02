#include "cnn/device.h"

#include "cnn/check.h"

namespace cnn {

const char* device_type_name(DeviceType type) {
  switch (type) {
    case DeviceType::Cpu:
      return "cpu";
    case DeviceType::Cuda:
      return "cuda";
    default:
      return "meta";
  }
}

void fail_device(const char* op, Device first, Device other) {
  fail(ErrorKind::Runtime, op, "Expected all tensors to be on the same device, but found at least two devices, ", first,
       " and ", other, "!");
}

std::string device_name(Device device) {
  std::string name = device_type_name(device.type);
  if (device.index >= 0) name += ":" + std::to_string(int(device.index));
  return name;
}

Device parse_device(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string type = text.substr(0, colon);
  Device device;
  if (type == "cpu") device.type = DeviceType::Cpu;
  else if (type == "cuda") device.type = DeviceType::Cuda;
  else if (type == "meta") device.type = DeviceType::Meta;
  else fail(ErrorKind::Runtime, "", "Expected one of cpu, cuda, meta device type at start of device string: ", text);
  if (colon == std::string::npos) return device;
  const std::string index = text.substr(colon + 1);
  const bool digits = !index.empty() && index.size() <= 3 &&
                      index.find_first_not_of("0123456789") == std::string::npos &&
                      (index.size() == 1 || index[0] != '0') && std::stoi(index) <= 127;
  check(digits, "", "Invalid device string: '", text, "'");
  device.index = int8_t(std::stoi(index));
  return device;
}

}  // namespace cnn
