#include "cnn/ops/shape.h"

#include <algorithm>
#include <cmath>

#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/join.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/scan.h"
#include "cnn/ops/view.h"
#include "kernels/arithmetic.h"
#include "kernels/create.h"
#include "kernels/index.h"
#include "ops/each.h"
#include "ops/map.h"
#include "ops/parts.h"

namespace cnn {

Tensor flip(const Tensor& x, const Dims& dims) {
  Dims flipped = Dims::filled(x.dim(), 0);
  for (int64_t given : dims) {
    const int d = normalize_dim("flip", given, x.dim());
    if (x.dim() == 0) continue;
    check(!flipped[d], "flip", "dim ", d, " appears multiple times in the list of dims");
    flipped[d] = 1;
  }
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    y = empty_like(x, x.dtype());
    const Tensor from = y.strides() == x.strides() ? x : copy_(empty_like(x, x.dtype()), x);
    kernels::FlipRows f{from.raw(), y.raw(), x.dim() - 1, {}, 1, {}, false};
    check_implemented(x.dim() <= kernels::kIndexDims, "flip", "more than ", kernels::kIndexDims, " dimensions");
    // Dimensions in the order in which they lie, outermost first.
    Dims order;
    for (int d = 0; d < x.dim(); ++d) {
      int at = order.size();
      while (at > 0 && y.strides()[int(order[at - 1])] < y.strides()[d]) --at;
      order.insert(at, d);
    }
    for (int i = 0; i + 1 < x.dim(); ++i) {
      const int d = int(order[i]);
      f.sizes[i] = x.shape()[d], f.flips[i] = flipped[d] != 0;
    }
    if (x.dim() > 0) f.n = x.shape()[int(order.back())], f.backwards = flipped[int(order.back())] != 0;
    each(f, f.n ? x.numel() / f.n : 0, x.dtype(), x.device());
  }
  if (!grad) return y;
  return grad.record("FlipBackward0", y, [dims](Grads& g) { g[0] = flip(g.out(), dims); });
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  check(!shifts.empty(), "roll", "`shifts` required");
  check(shifts.size() == dims.size() || (dims.empty() && shifts.size() == 1), "roll",
        "shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  check_index(x.dim() > 0 || dims.empty(), "", "Dimension specified as ", dims.empty() ? 0 : dims[0],
              " but tensor has no dimensions");
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    y = dims.empty() ? reshape(x, {-1}) : x;
    for (int i = 0; i < shifts.size() && x.numel() > 0; ++i) {
      const int d = dims.empty() ? 0 : normalize_dim("roll", dims[i], x.dim());
      if (y.dim() == 0) continue;
      const int64_t n = y.shape()[d], s = (shifts[i] % n + n) % n;
      y = cat({narrow(y, d, n - s, s), narrow(y, d, 0, n - s)}, d);
    }
    y = y.storage() == x.storage() ? clone(x) : reshape(y, x.shape());
  }
  if (!grad) return y;
  Dims back = shifts;
  for (auto& s : back) s = -s;
  return grad.record("RollBackward0", y, [back, dims](Grads& g) { g[0] = roll(g.out(), back, dims); });
}

