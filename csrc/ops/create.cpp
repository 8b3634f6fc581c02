#include "cnn/ops/create.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "autograd/recorder.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/view.h"
#include "kernels/arithmetic.h"
#include "kernels/create.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

// A single float of 8 bits takes any number, as in PyTorch.
void check_fills(const Tensor& x, Scalar value) {
  if (!is_float8(x.dtype()) || x.numel() != 1) check_converts(value, x.dtype());
}

constexpr DType integer_of_size(DType t) {
  const int size = item_size(t);
  return size == 1 ? DType::UInt8 : size == 2 ? DType::Int16 : size == 4 ? DType::Int32 : DType::Int64;
}

// The value in a dtype that is only stored, as an integer of the same bits.
int64_t stored_bits(Scalar value, DType t) {
  int64_t bits = 0;
  visit_any_dtype(t, [&]<class T>() {
    const T stored = value.to<T>();
    std::memcpy(&bits, &stored, sizeof stored);
  });
  return bits;
}

void fill_raw(const Tensor& x, Scalar value) {
  const Recorded range("fill_", x);
  check_fills(x, value);
  if (is_stored(x.dtype())) {
    const DType t = integer_of_size(x.dtype());
    const Tensor bits = view_dtype(x, t);
    const kernels::Fill fill{{}, number(stored_bits(value, x.dtype()))};
    return map_into("fill_", fill, {{&bits, t}}, 1, t);
  }
  const kernels::Fill fill{{}, number(value)};
  const DType key = compute_dtype(x.dtype());
  map_into("fill_", fill, {{&x, key}}, 1, key);
}

}  // namespace

Tensor full(const Dims& size, Scalar value, std::optional<DType> dtype, Device device) {
  Tensor y = empty(size, dtype.value_or(value.dtype()), device);
  fill_raw(y, value);
  return y;
}
Tensor zeros(const Dims& size, DType dtype, Device device) { return full(size, 0, dtype, device); }
Tensor ones(const Dims& size, DType dtype, Device device) { return full(size, 1, dtype, device); }

Tensor full_like(const Tensor& x, Scalar value, std::optional<DType> dtype) {
  Tensor y = empty_like(x, dtype.value_or(x.dtype()));
  fill_raw(y, value);
  return y;
}
Tensor zeros_like(const Tensor& x, std::optional<DType> dtype) { return full_like(x, 0, dtype); }
Tensor ones_like(const Tensor& x, std::optional<DType> dtype) { return full_like(x, 1, dtype); }

Tensor from_blob(void* data, const Dims& size, DType dtype) {
  return from_blob(data, size, contiguous_strides(size), dtype);
}

Tensor from_blob(void* data, const Dims& size, const Dims& strides, DType dtype, void (*deleter)(void*)) {
  check(size.size() == strides.size(), "from_blob", "expected a stride for each size, got sizes ", size,
        " and strides ", strides);
  int64_t extent = numel_of("from_blob", size) ? item_size(dtype) : 0;  // bytes from the first to the last element
  for (int d = 0; d < size.size(); ++d) {
    check(strides[d] >= 0, "from_blob", "strides must not be negative, got ", strides);
    int64_t step;
    const bool overflows = __builtin_mul_overflow(std::max<int64_t>(size[d] - 1, 0), strides[d], &step) ||
                           __builtin_mul_overflow(step, int64_t(item_size(dtype)), &step) ||
                           (extent && __builtin_add_overflow(extent, step, &extent));
    check(!overflows, "from_blob", "sizes ", size, " and strides ", strides, " reach beyond any memory");
  }
  check(data || extent == 0, "from_blob", "there is no memory for sizes ", size, ": the pointer is null");
  const auto release = [](void* context, void* memory, size_t) {
    if (context) reinterpret_cast<void (*)(void*)>(context)(memory);
  };
  auto storage = make_ref<Storage>(data, size_t(extent), kCpu, release, reinterpret_cast<void*>(deleter));
  return Tensor(make_ref<TensorImpl>(std::move(storage), size, strides, 0, dtype));
}

Tensor scalar_tensor(Scalar value, DType dtype, Device device) {
  return to_dtype(full(Dims(), value, compute_dtype(dtype), device), dtype);  // rounds, even to infinity
}

namespace {

// How many of start, start + step, ... lie before end.
int64_t range_size(Scalar start, Scalar end, Scalar step) {
  constexpr double kMost = 1e18;
  double count;
  if (start.is_float() || end.is_float() || step.is_float()) {
    count = std::ceil((end.to_double() - start.to_double()) / step.to_double());
  } else {
    const __int128 span = __int128(end.to_int()) - start.to_int(), by = step.to_int();
    const __int128 n = span / by + (span % by != 0);
    if (n < __int128(kMost)) return n > 0 ? int64_t(n) : 0;
    count = double(n);
  }
  check(count < kMost, "arange", "invalid size, possible overflow: ", start.to_double(), " -> ", end.to_double(),
        " by ", step.to_double());
  return int64_t(count);
}

}  // namespace

Tensor arange(Scalar start, Scalar end, Scalar step, std::optional<DType> dtype, Device device) {
  const bool floating = start.is_float() || end.is_float() || step.is_float();
  const DType t = dtype.value_or(floating ? default_dtype() : DType::Int64);
  check(step.to_double() != 0, "arange", "step must be nonzero");
  const double from = start.to_double(), to = end.to_double(), by = step.to_double();
  check(std::isfinite(from) && std::isfinite(to), "arange", "unsupported range: ", from, " -> ", to);
  check((by > 0 && to >= from) || (by < 0 && to <= from), "arange",
        "upper bound and lower bound inconsistent with step sign: ", from, " -> ", to, " by ", by);
  if (!is_floating(t))
    for (Scalar s : {start, step}) check_converts(s, DType::Int64);
  if (t == DType::Int64) {  // counted in integers; narrower ones are counted before they are cut
    check_converts(end, t);
    for (Scalar* s : {&start, &end, &step}) *s = s->to_int();
    check_value(step.to_int() != 0, "arange", "step must be nonzero");
  }
  const int64_t n = range_size(start, end, step);
  if (!is_floating(t)) start = start.to_int(), step = step.to_int();
  if (t == DType::Bool) not_implemented("arange_cpu", t);
  Tensor y = empty({n}, t, device);
  const DType key = compute_dtype(t);
  Tensor out = key == t ? y : empty({n}, key, device);
  each(kernels::Range{out.raw(), number(start), number(step)}, n, key, device);
  return key == t ? y : map("arange", kernels::Copy{}, out, Dest::out(y));
}

Tensor fill_(const Tensor& x, Scalar value) {
  Grad grad({x}, Dest::in_place(x));
  check_fills(x, value);
  x.impl()->bump_version();
  fill_raw(without_repeats(x), value);
  if (!grad) return x;
  return grad.record("FillBackward0", x, [](Grads& g) { g[0] = zeros_like(g.out()); });
}
Tensor zero_(const Tensor& x) {
  Grad grad({x}, Dest::in_place(x));
  x.impl()->bump_version();
  fill_raw(without_repeats(x), 0);
  if (!grad) return x;
  return grad.record("ZeroBackward0", x, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

}  // namespace cnn
