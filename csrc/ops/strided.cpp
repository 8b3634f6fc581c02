// as_strided and unfold: views whose elements may meet, so that their gradients add up.
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"
#include "kernels/create.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

// Elements of memory that a geometry reaches, counted from `offset` on.
int64_t extent(const Dims& sizes, const Dims& strides) {
  int64_t last = 0;
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
    last += (sizes[i] - 1) * strides[i];
  }
  return last + 1;
}

void check_geometry(const char* op, const Tensor& x, const Dims& size, const Dims& stride, int64_t offset) {
  check(size.size() == stride.size(), op, "mismatch in length of strides and shape: ", stride, " and ", size);
  numel_of(op, size);
  int64_t last = 0;
  for (int i = 0; i < size.size(); ++i) {
    check(stride[i] >= 0, op, "Negative strides are not supported at the moment, got strides: ", stride);
    int64_t span;
    check(!__builtin_mul_overflow(size[i] > 0 ? size[i] - 1 : 0, stride[i], &span) &&
              !__builtin_add_overflow(last, span, &last),
          op, "Storage size calculation overflowed with sizes=", size, " and strides=", stride);
  }
  check(offset >= 0, op, "Tensor: invalid storage offset ", offset);
  const int64_t n = extent(size, stride);
  const int64_t have = int64_t(x.storage()->nbytes()) / item_size(x.dtype());
  check(n == 0 || offset <= have - n, op, "setStorage: sizes ", size, ", strides ", stride, ", storage offset ", offset,
        ", and itemsize ", item_size(x.dtype()), " requiring a storage size of ", (offset + n) * item_size(x.dtype()),
        " are out of bounds for storage of size ", int64_t(x.storage()->nbytes()));
}

// y[geometry] += src, element after element.
void add_into(const Tensor& y, const Tensor& src, const Dims& sizes, const Dims& strides, int64_t offset) {
  const Tensor x = contiguous(src);
  kernels::AddStrided f;
  check_implemented(sizes.size() <= 12, "as_strided_backward", "more than 12 dimensions");
  f.y = static_cast<char*>(y.raw()) + (offset - y.offset()) * item_size(y.dtype());
  f.x = x.raw();
  f.ndim = sizes.size();
  for (int i = 0; i < sizes.size(); ++i) {
    f.sizes[i] = sizes[i];
    f.strides[i] = strides[i];
  }
  each(f, x.numel(), x.dtype(), x.device(), Order::Ascending);
}

// The sum of `grad` over what each element of x gave to as_strided(x, size, stride, offset).
Tensor as_strided_backward(const Tensor& grad_out, const Dims& x_sizes, const Dims& x_strides, int64_t x_offset,
                           const Dims& size, const Dims& stride, int64_t offset) {
  Grad grad({grad_out});
  Tensor y;
  {
    NoGrad guard;
    const DType t = compute_dtype(grad_out.dtype());
    const int64_t begin = std::min(x_offset, offset);
    const int64_t end = std::max(x_offset + extent(x_sizes, x_strides), offset + extent(size, stride));
    const Tensor memory = zeros({end - begin}, t, grad_out.device());
    add_into(memory, to_dtype(grad_out, t), size, stride, offset - begin);
    y = to_dtype(clone(alias(memory, x_sizes, x_strides, x_offset - begin)), grad_out.dtype());
    if (!cnn::is_contiguous(x_sizes, x_strides)) {
      // Elements of x that share memory share the gradient too.
      const Tensor times = zeros({end - begin}, t, grad_out.device());
      add_into(times, ones(x_sizes, t, grad_out.device()), x_sizes, x_strides, x_offset - begin);
      y = to_dtype(div(y, alias(times, x_sizes, x_strides, x_offset - begin)), grad_out.dtype());
    }
  }
  if (!grad) return y;
  return grad.record("AsStridedBackwardBackward0", y, [=](Grads& g) {
    const Tensor memory = zeros({std::max(x_offset + extent(x_sizes, x_strides), offset + extent(size, stride))},
                                g.out().dtype(), g.out().device());
    g[0] = as_strided(as_strided_scatter(memory, g.out(), x_sizes, x_strides, x_offset), size, stride, offset);
  });
}

}  // namespace

