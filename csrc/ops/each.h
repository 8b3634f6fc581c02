// Runs functor(i) for every i below n, on the device's skeleton.
#pragma once

#include "device/backend.h"
#include "cnn/check.h"
#include "kernels/ids.h"

namespace cnn {

enum class Order { Any, Ascending };

template <class F>
void each(const F& f, int64_t n, DType t, Device device, Order order = Order::Any) {
  const Backend& b = backend(device);
  check_implemented(b.has_each(kernels::IdOf<F>::value, t), "", "not implemented for '", dtype_type_name(t), "'");
  if (n == 0) return;
  EachCall call;
  call.functor = &f;
  call.n = n;
  call.dtype = t;
  if constexpr (requires { F::kCost; }) call.cost = F::kCost;
  call.ordered = order == Order::Ascending;
  b.each(kernels::IdOf<F>::value, call);
}

}  // namespace cnn
