#include "cnn/ops/sort.h"

#include "cnn/ops.h"
#include "kernels/rank.h"
#include "ops/map.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace cnn {
namespace {

void check_row(const char* op, const Tensor& x, int d) {
  check(x.dim() == 0 || x.shape()[d] < int64_t(1) << 32, op, "rows of 2^32 elements or more are not supported, got ",
        x.shape());
}

// Records that values[j] is x[indices[j]] along d.
std::pair<Tensor, Tensor> recorded(Grad& grad, const char* node, const Tensor& x, int d, bool keepdim,
                                   const Tensor& values, const Tensor& indices) {
  if (!grad) return {values, indices};
  auto saved = grad.save(indices);
  grad.record(node, Tensors{values, indices}, [=, sizes = x.shape()](Grads& g) {
    g[0] = select_backward_along(g.out_or_zeros(0), saved.get(g), sizes, d, keepdim);
  });
  return {values, indices};
}

// A result of x's shape in x's order of strides.
Tensor in_order_of(const Tensor& x, const Tensor& y) {
  if (x.is_contiguous()) return y;
  NoGrad guard;
  return copy_(empty_like(x, y.dtype()), y);
}

// (values, indices) of `length` elements of each row.
template <class F>
std::pair<Tensor, Tensor> ranked(const char* op, const char* node, const F& f, const Tensor& x, int d, int64_t length,
                                 bool keeps_layout, const Dest& values, const Dest& indices) {
  check_row(op, x, d);
  Grad grad({x}, values);
  Dims shape = x.shape();
  if (!shape.empty()) shape[d] = length;
  const Tensor from = contiguous(detach(x));
  ReduceResult::check_exact(op, DType::Int64, x, indices);
  const ReduceResult y(op, shape, x.dtype(), x, values, ReduceResult::Out::Exact),
      at(op, shape, DType::Int64, x, indices, ReduceResult::Out::Exact);
  rows_into(op, f, {{&y.tensor()}, {&at.tensor(), RowKind::Whole, true}, {&from}}, 2, x.shape(), d,
            reduce_key(x.dtype()));
  if (keeps_layout) return recorded(grad, node, x, d, true, in_order_of(x, y.done()), in_order_of(x, at.done()));
  return recorded(grad, node, x, d, true, y.done(), at.done());
}

// (value, index) of one element of each row.
template <class F>
std::pair<Tensor, Tensor> picked(const char* op, const char* node, const F& f, const Tensor& x, int d, bool keepdim,
                                 const Dest& values, const Dest& indices) {
  check_index(x.dim() == 0 || x.shape()[d] > 0, "", op, "(): Expected reduction dim ", d, " to have non-zero size.");
  check_row(op, x, d);
  Grad grad({x}, values);
  const Dims shape = ReducedDims::one(op, x, d).shape(x, keepdim);
  const Tensor from = contiguous(detach(x));
  ReduceResult::check_exact(op, DType::Int64, x, indices);
  const ReduceResult y(op, shape, x.dtype(), x, values, ReduceResult::Out::Exact),
      at(op, shape, DType::Int64, x, indices, ReduceResult::Out::Exact);
  rows_into(op, f, {{&y.tensor(), RowKind::Single}, {&at.tensor(), RowKind::Single, true}, {&from}}, 2, x.shape(), d,
            reduce_key(x.dtype()));
  return recorded(grad, node, x, d, keepdim, y.done(), at.done());
}

void check_not_bool(const char* name, const Tensor& x) {
  check_implemented(x.dtype() != DType::Bool, "", "\"", name, "\" not implemented for 'Bool'");
}

Tensor median_of_all(const char* op, const char* node, bool ignore_nan, const Tensor& x) {
  check_not_bool("median_cpu", x);
  Grad grad({x});
  auto saved = grad.save(x);
  Tensor y;
  {
    NoGrad guard;
    kernels::Median f;
    f.ignore_nan = ignore_nan;
    const Scalar none = is_floating(x.dtype()) ? Scalar(__builtin_nan("")) : Scalar(INT64_MIN);
    y = x.numel() ? picked(op, node, f, reshape(x, {-1}), 0, false, {}, {}).first
                  : full({}, none, x.dtype(), x.device());
  }
  if (!grad) return y;
  auto result = grad.save_output(y);
  return grad.record(node, y, [=](Grads& g) { g[0] = shared_among_equals(g.out(), saved.get(g), result.get(g)); });
}

std::pair<Tensor, Tensor> median_along(const char* op, const char* node, bool ignore_nan, const Tensor& x, int64_t dim,
                                       bool keepdim, const Dest& values, const Dest& indices) {
  const int d = normalize_dim(op, dim, x.dim());
  check_not_bool("median_out", x);
  kernels::Median f;
  f.ignore_nan = ignore_nan;
  return picked(op, node, f, x, d, keepdim, values, indices);
}

std::pair<Tensor, Tensor> sorted(const char* node, const Tensor& x, int64_t dim, bool descending, const Dest& values,
                                 const Dest& indices);

// Unsigned integers as int64 in the same order: what int64 does not hold comes last when the highest bit is turned.
std::pair<Tensor, Tensor> sorted_unsigned(const char* node, const Tensor& x, int d, bool descending,
                                          const Dest& indices) {
  const bool turns = x.dtype() == DType::UInt64;
  const Tensor highest = wrapped_number(Scalar(INT64_MIN));
  const Tensor from = turns ? bitwise_xor(view_dtype(x, DType::Int64), highest) : to_dtype(x, DType::Int64);
  const auto [y, at] = sorted(node, from, d, descending, {}, indices);
  return {turns ? view_dtype(bitwise_xor(y, highest), x.dtype()) : to_dtype(y, x.dtype()), at};
}

std::pair<Tensor, Tensor> sorted(const char* node, const Tensor& x, int64_t dim, bool descending, const Dest& values,
                                 const Dest& indices) {
  const int d = normalize_dim("sort", dim, x.dim());
  if (x.dtype() >= DType::UInt16) {
    if (!values) return sorted_unsigned(node, x, d, descending, indices);
    ReduceResult::check_exact("sort", x.dtype(), x, values);
    ReduceResult::check_exact("sort", DType::Int64, x, indices);
    const auto [y, at] = sorted_unsigned(node, x, d, descending, {});
    return {copy_out("sort", y, values), copy_out("sort", at, indices)};
  }
  kernels::Sort f;
  f.descending = descending;
  return ranked("sort", node, f, x, d, x.dim() ? x.shape()[d] : 1, !values, values, indices);
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending, Dest values, Dest indices) {
  return sorted("SortBackward0", x, dim, descending, values, indices);
}
std::pair<Tensor, Tensor> sort_stable(const Tensor& x, std::optional<bool>, int64_t dim, bool descending, Dest values,
                                      Dest indices) {
  return sorted("SortBackward1", x, dim, descending, values, indices);
}

Tensor argsort(const Tensor& x, int64_t dim, bool descending) { return sort(detach(x), dim, descending).second; }

Tensor msort(const Tensor& x) { return sort(x, 0).first; }

std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool, Dest values, Dest indices) {
  const int d = normalize_dim("topk", dim, x.dim());
  check(k >= 0 && k <= (x.dim() ? x.shape()[d] : 1), "", "selected index k out of range");
  check(x.dtype() != DType::Bool, "", "topk does not support bool dtypes on CPU");
  kernels::TopK f;
  f.k = x.dim() ? k : 1;
  f.largest = largest;
  return ranked("topk", "TopkBackward0", f, x, d, k, false, values, indices);
}