Tensor as_strided(const Tensor& x, const Dims& size, const Dims& stride, std::optional<int64_t> storage_offset) {
  const int64_t offset = storage_offset.value_or(x.offset());
  check_geometry("as_strided", x, size, stride, offset);
  Grad grad({x});
  Tensor y = alias(x, size, stride, offset);
  if (!grad) return y;
  return grad.record_view(
      "AsStridedBackward0", y,
      [sizes = x.shape(), strides = x.strides(), x_offset = x.offset(), size, stride, offset](Grads& g) {
        g[0] = as_strided_backward(g.out(), sizes, strides, x_offset, size, stride, offset);
      });
}

Tensor as_strided_scatter(const Tensor& x, const Tensor& src, const Dims& size, const Dims& stride,
                          std::optional<int64_t> storage_offset) {
  const int64_t offset = storage_offset.value_or(x.offset());
  check_geometry("as_strided_scatter", x, size, stride, offset);
  check(src.shape() == size, "as_strided_scatter",
        "expected src to have a size equal to the slice of self. src size = ", src.shape(), ", slice size = ", size);
  Grad grad({x, src});
  Tensor y;
  {
    NoGrad guard;
    const Tensor memory = empty({int64_t(x.storage()->nbytes()) / item_size(x.dtype())}, x.dtype(), x.device());
    y = detached_alias(alias(memory, x.shape(), x.strides(), x.offset()), true);
    copy_(y, x);
    copy_(alias(y, size, stride, offset), src);
  }
  if (!grad) return y;
  return grad.record("AsStridedScatterBackward0", y, [size, stride, offset](Grads& g) {
    const Tensor go = contiguous(g.out());
    if (g.wants(0)) g[0] = as_strided_scatter(go, zeros(size, go.dtype(), go.device()), size, stride, offset);
    if (g.wants(1)) g[1] = as_strided(go, size, stride, offset);
  });
}

Tensor unfold(const Tensor& x, int64_t dimension, int64_t size, int64_t step) {
  const int d = normalize_dim("unfold", dimension, x.dim());
  const int64_t n = x.dim() == 0 ? 1 : x.shape()[d];
  check(size >= 0, "unfold", "size is ", size, " but must be >= 0");
  check(size <= n, "unfold", "maximum size for tensor at dimension ", d, " is ", n, " but size is ", size);
  check(step > 0, "unfold", "step is ", step, " but must be > 0");
  Dims sizes = x.shape(), strides = x.strides();
  const int64_t along = x.dim() == 0 ? 1 : strides[d];
  if (x.dim() > 0) {
    sizes[d] = (n - size) / step + 1;
    strides[d] = step * along;
  }
  sizes.push_back(size);
  strides.push_back(along);
  numel_of("unfold", sizes);  // windows overlap: there may be more elements than an index can count
  Grad grad({x});
  Tensor y = alias(x, sizes, strides, x.offset());
  if (!grad) return y;
  return grad.record_view("UnfoldBackward0", y, [shape = x.shape(), d, size, step](Grads& g) {
    g[0] = unfold_backward(g.out(), shape, d, size, step);
  });
}

Tensor unfold_backward(const Tensor& grad_out, const Dims& sizes, int64_t dim, int64_t size, int64_t step) {
  Grad grad({grad_out});
  Tensor y;
  {
    NoGrad guard;
    const DType t = compute_dtype(grad_out.dtype());
    y = zeros(sizes, t, grad_out.device());
    const Tensor windows = unfold(y, dim, size, step);
    add_into(y, to_dtype(grad_out, t), windows.shape(), windows.strides(), 0);
    y = to_dtype(y, grad_out.dtype());
  }
  if (!grad) return y;
  return grad.record("UnfoldBackwardBackward0", y,
                     [dim, size, step](Grads& g) { g[0] = unfold(g.out(), dim, size, step); });
}

}  // namespace cnn
