// How an op is cast. One line at its beginning, before any check:
//
//   Tensor mm(const Tensor& a, const Tensor& b, Dest dest) {
//     if (const Autocast cast{"mm", a, dest}) [[unlikely]]
//       return cast(mm, a, b, dest);
//
// Only calls that make a new tensor are cast; `f_` and `out=` say themselves what dtype they want.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "cnn/autocast.h"

namespace cnn {

enum class CastPolicy : uint8_t {
  None,
  Lower,          // operands are cast to the autocast dtype
  Float32,        // ... to float32
  Float32Result,  // the result is float32, by the op's own `dtype` unless that is given
  Promote,        // operands are cast to the widest of their dtypes
  Banned,         // the op refuses to be cast
};
struct CastPolicies {
  CastPolicy cpu = CastPolicy::None, cuda = CastPolicy::None;
};
// Of an op by PyTorch's name, without overload; null when it stands in no list.
CNN_API const CastPolicies* cast_policies(std::string_view op);
CNN_API std::vector<std::string_view> cast_op_names();  // of all ops in the lists, sorted

// The name of an op that has one for each number of spatial dimensions.
inline const char* in_dims(int n, const char* one, const char* two, const char* three) {
  const char* const names[] = {one, two, three};
  return names[std::clamp(n, 1, 3) - 1];
}

// One call on its way: sees all operands, then casts them. While it lives, autocast is off.
class CNN_API Casting {
 public:
  explicit Casting(const CastPolicies& policies) : policies_(policies), enabled_(mode_word & kAutocast) {}

  void see(const Tensor& x);
  void see(const std::optional<Tensor>& x) {
    if (x) see(*x);
  }
  void see(const Tensors& list) {
    for (const Tensor& x : list) see(x);
  }
  template <class T>
  void see(const T&) {}

  Tensor cast(const Tensor& x) const;
  std::optional<Tensor> cast(const std::optional<Tensor>& x) const { return x ? std::optional(cast(*x)) : x; }
  Tensors cast(const Tensors& list) const;
  std::optional<DType> cast(const std::optional<DType>& dtype) const {
    return !dtype && float32_result_ ? DType::Float32 : dtype;
  }
  template <class T>
  const T& cast(const T& other) const {
    return other;
  }

 private:
  CastPolicy policy_for(const Tensor& x) const;

  CastPolicies policies_;
  uint32_t enabled_;
  WithoutAutocast inside_;
  bool first_ = true, float32_result_ = false;
  std::optional<DType> widest_;  // of what Promote has seen
};

// True when a call is to be cast: autocast is on where x lies, and the op is listed there.
class Autocast {
 public:
  Autocast(const char* op, const Tensor& x) : policies_(mode_word & kAutocast ? find(op, x) : nullptr) {}
  Autocast(const char* op, const Tensor& x, const Dest& dest)
      : policies_(mode_word & kAutocast && !dest ? find(op, x) : nullptr) {}
  // Of an op whose first operand may be a number.
  Autocast(const char* op, const Tensor& x, const Tensor& y, const Dest& dest)
      : policies_(mode_word & kAutocast && !dest ? find(op, x, y) : nullptr) {}
  Autocast(const char* op, const Tensors& list, const Dest& dest)
      : policies_(mode_word & kAutocast && !dest && !list.empty() ? find(op, list[0]) : nullptr) {}

  explicit operator bool() const { return policies_; }

  template <class F, class... Args>
  auto operator()(F f, const Args&... args) const {
    Casting casting(*policies_);
    (casting.see(args), ...);
    return f(casting.cast(args)...);
  }

 private:
  CNN_API static const CastPolicies* find(const char* op, const Tensor& x);
  static const CastPolicies* find(const char* op, const Tensor& x, const Tensor& y) {
    const CastPolicies* found = find(op, x);
    return found ? found : find(op, y);
  }
  const CastPolicies* policies_;
};

// What a thread that works for another one takes over, beside the mode word.
struct AutocastState {
  DType cpu, cuda;
  bool cache_enabled;
  static AutocastState of_thread();
  void enter() const;
};

}  // namespace cnn