Tensor repeat(const Tensor& x, const Dims& repeats) {
  check(repeats.size() >= x.dim(), "repeat",
        "Number of dimensions of repeat dims can not be smaller than number of "
        "dimensions of tensor: ",
        repeats, " for shape ", x.shape());
  const int extra = repeats.size() - x.dim();
  Dims split, target;  // [r0, s0, r1, s1, ...] and [r0 s0, r1 s1, ...]
  for (int i = 0; i < repeats.size(); ++i) {
    check(repeats[i] >= 0, "repeat", "Trying to create tensor with negative dimension ", repeats[i]);
    const int64_t s = i < extra ? 1 : x.shape()[i - extra];
    split.push_back(repeats[i]);
    split.push_back(s);
    int64_t product;
    check(!__builtin_mul_overflow(repeats[i], s, &product), "repeat",
          "Storage size calculation overflowed with sizes=", repeats, " times ", x.shape());
    target.push_back(product);
  }
  numel_of("repeat", target);
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    Dims ones_between = split;
    for (int i = 0; i < split.size(); i += 2) ones_between[i] = 1;
    y = reshape(clone(expand(reshape(x, ones_between), split)), target);
    if (!y.is_contiguous()) y = contiguous(y);
  }
  if (!grad) return y;
  return grad.record("RepeatBackward0", y, [split, shape = x.shape()](Grads& g) {
    Dims repeats;
    for (int i = 0; i < split.size(); i += 2) repeats.push_back(i);
    g[0] = split.empty() ? g.out() : reshape(sum(reshape(g.out(), split), repeats), shape);
  });
}

Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim) {
  check(repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32, "repeat_interleave",
        "repeats has to be Long or Int tensor");
  check(repeats.dim() <= 1, "repeat_interleave", "repeats must be 0-dim or 1-dim tensor");
  const Tensor source = dim ? x : reshape(x, {-1});
  const int d = dim ? normalize_dim("repeat_interleave", *dim, x.dim()) : 0;
  const int64_t n = source.dim() == 0 ? 1 : source.shape()[d];
  check(repeats.numel() == 1 || repeats.numel() == n, "repeat_interleave",
        "repeats must have the same size as input along dim, but got repeats.size(0) = ", repeats.numel(),
        " and input.size(", d, ") = ", n);
  Tensor at;
  {
    NoGrad guard;
    const Tensor counts = expand(reshape(to_dtype(repeats, DType::Int64), {-1}), {n});
    check(n == 0 || !any(lt(counts, wrapped_number(0))).item().to_bool(), "repeat_interleave",
          "repeats can not be negative");
    const double size = sum(counts, {}, false, DType::Float64).item().to_double();
    check(size < 0x1p62, "repeat_interleave", "invalid size, possible overflow: repeats sum to ", size);
    // Each row but the first makes a step where it begins; the sum of the steps up to a place is the row there.
    const Tensor ends = cumsum(counts, 0);
    const Tensor steps = zeros({int64_t(size) + 1}, DType::Int64, counts.device());
    if (n > 1) {
      const Tensor begins = narrow(ends, 0, 0, n - 1);
      index_add(steps, 0, begins, ones_like(begins), 1, Dest::in_place(steps));
    }
    at = cumsum(narrow(steps, 0, 0, int64_t(size)), 0);
    if (repeats.dim() == 0) at = to_device(at, x.device());  // a number lies on the CPU
  }
  return index_select(source, d, at);
}

