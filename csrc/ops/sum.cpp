// Sums, means, products and truth.
#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/reduce.h"
#include "ops/map.h"
#include "ops/reduce.h"

namespace cnn {
namespace {

// Given, or that of out=, or the input's, with integers summed in int64.
DType summed_dtype(const char* op, const Tensor& x, std::optional<DType> dtype, const Dest& dest) {
  if (!dest.is_out()) return dtype ? *dtype : is_floating(x.dtype()) ? x.dtype() : DType::Int64;
  const DType out = dest.target().dtype();
  check(!dtype || *dtype == out, op, "Expected out tensor to have dtype ", dtype_type_name(dtype.value_or(out)),
        ", but got ", dtype_type_name(out), " instead");
  return out;
}

// In the result's dtype first, as PyTorch computes: elements of a float sum in int64 are truncated one by one.
Tensor in_key(const Tensor& x, DType result) {
  return is_floating(x.dtype()) && !is_floating(result) ? to_dtype(detach(x), result) : x;
}

Tensor truth(const char* op, bool all, const Tensor& x, const std::optional<Dims>& dim, bool keepdim,
             const Dest& dest) {
  const bool bytes = dest.is_out() ? dest.target().dtype() == DType::UInt8 : x.dtype() == DType::UInt8;
  const DType result = bytes ? DType::UInt8 : DType::Bool;
  NoGrad guard;
  if (dim && dim->empty()) {  // reduces nothing
    const Tensor y = to_dtype(to_dtype(x, DType::Bool), result);
    const ReduceResult out(op, x.shape(), result, x, dest, ReduceResult::Out::Exact);
    return copy_(out.tensor(), y), out.done();
  }
  const ReducedDims dims(op, x, dim);
  const ReduceResult y(op, dims.shape(x, keepdim), result, x, dest, ReduceResult::Out::Exact);
  if (all) reduce_into(op, kernels::All{}, x, dims, DType::Bool, y.tensor());
  else reduce_into(op, kernels::Any{}, x, dims, DType::Bool, y.tensor());
  return y.done();
}

}  // namespace

Tensor sum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"sum", x, dest}) [[unlikely]]
    return cast(sum, x, dim, keepdim, dtype, dest);
  const ReducedDims dims("sum", x, dim);
  const DType result = summed_dtype("sum", x, dtype, dest);
  Grad grad({x}, dest);
  Tensor y = reduce("sum", kernels::Sum{}, in_key(x, result), dims, keepdim, result, dest);
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

Tensor mean(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  const DType result = dtype.value_or(x.dtype());
  if (dest.is_out() && is_floating(result)) {
    const DType out = dest.target().dtype();
    check(!dtype || *dtype == out, "mean", "Expected out tensor to have dtype ", dtype_type_name(result), ", but got ",
          dtype_type_name(out), " instead");
    check(is_floating(out), "mean", "result type ", dtype_type_name(result),
          " can't be cast to the desired output type ", dtype_type_name(out));
  }
  check(is_floating(result), "", "mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
        " dtype must be either a floating point or complex dtype. Got: ", dtype_type_name(result));
  const ReducedDims dims("mean", x, dim);
  Grad grad({x}, dest);
  Tensor y = reduce("mean", kernels::Mean{}, x, dims, keepdim, result, dest);
  if (!grad) return y;
  const double count = double(dims.count(x));
  return grad.record(dim ? "MeanBackward1" : "MeanBackward0", y, [=, sizes = x.shape()](Grads& g) {
    g[0] = expand_reduced(g.out() / Scalar(count), sizes, dims, keepdim);
  });
}

Tensor nansum(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  const DType result = summed_dtype("nansum", x, dtype, dest);
  check_implemented(!is_floating(x.dtype()) || is_floating(result), "", "\"nansum_cpu\" not implemented for '",
                    dtype_type_name(result), "'");
  if (!is_floating(x.dtype()) || !is_floating(result)) return sum(x, dim, keepdim, result, dest);
  const ReducedDims dims("nansum", x, dim);
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  Tensor y = reduce("nansum", kernels::NanSum{}, x, dims, keepdim, result, dest);
  if (!grad) return y;
  return grad.record("NansumBackward0", y, [=](Grads& g) {
    const Tensor x = saved.get(g);
    g[0] = expand_reduced(g.out(), x.shape(), dims, keepdim) * logical_not(isnan(x));
  });
}

