// Errors. `check(ok, "conv2d", "expected ", a, ", got ", b)` throws "conv2d: expected ..., got ...".
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "cnn/device.h"
#include "cnn/dtype.h"
#include "cnn/export.h"
#include "cnn/shape.h"

namespace cnn {

// Which Python exception an Error becomes.
enum class ErrorKind : uint8_t { Runtime, Value, Index, Type, NotImplemented, OutOfMemory, Overflow, Buffer };

class CNN_API Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  ~Error() override;
  const char* what() const noexcept override { return text_.c_str(); }
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
  std::string text_;
};

// Text put together from parts. Dims print as [2, 3], dtypes and devices by name.
class CNN_API Message {
 public:
  template <class T>
  Message& operator<<(const T& part) {
    if constexpr (std::is_same_v<T, bool>) {
      add(part ? "True" : "False");
    } else if constexpr (std::is_same_v<T, DType>) {
      add(dtype_name(part));
    } else if constexpr (std::is_same_v<T, Device>) {
      add(device_name(part));
    } else if constexpr (std::is_same_v<T, Dims>) {
      add(part);
    } else if constexpr (std::is_same_v<T, char>) {
      add(std::string_view(&part, 1));
    } else if constexpr (std::is_integral_v<T>) {
      add(int64_t(part));
    } else if constexpr (std::is_floating_point_v<T>) {
      add(double(part));
    } else {
      add(std::string_view(part));
    }
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  void add(std::string_view part);
  void add(int64_t part);
  void add(double part);
  void add(const Dims& part);
  std::string text_;
};

template <class... Parts>
[[noreturn]] __attribute__((noinline, cold)) void fail(ErrorKind kind, const char* op, const Parts&... parts) {
  Message m;
  if (op && *op) m << op << ": ";
  (void)(m << ... << parts);
  throw Error(kind, m.take());
}

template <class... Parts>
void check(bool ok, const char* op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(ErrorKind::Runtime, op, parts...);
}
template <class... Parts>
void check_value(bool ok, const char* op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(ErrorKind::Value, op, parts...);
}
template <class... Parts>
void check_index(bool ok, const char* op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(ErrorKind::Index, op, parts...);
}
template <class... Parts>
void check_type(bool ok, const char* op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(ErrorKind::Type, op, parts...);
}
template <class... Parts>
void check_implemented(bool ok, const char* op, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(ErrorKind::NotImplemented, op, parts...);
}

// A warning for the user: to stderr, or through Python's warnings once the bindings are loaded.
CNN_API void warn(const std::string& text);
extern CNN_API void (*warning_handler)(const std::string& text);

}  // namespace cnn