namespace {

Tensor triangle(const char* op, const char* node, const Tensor& x, int64_t diagonal, bool upper, const Dest& dest) {
  check(x.dim() >= 2, op, "input tensor must have at least 2 dimensions, got ", x.shape());
  Grad grad({x}, dest);
  Tensor y;
  {
    NoGrad guard;
    const Tensor from = contiguous(x);
    y = empty(x.shape(), x.dtype(), x.device());
    const int64_t columns = x.shape().back(), rows = x.shape()[x.dim() - 2];
    const int64_t edge = std::clamp(diagonal, -rows, columns);  // of no overflow
    each(kernels::Triangle{from.raw(), y.raw(), rows, columns, edge, upper}, columns ? x.numel() / columns : 0,
         x.dtype(), x.device());
    if (dest) {
      const Tensor* inputs[] = {&x};
      y = copy_(result_for(op, x.shape(), x.dtype(), inputs, 1, dest), y);
    }
  }
  if (!grad) return y;
  return grad.record(node, y,
                     [diagonal, upper](Grads& g) { g[0] = upper ? triu(g.out(), diagonal) : tril(g.out(), diagonal); });
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal, Dest dest) {
  return triangle("tril", "TrilBackward0", x, diagonal, false, dest);
}
Tensor triu(const Tensor& x, int64_t diagonal, Dest dest) {
  return triangle("triu", "TriuBackward0", x, diagonal, true, dest);
}

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  check_index(x.dim() > 0, "diag_embed", "expected a tensor of at least one dimension");
  const int n = x.dim() + 1;
  const int a = normalize_dim("diag_embed", dim1, n), b = normalize_dim("diag_embed", dim2, n);
  check(a != b, "diag_embed", "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t size = 0;
  check(offset != INT64_MIN && !__builtin_add_overflow(x.shape().back(), offset < 0 ? -offset : offset, &size),
        "diag_embed", "Storage size calculation overflowed with a diagonal of ", x.shape().back(), " at offset ",
        offset);
  Dims shape = x.shape();
  shape.erase(x.dim() - 1);
  shape.insert(std::min(a, b), size);
  shape.insert(std::max(a, b), size);
  Grad grad({x});
  Tensor y = zeros(shape, x.dtype(), x.device());
  {
    NoGrad guard;
    copy_(diagonal(y, offset, a, b), x);
  }
  if (!grad) return y;
  return grad.record("DiagEmbedBackward0", y, [offset, a, b](Grads& g) { g[0] = diagonal(g.out(), offset, a, b); });
}

Tensor diag(const Tensor& x, int64_t d) {
  check(x.dim() == 1 || x.dim() == 2, "diag", "Supports 1D or 2D tensors. Got ", x.dim(), "D");
  return x.dim() == 1 ? diag_embed(x, d) : clone(diagonal(x, d));
}

Tensor constant_pad_nd(const Tensor& x, const Dims& pad, Scalar value) {
  check(pad.size() % 2 == 0, "constant_pad_nd", "Length of pad must be even but instead it equals ", pad.size());
  const int padded = pad.size() / 2;
  check(padded <= x.dim(), "constant_pad_nd",
        "Length of pad should be no more than twice the number of dimensions of the "
        "input. Pad length is ",
        pad.size(), " while the input has ", x.dim(), " dimensions.");
  Dims shape = x.shape();
  for (int i = 0; i < padded; ++i) {
    const int d = x.dim() - 1 - i;
    check(!__builtin_add_overflow(shape[d], pad[2 * i], &shape[d]) &&
              !__builtin_add_overflow(shape[d], pad[2 * i + 1], &shape[d]),
          "constant_pad_nd", "invalid size, possible overflow: input of shape ", x.shape(), " with padding ", pad);
    check(shape[d] >= 0, "constant_pad_nd", "The input size ", x.shape()[d], ", plus negative padding ", pad[2 * i],
          " and ", pad[2 * i + 1], " resulted in a negative output size, which is invalid. Check dimension ", d,
          " of your input.");
  }
  Grad grad({x});
  Tensor y = empty(shape, x.dtype(), x.device(), memory_format_of(x));
  {
    NoGrad guard;
    fill_(y, value);
    Tensor from = x, to = y;
    for (int i = 0; i < padded; ++i) {
      const int d = x.dim() - 1 - i;
      const int64_t left = pad[2 * i], right = pad[2 * i + 1];
      const int64_t skip = left < 0 ? -left : 0, cut = right < 0 ? -right : 0;
      const int64_t n = std::max<int64_t>(0, x.shape()[d] - skip - cut);
      from = narrow(from, d, std::min(skip, x.shape()[d]), n);
      to = narrow(to, d, left > 0 ? left : 0, n);
    }
    copy_(to, from);
  }
  if (!grad) return y;
  Dims back = pad;
  for (auto& p : back) p = -p;
  return grad.record("ConstantPadNdBackward0", y, [back](Grads& g) { g[0] = constant_pad_nd(g.out(), back, 0); });
}

Tensors chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  check(x.dim() > 0, "chunk", "chunk expects at least a 1-dimensional tensor");
  check(chunks > 0, "chunk", "chunk expects `chunks` to be greater than 0, got: ", chunks);
  const int64_t n = x.shape()[normalize_dim("chunk", dim, x.dim())];
  const int64_t size = n / chunks + (n % chunks != 0);
  if (size == 0) check_parts("chunk", chunks);
  if (size == 0) return split_with_sizes(x, Dims::filled(int(chunks), 0), dim);
  return split(x, size, dim);
}

