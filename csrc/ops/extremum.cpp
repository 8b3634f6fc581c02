// Largest and smallest elements, and where they stand.
#include "cnn/ops.h"
#include "kernels/reduce.h"
#include "ops/map.h"
#include "ops/reduce.h"

namespace cnn {
namespace {

// What differs between the two directions.
struct Largest {
  using Value = kernels::Max;
  using Place = kernels::MaxAt;
  static constexpr const char *kFull = "max", *kSlices = "amax", *kArg = "argmax";
  static constexpr const char *kFullNode = "MaxBackward1", *kDimNode = "MaxBackward0", *kSlicesNode = "AmaxBackward0";
};
struct Smallest {
  using Value = kernels::Min;
  using Place = kernels::MinAt;
  static constexpr const char *kFull = "min", *kSlices = "amin", *kArg = "argmin";
  static constexpr const char *kFullNode = "MinBackward1", *kDimNode = "MinBackward0", *kSlicesNode = "AminBackward0";
};

void check_any(const char* op, const Tensor& x) {
  check(x.numel() > 0, "", op,
        "(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
        "reduction dim with the 'dim' argument.");
}
int checked_dim(const char* op, const Tensor& x, int64_t dim) {
  const int d = normalize_dim(op, dim, x.dim());
  check_index(x.dim() == 0 || x.shape()[d] > 0, "", op, "(): Expected reduction dim ", d, " to have non-zero size.");
  return d;
}

// The gradient shared out evenly among the elements that equal their slice's extremum; NaN for a slice with NaN.
Tensor shared_in_slices(const Tensor& g, const Tensor& x, const Tensor& y, const std::optional<Dims>& dim) {
  const Tensor mask = eq(detach(x), detach(y));
  return g * mask / sum(mask, dim, dim.has_value(), g.dtype());
}

template <class D>
Tensor full(const Tensor& x, const Dest& dest) {
  check_any(D::kFull, x);
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  Tensor y =
      reduce(D::kFull, typename D::Value(), x, ReducedDims::all(x), false, x.dtype(), dest, ReduceResult::Out::Exact);
  if (!grad) return y;
  auto result = grad.save_output(y);
  return grad.record(D::kFullNode, y,
                     [=](Grads& g) { g[0] = shared_among_equals(g.out(), saved.get(g), result.get(g)); });
}

template <class D>
Tensor slices(const Tensor& x, const std::optional<Dims>& dim, bool keepdim, const Dest& dest) {
  const ReducedDims dims(D::kSlices, x, dim);
  if (!dim || dim->empty()) check_any(D::kSlices, x);
  for (int d = 0; d < x.dim(); ++d)
    check_index(!dims.reduces(d) || x.shape()[d] > 0, "", D::kSlices, "(): Expected reduction dim ", d,
                " to have non-zero size.");
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  Tensor y = reduce(D::kSlices, typename D::Value(), x, dims, keepdim, x.dtype(), dest, ReduceResult::Out::Exact);
  if (!grad) return y;
  auto result = grad.save_output(y);
  return grad.record(D::kSlicesNode, y, [=](Grads& g) {
    const Tensor x = saved.get(g);
    g[0] = shared_in_slices(with_reduced_dims(g.out(), x.shape(), dims, keepdim), x,
                            with_reduced_dims(result.get(g), x.shape(), dims, keepdim), dim);
  });
}

template <class D>
std::pair<Tensor, Tensor> along(const Tensor& x, int64_t dim, bool keepdim, const Dest& values, const Dest& indices) {
  const int d = checked_dim(D::kFull, x, dim);
  const ReducedDims dims = ReducedDims::one(D::kFull, x, d);
  Grad grad({x}, values);
  const Dims shape = dims.shape(x, keepdim);
  ReduceResult::check_exact(D::kFull, DType::Int64, x, indices);
  const ReduceResult y(D::kFull, shape, x.dtype(), x, values, ReduceResult::Out::Exact),
      at(D::kFull, shape, DType::Int64, x, indices, ReduceResult::Out::Exact);
  reduce_into(D::kFull, typename D::Place(), x, dims, reduce_key(x.dtype()), y.tensor(), at.tensor());
  const std::pair<Tensor, Tensor> result = {y.done(), at.done()};
  if (!grad) return result;
  auto saved = grad.save(result.second);
  grad.record(D::kDimNode, Tensors{result.first, result.second}, [=, sizes = x.shape()](Grads& g) {
    g[0] = select_backward_along(g.out_or_zeros(0), saved.get(g), sizes, d, keepdim);
  });
  return result;
}

template <class D>
Tensor place(const Tensor& x, const std::optional<int64_t>& dim, bool keepdim, const Dest& dest) {
  check(x.dtype() != DType::Bool, "", D::kArg, "(): does not support bool input");
  check_index(dim || x.numel() > 0, "", D::kArg, "(): Expected reduction dim to be specified for input.numel() == 0.");
  const ReducedDims dims = dim ? ReducedDims::one(D::kArg, x, checked_dim(D::kArg, x, *dim)) : ReducedDims::all(x);
  const ReduceResult y(D::kArg, dims.shape(x, keepdim), DType::Int64, x, dest, ReduceResult::Out::Exact);
  reduce_into(D::kArg, typename D::Place(), x, dims, reduce_key(x.dtype()), {}, y.tensor());
  return y.done();
}

}  // namespace

Tensor shared_among_equals(const Tensor& g, const Tensor& x, const Tensor& y) {
  const Tensor at = detach(x), best = detach(y);
  const Tensor mask = logical_or(eq(at, best), logical_and(isnan(at), isnan(best)));
  return where(mask, g / sum(mask, {}, false, g.dtype()), zeros({}, g.dtype(), g.device()));
}

Tensor select_backward_along(const Tensor& g, const Tensor& indices, const Dims& sizes, int d, bool keepdim) {
  const Tensor zero = zeros(sizes, g.dtype(), g.device());
  if (sizes.empty() || keepdim) return scatter(zero, d, indices, g);
  return scatter(zero, d, unsqueeze(indices, d), unsqueeze(g, d));
}

Tensor max(const Tensor& x, Dest dest) { return full<Largest>(x, dest); }
Tensor min(const Tensor& x, Dest dest) { return full<Smallest>(x, dest); }
std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim, Dest values, Dest indices) {
  return along<Largest>(x, dim, keepdim, values, indices);
}
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim, Dest values, Dest indices) {
  return along<Smallest>(x, dim, keepdim, values, indices);
}
Tensor amax(const Tensor& x, std::optional<Dims> dim, bool keepdim, Dest dest) {
  return slices<Largest>(x, dim, keepdim, dest);
}
Tensor amin(const Tensor& x, std::optional<Dims> dim, bool keepdim, Dest dest) {
  return slices<Smallest>(x, dim, keepdim, dest);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim, Dest dest) {
  return place<Largest>(x, dim, keepdim, dest);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim, Dest dest) {
  return place<Smallest>(x, dim, keepdim, dest);
}

