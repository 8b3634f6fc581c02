// Norms of vectors.
#include <cmath>

#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/reduce.h"
#include "ops/map.h"
#include "ops/reduce.h"

namespace cnn {
namespace {

Tensor norm_values(const Tensor& x, double p, const ReducedDims& dims, bool keepdim, DType result, const Dest& dest) {
  const char* const op = "linalg_vector_norm";
  if (p == 2) return reduce(op, kernels::Norm2{}, x, dims, keepdim, result, dest);
  if (p == 1) return reduce(op, kernels::SumAbs{}, x, dims, keepdim, result, dest);
  if (p == 0) return reduce(op, kernels::CountNonzero{}, x, dims, keepdim, result, dest);
  if (std::isinf(p) && p > 0) return reduce(op, kernels::MaxAbs{}, x, dims, keepdim, result, dest);
  if (std::isinf(p)) return reduce(op, kernels::MinAbs{}, x, dims, keepdim, result, dest);
  kernels::NormP f;
  f.p = p;
  return reduce(op, f, x, dims, keepdim, result, dest);
}

// g and y have x's dimensions, the reduced ones as 1. The gradient is 0 where the norm has none, undefined for p = 0.
Tensor norm_backward(const Tensor& g, const Tensor& x, const Tensor& y, double p, const Dims& dims) {
  const Tensor zero = wrapped_number(0.0);
  const auto without = [&](const Tensor& v, const Tensor& where_zero) {
    return masked_fill(v, eq(detach(where_zero), zero), zero);
  };
  if (p == 0) return {};
  if (p == 1) return g * sign(x);
  if (is_reduced(x.dtype())) {  // in which g / y may be beyond the largest number
    const auto wide = [](const Tensor& t) { return to_dtype(t, DType::Float32); };
    return to_dtype(norm_backward(wide(g), wide(x), wide(y), p, dims), x.dtype());
  }
  if (p == 2) {  // x / y has a size of at most 1, where g / y overflows
    return g * (x / masked_fill(y, eq(detach(y), zero), wrapped_number(__builtin_inf())));
  }
  if (std::isinf(p)) {
    const Tensor size = abs(detach(x)), best = detach(y);
    const Tensor mask = logical_or(eq(size, best), isnan(size));
    const Tensor count = x.dim() ? sum(mask, dims, true) : sum(mask);
    return g / count * (sign(x) * mask);
  }
  if (p < 1) return without(sign(x) * pow(abs(x), wrapped_number(p - 1)), x) * g * pow(y, wrapped_number(1 - p));
  if (p < 2)
    return without(sign(x) * pow(abs(x), wrapped_number(p - 1)), x) * without(g * pow(y, wrapped_number(1 - p)), y);
  return x * pow(abs(x), wrapped_number(p - 2)) * without(g / pow(y, wrapped_number(p - 1)), y);
}

Dims reduced_list(const Tensor& x, const ReducedDims& dims) {
  Dims list;
  for (int d = 0; d < x.dim(); ++d)
    if (dims.reduces(d)) list.push_back(d);
  return list;
}

}  // namespace

Tensor linalg_vector_norm(const Tensor& x, Scalar ord, std::optional<Dims> dim, bool keepdim,
                          std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"linalg_vector_norm", x, dest}) [[unlikely]]
    return cast(linalg_vector_norm, x, ord, dim, keepdim, dtype, dest);
  check(is_floating(x.dtype()), "", "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
        dtype_type_name(x.dtype()));
  check(!dtype || is_floating(*dtype), "", "linalg.vector_norm: dtype should be floating point or complex, but got ",
        dtype_type_name(dtype.value_or(x.dtype())));
  const double p = ord.to_double();
  const ReducedDims dims("linalg.vector_norm", x, dim);
  const bool needs_elements = p < 0 || std::isinf(p);
  check(!needs_elements || x.numel() > 0 || (dim && !dim->empty()), "", "linalg.vector_norm cannot compute the ", p,
        " norm on an empty tensor because the operation does not have an identity");
  for (int d = 0; d < x.dim(); ++d)
    check(!needs_elements || !dims.reduces(d) || x.shape()[d] > 0, "", "linalg.vector_norm cannot compute the ", p,
          " norm on the dimension ", d, " because this dimension is empty and the operation does not have an identity");
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  const Tensor y = norm_values(x, p, dims, keepdim, dtype.value_or(x.dtype()), dest);
  if (!grad) return y;
  auto result = grad.save_output(y);
  return grad.record("LinalgVectorNormBackward0", y, [=](Grads& g) {
    const Tensor x = saved.get(g);
    g[0] = norm_backward(with_reduced_dims(g.out(), x.shape(), dims, keepdim), x,
                         with_reduced_dims(result.get(g), x.shape(), dims, keepdim), p, reduced_list(x, dims));
  });
}