Tensor nanmean(const Tensor& x, std::optional<Dims> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  check(is_floating(x.dtype()), "", "nanmean(): expected input to have floating point or complex dtype but got ",
        dtype_type_name(x.dtype()));
  const Tensor count = sum(logical_not(isnan(detach(x))), dim, keepdim);
  return div(nansum(x, dim, keepdim, dtype), count, dest);
}

namespace {

// d prod / d x[i] = the product of all the others; with a zero among them, from products before and after i.
Tensor prod_backward(const Tensor& g, const Tensor& x, const Tensor& y, int d) {
  const bool zeros_possible = x.device().is_meta() ? false : any(eq(detach(x), wrapped_number(0))).item().to_bool();
  if (!zeros_possible) return g * y / x;
  const int64_t n = x.shape()[d];
  const Tensor one = ones_like(narrow(x, d, 0, 1));
  const Tensor before = cumprod(cat({one, narrow(x, d, 0, n - 1)}, d), d);
  const Tensor after = flip(cumprod(cat({one, narrow(flip(x, {d}), d, 0, n - 1)}, d), d), {d});
  return g * (before * after);
}

}  // namespace

Tensor prod(const Tensor& x, std::optional<int64_t> dim, bool keepdim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"prod", x, dest}) [[unlikely]]
    return cast(prod, x, dim, keepdim, dtype, dest);
  const ReducedDims dims = dim ? ReducedDims::one("prod", x, *dim) : ReducedDims::all(x);
  const DType result = summed_dtype("prod", x, dtype, dest);
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  Tensor y = reduce("prod", kernels::Prod{}, in_key(x, result), dims, keepdim, result, dest);
  if (!grad) return y;
  return grad.record(dim ? "ProdBackward1" : "ProdBackward0", y, [=](Grads& g) {
    const Tensor x = saved.get(g);
    if (x.numel() == 0) {
      g[0] = zeros_like(x);
    } else if (x.dim() == 0) {
      g[0] = g.out();
    } else if (dim) {
      const int d = normalize_dim("prod", *dim, x.dim());
      g[0] = prod_backward(with_reduced_dims(g.out(), x.shape(), dims, keepdim), x, prod(x, d, true), d);
    } else {
      const Tensor flat = reshape(x, {-1});
      g[0] = reshape(prod_backward(g.out(), flat, prod(flat), 0), x.shape());
    }
  });
}

Tensor any(const Tensor& x, std::optional<Dims> dim, bool keepdim, Dest dest) {
  return truth("any", false, x, dim, keepdim, dest);
}
Tensor all(const Tensor& x, std::optional<Dims> dim, bool keepdim, Dest dest) {
  return truth("all", true, x, dim, keepdim, dest);
}

Tensor count_nonzero(const Tensor& x, std::optional<Dims> dim) {
  NoGrad guard;
  return sum(to_dtype(x, DType::Bool), dim);
}

Tensor trace(const Tensor& x) {
  if (const Autocast cast{"trace", x}) [[unlikely]]
    return cast(trace, x);
  check(x.dim() == 2, "", "trace: expected a matrix, but got tensor with dim ", x.dim());
  check_implemented(x.dtype() != DType::Bool, "", "\"trace\" not implemented for 'Bool'");
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    y = sum(diagonal(x));
  }
  if (!grad) return y;
  return grad.record("TraceBackward0", y, [sizes = x.shape()](Grads& g) {
    const int64_t n = sizes[0] < sizes[1] ? sizes[0] : sizes[1];
    g[0] = diagonal_backward(expand(g.out(), {n}), sizes, 0, 0, 1);
  });
}

}  // namespace cnn