std::pair<Tensor, Tensor> aminmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim, Dest min, Dest max) {
  check(dim || x.numel() > 0, "",
        "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
        "identity.");
  const int d = dim ? normalize_dim("aminmax", *dim, x.dim()) : 0;
  check_index(!dim || x.dim() == 0 || x.shape()[d] > 0, "", "aminmax: Expected reduction dim ", d,
              " to have non-zero size.");
  const ReducedDims dims = dim ? ReducedDims::one("aminmax", x, d) : ReducedDims::all(x);
  Grad grad({x}, min);
  auto saved = grad.save(x);
  ReduceResult::check_exact("aminmax", x.dtype(), x, max);
  const Tensor low = reduce("aminmax", kernels::Min{}, x, dims, keepdim, x.dtype(), min, ReduceResult::Out::Exact);
  const Tensor high = reduce("aminmax", kernels::Max{}, x, dims, keepdim, x.dtype(), max, ReduceResult::Out::Exact);
  if (!grad) return {low, high};
  auto low_saved = grad.save_output(low, 0), high_saved = grad.save_output(high, 1);
  grad.record("AminmaxBackward0", Tensors{low, high}, [=](Grads& g) {
    const Tensor x = saved.get(g);
    const std::optional<Dims> along = dim ? std::optional<Dims>(Dims{d}) : std::nullopt;
    const Saved* results[] = {&low_saved, &high_saved};
    for (int k = 0; k < 2; ++k) {
      if (!g.has(k)) continue;
      const Tensor part = shared_in_slices(with_reduced_dims(g.out(k), x.shape(), dims, keepdim), x,
                                           with_reduced_dims(results[k]->get(g), x.shape(), dims, keepdim), along);
      g[0] = g[0].defined() ? g[0] + part : part;
    }
  });
  return {low, high};
}

}  // namespace cnn