std::pair<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim, Dest values, Dest indices) {
  const int d = normalize_dim("kthvalue", dim, x.dim());
  check_not_bool("kthvalue_cpu", x);
  const int64_t n = x.dim() ? x.shape()[d] : 1;
  check_index(n > 0, "", "kthvalue(): Expected reduction dim ", d, " to have non-zero size.");
  check(k >= 1 && k <= n, "", "kthvalue(): selected number k out of range for dimension ", d);
  kernels::Kth f;
  f.k = k;
  return picked("kthvalue", "KthvalueBackward0", f, x, d, keepdim, values, indices);
}

Tensor median(const Tensor& x) { return median_of_all("median", "MedianBackward0", false, x); }
std::pair<Tensor, Tensor> median(const Tensor& x, int64_t dim, bool keepdim, Dest values, Dest indices) {
  return median_along("median", "MedianBackward1", false, x, dim, keepdim, values, indices);
}
Tensor nanmedian(const Tensor& x) { return median_of_all("nanmedian", "NanmedianBackward0", true, x); }
std::pair<Tensor, Tensor> nanmedian(const Tensor& x, int64_t dim, bool keepdim, Dest values, Dest indices) {
  return median_along("nanmedian", "NanmedianBackward1", true, x, dim, keepdim, values, indices);
}

std::pair<Tensor, Tensor> mode(const Tensor& x, int64_t dim, bool keepdim, Dest values, Dest indices) {
  const int d = normalize_dim("mode", dim, x.dim());
  return picked("mode", "ModeBackward0", kernels::Mode{}, x, d, keepdim, values, indices);
}

}  // namespace cnn