Tensors tensor_split(const Tensor& x, int64_t sections, int64_t dim) {
  check(x.dim() > 0, "tensor_split",
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  check(sections > 0, "tensor_split", "number of sections must be larger than 0, got ", sections);
  check_parts("tensor_split", sections);
  const int d = normalize_dim("tensor_split", dim, x.dim());
  const int64_t n = x.shape()[d];
  Tensors parts;
  int64_t at = 0;
  for (int64_t i = 0; i < sections; ++i) {
    const int64_t size = n / sections + (i < n % sections);
    parts.push_back(slice(x, d, at, at + size));
    at += size;
  }
  return parts;
}

Tensors tensor_split_at(const Tensor& x, const Dims& indices, int64_t dim) {
  check(x.dim() > 0, "tensor_split",
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  const int d = normalize_dim("tensor_split", dim, x.dim());
  Tensors parts;
  int64_t at = 0;
  for (int64_t end : indices) {
    parts.push_back(slice(x, d, at, end));
    at = end;
  }
  parts.push_back(slice(x, d, at, x.shape()[d]));
  return parts;
}

Tensor eye(int64_t n, std::optional<int64_t> m, std::optional<DType> dtype, Device device) {
  check(n >= 0, "eye", "n must be greater or equal to 0, got ", n);
  check(m.value_or(n) >= 0, "eye", "m must be greater or equal to 0, got ", m.value_or(n));
  Tensor y = zeros({n, m.value_or(n)}, dtype.value_or(default_dtype()), device);
  NoGrad guard;
  fill_(diagonal(y), 1);
  return y;
}

namespace {
// A bound as the dtype holds it: cut before the points are counted, not after.
Scalar as_held(Scalar s, DType t) {
  check_converts(s, t);
  if (is_floating(t)) return s;
  return t == DType::UInt8 ? Scalar(int64_t(uint8_t(s.to_int()))) : Scalar(s.to_int());
}
}  // namespace

Tensor linspace(Scalar start, Scalar end, int64_t steps, std::optional<DType> dtype, Device device) {
  check(steps >= 0, "linspace", "number of steps must be non-negative");
  const DType t = dtype.value_or(default_dtype());
  if (t == DType::Bool) not_implemented("linspace_cpu", t);
  if (steps > 0) start = as_held(start, t);
  end = steps > 1 ? as_held(end, t) : start;  // or it is not looked at
  Tensor y = empty({steps}, t, device);
  const DType key = compute_dtype(t);
  const Tensor out = key == t ? y : empty({steps}, key, device);
  const kernels::Linspace f{out.raw(), number(start), number(end), steps};
  each(f, steps, key, device);
  return key == t ? y : map("linspace", kernels::Copy{}, out, Dest::out(y));
}

Tensor logspace(Scalar start, Scalar end, int64_t steps, double base, std::optional<DType> dtype, Device device) {
  check(steps >= 0, "logspace", "number of steps must be non-negative");
  NoGrad guard;
  const DType t = dtype.value_or(default_dtype());
  if (t == DType::Bool && steps > 1) not_implemented("logspace_cpu", t);
  if (steps < 2) return full({steps}, steps ? std::pow(base, start.to_double()) : 0, t, device);
  const Tensor exponents = linspace(as_held(start, t), as_held(end, t), steps, DType::Float64, device);
  const Tensor y = pow(scalar_tensor(base, DType::Float64, device), exponents);
  // Narrow integers are cut from int32, which holds its least number for all beyond it.
  return to_dtype(!is_floating(t) && item_size(t) < 4 ? to_dtype(y, DType::Int32) : y, t);
}

}  // namespace cnn