Tensor norm(const Tensor& x, Scalar p, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"norm", x, dest}) [[unlikely]]
    return cast(norm, x, p, dim, keepdim, dtype, dest);
  return linalg_vector_norm(x, p, dim, keepdim, dtype, dest);
}

Tensor dist(const Tensor& a, const Tensor& b, Scalar p) {
  if (const Autocast cast{"dist", a}) [[unlikely]]
    return cast(dist, a, b, p);
  Grad grad({a, b});
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y;
  {
    NoGrad guard;
    y = norm(a - b, p);
  }
  if (!grad) return y;
  auto result = grad.save_output(y);
  return grad.record("DistBackward0", y, [=](Grads& g) {
    const Tensor difference = sa.get(g) - sb.get(g);
    const ReducedDims dims = ReducedDims::all(difference);
    const Dims& sizes = difference.shape();
    const Tensor d = norm_backward(with_reduced_dims(g.out(), sizes, dims, false), difference,
                                   with_reduced_dims(result.get(g), sizes, dims, false), p.to_double(),
                                   reduced_list(difference, dims));
    if (g.wants(0)) g[0] = d;
    if (g.wants(1) && d.defined()) g[1] = -d;
  });
}

// What scales the slices of a norm above the limit. As in PyTorch the norm is raised a little, so that it divides.
Tensor renorm(const Tensor& x, Scalar p, int64_t dim, Scalar maxnorm, Dest dest) {
  if (const Autocast cast{"renorm", x, dest}) [[unlikely]]
    return cast(renorm, x, p, dim, maxnorm, dest);
  check(p.to_double() > 0, "", "renorm: non-positive-norm not supported");
  check(maxnorm.to_double() >= 0, "", "renorm: expected maxnorm to be >= 0 but got ", maxnorm.to_double());
  check(x.dim() > 1, "", "renorm: input needs at least 2 dimensions, got ", x.dim(), "dimensions");
  check(is_floating(x.dtype()), "", "renorm: expected a floating-point tensor, got ", x.dtype());
  const int d = normalize_dim("renorm", dim, x.dim());
  Dims others;
  for (int i = 0; i < x.dim(); ++i)
    if (i != d) others.push_back(i);
  const double limit = maxnorm.to_double();
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  Tensor y;
  {
    NoGrad guard;
    const Tensor size = linalg_vector_norm(x, p, others, true, compute_dtype(x.dtype()));
    const Tensor scale = where(gt(size, wrapped_number(limit)), limit / (size + 1e-7), ones_like(size));
    y = mul(x, to_dtype(scale, x.dtype()), dest);
  }
  if (!grad) return y;
  return grad.record("RenormBackward0", y, [saved, p, others, limit](Grads& g) {
    const Tensor x = saved.get(g), size = linalg_vector_norm(x, p, others, true);
    const Tensor inverse = reciprocal(size + 1e-7);
    const Tensor along = sum(g.out() * x, others, true);
    const Tensor slope = norm_backward(along, x, size, p.to_double(), others);
    const Tensor scaled = slope.defined() ? g.out() - inverse * slope : g.out();
    g[0] = where(gt(size, wrapped_number(limit)), scaled * inverse * limit, g.out());
  });
}

}  // namespace cnn
