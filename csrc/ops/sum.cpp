// Sums, means, products and truth.
#include "cnn/ops.h"
#include "ops/map.h"
#include "ops/reduce.h"

namespace cnn {

Tensor sum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  const ReducedDims dims("sum", x, dim);
  const DType result = dtype ? *dtype : is_floating(x.dtype()) ? x.dtype() : DType::Int64;
  Grad grad({x}, dest);
  Tensor y = reduce("sum", kernels::Sum{}, x, dims, keepdim, result, dest);
  if (!grad) return y;
  return grad.record(dim ? "SumBackward1" : "SumBackward0", y, [sizes = x.shape(), dims, keepdim](Grads& g) {
    g[0] = expand_reduced(g.out(), sizes, dims, keepdim);
  });
}

Tensor sum_to_size(const Tensor& x, const Dims& size) {
  const int extra = x.dim() - size.size();
  bool fits = extra >= 0;
  for (int i = 0; i < size.size() && fits; ++i) fits = size[i] == 1 || size[i] == x.shape()[i + extra];
  check(fits, "", "size {", size, "} is not expandable to size {", x.shape(), "}.");
  Dims dims;
  for (int i = 0; i < x.dim(); ++i)
    if (i < extra || (size[i - extra] == 1 && x.shape()[i] != 1)) dims.push_back(i);
  if (dims.empty()) return x;
  Tensor y = sum(x, dims, true, x.dtype());
  return extra > 0 ? view(y, size) : y;
}

}  // namespace cnn
