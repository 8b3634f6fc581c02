#include "cnn/ops/view_scatter.h"

#include <algorithm>

#include "cnn/autograd.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"
#include "ops/map.h"

namespace cnn {
namespace {

// `place(x)` is the view; it stands for itself and, in the gradient, for the same place of other tensors.
template <class Place>
Tensor scattered(const char* op, const char* node, const Tensor& x, const Tensor& src, const Place& place) {
  Grad grad({x, src});
  Tensor y;
  {
    NoGrad guard;
    const Dims shape = place(x).shape();
    check(src.shape() == shape, op, "expected src to have a size equal to the slice of self. src size = ", src.shape(),
          ", slice size = ", shape);
    check_same_device(op, x, src);
    y = clone(x);
    copy_(place(y), src);
  }
  if (!grad) return y;
  return grad.record(node, y, [op, node, place, shape = src.shape()](Grads& g) {
    const Tensor& from = g.out();
    if (g.wants(0)) g[0] = scattered(op, node, from, zeros(shape, from.dtype(), from.device()), place);
    if (g.wants(1)) g[1] = place(from);
  });
}

}  // namespace

Tensor select_scatter(const Tensor& x, const Tensor& src, int64_t dim, int64_t index) {
  return scattered("select_scatter", "SelectScatterBackward0", x, src,
                   [=](const Tensor& y) { return select(y, dim, index); });
}
Tensor slice_scatter(const Tensor& x, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  return scattered("slice_scatter", "SliceScatterBackward0", x, src,
                   [=](const Tensor& y) { return slice(y, dim, start, end, step); });
}
Tensor diagonal_scatter(const Tensor& x, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  return scattered("diagonal_scatter", "DiagonalScatterBackward0", x, src,
                   [=](const Tensor& y) { return diagonal(y, offset, dim1, dim2); });
}

Tensor fill_diagonal_(const Tensor& x, Scalar value, bool wrap) {
  const int n = x.dim();
  check(n >= 2, "", "dimensions must larger than 1");
  const int64_t rows = x.size(0), columns = x.size(1);
  int64_t step = 0;
  for (int d = 0; d < n; ++d) {
    check(n == 2 || x.size(d) == rows, "", "all dimensions of input must be of equal length");
    step += x.strides()[d];
  }
  check_converts(value, x.dtype());
  if (n > 2) {
    fill_(as_strided(x, {rows}, {step}), value);
    return x;
  }
  fill_(diagonal(x), value);
  for (int64_t top = columns + 1; wrap && top < rows; top += columns + 1)
    fill_(diagonal(slice(x, 0, top, std::min(rows, top + columns))), value);
  return x;
}

}  // namespace cnn
