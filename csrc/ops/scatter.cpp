// gather, scatter and their kin along one dimension.
#include <limits>
#include <tuple>

#include "autograd/autocast.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "ops/each.h"
#include "ops/indexing.h"
#include "ops/map.h"

namespace cnn {

namespace {

// A single number counts as one element of one dimension.
int rank(const Tensor& x) { return x.dim() == 0 ? 1 : x.dim(); }

// The index must fit x in every dimension but d, and src everywhere. One without elements may be of any dtype.
void check_fits(const char* op, const Tensor& x, int d, const Tensor& index, const Tensor* src) {
  if (index.numel() == 0) return;
  check(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op, "Expected dtype int32/int64 for index");
  check(rank(index) == rank(x), op, "Index tensor must have the same number of dimensions as ", src ? "self" : "input",
        " tensor: ", index.shape(), " against ", x.shape());
  check(!src || rank(index) == rank(*src), op,
        "Index tensor must have the same number of dimensions as src tensor: ", index.shape(), " against ",
        src ? src->shape() : Dims());
  for (int i = 0; i < rank(index); ++i) {
    check(i == d || size_along(index, i) <= size_along(x, i), op, "Size does not match at dimension ", i,
          " expected index ", index.shape(), " to be no larger than self ", x.shape(), " apart from dimension ", d);
    check(!src || size_along(index, i) <= size_along(*src, i), op, "Expected index ", index.shape(),
          " to be no larger than src ", src ? src->shape() : Dims());
  }
}

// The elements of x that an index of `shape` covers: the first ones along each dimension, in x's number of dimensions.
Tensor corner(const Tensor& x, const Dims& shape) {
  Tensor y = x;
  for (int i = 0; i < x.dim(); ++i) y = narrow(y, i, 0, i < shape.size() ? shape[i] : 1);
  return y;
}
// The same in the shape of the index.
Tensor covered(const Tensor& x, const Tensor& index) {
  if (x.shape() == index.shape()) return x;
  if (index.numel() == 0) return zeros(index.shape(), x.dtype(), x.device());
  return reshape(corner(x, index.shape()), index.shape());
}

// The gradient of what is covered: the rest gets nothing.
Tensor from_covered(const Tensor& part, const Dims& shape) {
  if (part.shape() == shape) return part;
  const Tensor whole = zeros(shape, part.dtype(), part.device());
  if (part.numel() == 0) return whole;
  const Tensor first = corner(whole, part.shape());
  copy_(first, reshape(part, first.shape()));
  return whole;
}

// Along x's dimension d, by an index of as many dimensions: memory and strides are x's.
kernels::GatherPlace gather_place(const char* op, const Tensor& x, int d, const Tensor& index) {
  check_implemented(x.dim() <= kernels::kIndexDims, op, "more than ", kernels::kIndexDims, " dimensions");
  kernels::GatherPlace p;
  p.x = x.raw();
  p.ndim = index.dim();
  for (int i = 0; i < index.dim(); ++i) {
    p.sizes[i] = index.shape()[i];
    p.strides[i] = i == d || x.dim() == 0 ? 0 : x.strides()[i];
  }
  if (index.dim() == 0) {
    p.ndim = 1;
    p.sizes[0] = 1;
    p.strides[0] = 0;
  }
  p.stride = x.dim() == 0 ? 1 : x.strides()[d];
  return p;
}

// index_tensor, of what `check_fits` lets through.
Tensor index_along(const char* op, const Tensor& index, const Tensor& x) {
  return index_tensor(op, index.numel() == 0 ? empty(index.shape(), DType::Int64, x.device()) : index, x);
}

// Runs a functor over the places of `index` in x, and y, dense and of its shape.
template <class F>
void run_along(const char* op, const Tensor& x, int d, const Tensor& index, const Tensor& y, Order order) {
  F f;
  if (index.numel() > 0) f.place = gather_place(op, x, d, index);
  f.y = y.raw();
  bounded("", index, x, d, false, ErrorKind::Runtime)
      .each(
          [&](const kernels::IndexValues* values) {
            f.place.index = values[0];
            return f;
          },
          index.numel(), x.dtype(), x.device(), order);
}

// Runs F over x in place (or a copy), 16-bit floats in float.
template <class F>
Tensor scatter_with(const char* op, const Tensor& x, int d, const Tensor& given, const Tensor& src, const Dest& dest,
                    bool moves) {
  NoGrad guard;
  check_same_device(op, x, src);
  const Tensor index = index_along(op, given, x);
  const DType t = is_reduced(x.dtype()) && !moves ? DType::Float32 : x.dtype();
  Tensor y = x;
  if (dest) {
    check_not_repeated(op, x, given, src);
    bounded("", index, x, d, false, ErrorKind::Runtime).check_before_use();
    x.impl()->bump_version();
  } else {
    y = x.is_contiguous() ? clone(x) : contiguous(x);
  }
  const Tensor work = t == x.dtype() ? y : to_dtype(contiguous(y), t);
  run_along<F>(op, work, d, index, contiguous(to_device(to_dtype(covered(src, index), t), x.device())),
               Order::Ascending);
  if (!work.same(y)) copy_(y, work);
  return y;
}

// Sums and products; of truth values those are the largest and the least.
Tensor added_along(const char* op, const Tensor& x, int d, const Tensor& index, const Tensor& src, const Dest& dest) {
  if (x.dtype() == DType::Bool) return scatter_with<kernels::ScatterMax>(op, x, d, index, src, dest, false);
  return scatter_with<kernels::ScatterAdd>(op, x, d, index, src, dest, false);
}
Tensor multiplied_along(const char* op, const Tensor& x, int d, const Tensor& index, const Tensor& src,
                        const Dest& dest) {
  if (x.dtype() == DType::Bool) return scatter_with<kernels::ScatterMin>(op, x, d, index, src, dest, false);
  return scatter_with<kernels::ScatterMul>(op, x, d, index, src, dest, false);
}

}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& given, Dest dest) {
  if (dest.is_out()) {  // reads in any order, so not from what it writes
    check(dest.target().dtype() == x.dtype(), "gather", "Expected out tensor to have dtype ",
          dtype_type_name(x.dtype()), ", but got ", dtype_type_name(dest.target().dtype()), " instead");
    check_no_overlap("gather", dest.target(), x);
    check_no_partial_overlap("gather", dest.target(), given);
    if (given.storage() == dest.target().storage()) return gather(x, dim, clone(given), dest);
  }
  const int d = normalize_dim("gather", dim, x.dim());
  check_fits("gather", x, d, given, nullptr);
  Grad grad({x}, dest);
  const Tensor index = index_along("gather", given, x);
  if (dest) bounded("", index, x, d, false, ErrorKind::Runtime).check();
  const Tensor* inputs[] = {&index};
  Tensor y = dest ? result_for("gather", index.shape(), x.dtype(), inputs, 1, dest)
                  : empty(index.shape(), x.dtype(), x.device());
  const Tensor out = y.is_contiguous() ? y : empty(y.shape(), x.dtype(), y.device());
  run_along<kernels::Gather>("gather", x, d, index, out, Order::Any);
  if (!out.same(y)) copy_(y, out);
  if (!grad) return y;
  return grad.record("GatherBackward0", y, [saved = grad.save(given), d, shape = x.shape()](Grads& g) {
    const Tensor whole = zeros(shape, g.out().dtype(), g.out().device());
    g[0] = scatter_add(whole, d, saved.get(g), g.out(), Dest::in_place(whole));
  });
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
               const std::optional<std::string>& reduce, Dest dest) {
  if (dest.is_out()) {
    check_not_repeated("scatter", dest.target(), index, src);
    return copy_out("scatter", scatter(x, dim, index, src, reduce), dest);
  }
  const int d = normalize_dim("scatter", dim, x.dim());
  const bool number = src.impl()->wrapped_number;
  check(number || src.dtype() == x.dtype(), "scatter", "Expected self.dtype to be equal to src.dtype: ", x.dtype(),
        " against ", src.dtype());
  const Tensor source = number ? expand(to_device(to_dtype(src, x.dtype()), x.device()), index.shape()) : src;
  check_fits("scatter", x, d, index, &source);
  if (number) check_converts(src.item(), x.dtype());
  if (reduce && *reduce == "add") {
    return scatter_add(x, dim, index, source, dest);
  } else if (reduce) {
    check(*reduce == "multiply", "scatter", "reduce argument must be either add or multiply, got ", *reduce);
    Grad grad({x, src}, dest);
    check_implemented(!grad, "scatter", "the derivative of scatter with reduce='multiply'; use scatter_reduce 'prod'");
    return multiplied_along("scatter", x, d, index, source, dest);
  }
  Grad grad({x, src}, dest);
  Tensor y = scatter_with<kernels::ScatterSet>("scatter", x, d, index, source, dest, true);
  if (!grad) return y;
  return grad.record(number ? "ScatterBackward1" : "ScatterBackward0", y,
                     [saved = grad.save(index), d, number, shape = src.shape()](Grads& g) {
                       const Tensor index = saved.get(g);
                       if (g.wants(0)) g[0] = scatter(g.out(), d, index, wrapped_number(0.0));
                       if (!g.wants(1)) return;
                       const Tensor part = gather(g.out(), d, index);
                       g[1] = number ? sum(part) : from_covered(part, shape);
                     });
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, Dest dest) {
  if (const Autocast cast{"scatter_add", x, dest}) [[unlikely]]
    return cast(scatter_add, x, dim, index, src, dest);
  if (dest.is_out()) {
    check_not_repeated("scatter_add", dest.target(), index, src);
    return copy_out("scatter_add", scatter_add(x, dim, index, src), dest);
  }
  const int d = normalize_dim("scatter_add", dim, x.dim());
  check(src.dtype() == x.dtype(), "scatter_add", "Expected self.dtype to be equal to src.dtype: ", x.dtype(),
        " against ", src.dtype());
  check_fits("scatter_add", x, d, index, &src);
  Grad grad({x, src}, dest);
  Tensor y = added_along("scatter_add", x, d, index, src, dest);
  if (!grad) return y;
  return grad.record("ScatterAddBackward0", y,
                     [saved = grad.save_if(grad.needs(1), index), d, shape = src.shape()](Grads& g) {
                       if (g.wants(0)) g[0] = g.out();
                       if (g.wants(1)) g[1] = from_covered(gather(g.out(), d, saved.get(g)), shape);
                     });
}

namespace {
// For y = x times the elements of s that go there. y / x is the product of the others, unless x is zero: that product
// is then taken with the zero as a one.
std::pair<Tensor, Tensor> product_slopes(const Tensor& up, const Tensor& x, const Tensor& s, int d, const Tensor& index,
                                         bool include_self) {
  const Tensor one = wrapped_number(1.0), zero = wrapped_number(0.0);
  const Tensor whole_x = masked_fill(x, eq(x, zero), one);
  const Tensor dx = up * scatter_reduce(whole_x, d, index, s, "prod", include_self) / whole_x;
  const Tensor is_zero = eq(s, zero);
  Tensor zeros_at = include_self ? to_dtype(eq(x, zero), up.dtype()) : zeros_like(up);
  zeros_at = scatter_add(zeros_at, d, index, to_dtype(is_zero, up.dtype()));
  const Tensor alone = logical_and(is_zero, eq(gather(zeros_at, d, index), one));
  const Tensor y = scatter_reduce(x, d, index, s, "prod", include_self);
  const Tensor without = scatter_reduce(x, d, index, masked_fill(s, alone, one), "prod", include_self);
  const Tensor regular = gather(up * y, d, index) / masked_fill(s, is_zero, one);
  return {dx, where(alone, gather(up * without, d, index), regular)};
}
}  // namespace

Tensor reduced_along(const char* op, const char* node, const Tensor& x, int d, const Tensor& index, const Tensor& src,
                     const std::string& reduce, bool include_self, const Dest& dest) {
  Grad grad({x, src}, dest);
  auto sx = grad.save(x), ssrc = grad.save(src), saved_index = grad.save(index);
  Tensor y, count;
  {
    NoGrad guard;
    if (dest) check_not_repeated(op, x, index, src);
    Tensor start = x;
    const bool extreme = reduce == "amax" || reduce == "amin";
    if (!include_self) {  // touched elements start from the neutral element
      const double inf = __builtin_inf();
      Scalar neutral = reduce == "prod" ? Scalar(1) : Scalar(0);
      if (extreme && is_floating(x.dtype())) neutral = Scalar(reduce == "amax" ? -inf : inf);
      else if (extreme)
        neutral = visit_dtype(x.dtype(), [&]<class T>() -> Scalar {
          if constexpr (std::is_same_v<T, bool>) return Scalar(reduce == "amin");
          else if constexpr (std::is_integral_v<T>)
            return Scalar(int64_t(reduce == "amax" ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max()));
          else return Scalar(0);
        });
      start = scatter(x, d, index, wrapped_number(neutral));
    }
    if (reduce == "sum") y = added_along(op, start, d, index, src, {});
    else if (reduce == "prod") y = multiplied_along(op, start, d, index, src, {});
    else if (reduce == "amax") y = scatter_with<kernels::ScatterMax>(op, start, d, index, src, {}, false);
    else if (reduce == "amin") y = scatter_with<kernels::ScatterMin>(op, start, d, index, src, {}, false);
    else y = scatter_with<kernels::ScatterAdd>(op, start, d, index, src, {}, false);
    if (reduce == "mean") {
      const Tensor first = include_self ? ones_like(x) : zeros_like(x);
      count = scatter_with<kernels::ScatterAdd>(op, first, d, index, ones_like(src), {}, false);
      count = clamp(count, Scalar(1));
      y = is_floating(y.dtype()) ? y / count : floor_divide(y, count);
    }
    if (dest) {
      copy_(dest.target(), y);
      y = dest.target();
    }
  }
  if (!grad) return y;
  auto sy = grad.save_output(y);
  return grad.record(node, y, [=, shape = src.shape()](Grads& g) {
    const Tensor index = saved_index.get(g);
    const Tensor x = sx.get(g), s = covered(ssrc.get(g), index), y = sy.get(g), up = g.out();
    Tensor dx, ds;
    if (reduce == "sum") {
      dx = up;
      ds = gather(up, d, index);
    } else if (reduce == "mean") {
      dx = up / count;
      ds = gather(dx, d, index);
    } else if (reduce == "prod") {
      std::tie(dx, ds) = product_slopes(up, x, s, d, index, include_self);
    } else {
      const Tensor chosen = to_dtype(eq(s, gather(y, d, index)), up.dtype());
      Tensor ties = include_self ? to_dtype(eq(x, y), up.dtype()) : zeros_like(up);
      ties = scatter_add(ties, d, index, chosen);
      const Tensor each_share = up / clamp(ties, Scalar(1.0));
      dx = each_share * to_dtype(eq(x, y), up.dtype());
      ds = gather(each_share, d, index) * chosen;
    }
    if (!include_self) dx = scatter(dx, d, index, wrapped_number(0.0));
    if (g.wants(0)) g[0] = dx;
    if (g.wants(1)) g[1] = from_covered(ds, shape);
  });
}

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const std::string& reduce,
                      bool include_self, Dest dest) {
  if (dest.is_out()) {
    check_not_repeated("scatter_reduce", dest.target(), index, src);
    return copy_out("scatter_reduce", scatter_reduce(x, dim, index, src, reduce, include_self), dest);
  }
  const int d = normalize_dim("scatter_reduce", dim, x.dim());
  check(src.dtype() == x.dtype(), "scatter_reduce", "Expected self.dtype to be equal to src.dtype: ", x.dtype(),
        " against ", src.dtype());
  check_fits("scatter_reduce", x, d, index, &src);
  const bool known = reduce == "sum" || reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin";
  check(known, "scatter_reduce", "reduce argument must be either sum, prod, mean, amax or amin, got ", reduce, ".");
  check_implemented(x.dtype() != DType::Bool || reduce != "mean", "",
                    "\"scatter_gather_tensor_cpu_reduce_mean\" not implemented for 'Bool'");
  return reduced_along("scatter_reduce", "ScatterReduceBackward0", x, d, index, src, reduce, include_self, dest);
}

namespace {
// Any integers made to be in [0, size), as PyTorch does here.
Tensor wrapped_around(const Tensor& indices, int64_t size) {
  NoGrad guard;
  return size == 0 ? indices : remainder(indices, wrapped_number(size));
}
}  // namespace

Tensor take_along_dim(const Tensor& x, const Tensor& indices, std::optional<int64_t> dim, Dest dest) {
  if (dest.is_out()) {
    check_no_overlap("take_along_dim", dest.target(), x);
    check_no_partial_overlap("take_along_dim", dest.target(), indices);
    check(dest.target().dtype() == x.dtype(), "take_along_dim", "Expected out tensor to have dtype ",
          dtype_type_name(x.dtype()), ", but got ", dtype_type_name(dest.target().dtype()), " instead");
    return copy_out("take_along_dim", take_along_dim(x, indices, dim), dest);
  }
  check(indices.dtype() == DType::Int64, "", "torch.take_along_dim(): dtype of indices should be Long but got ",
        dtype_type_name(indices.dtype()));
  if (!dim) return gather(reshape(x, {-1}), 0, reshape(indices, {-1}));
  check(x.dim() == indices.dim(), "",
        "torch.take_along_dim(): input and indices should have the same number of "
        "dimensions, but got ",
        x.dim(), " dimensions for input, and ", indices.dim(), " dimensions for indices");
  const int d = normalize_dim("take_along_dim", *dim, x.dim());
  const Tensor at = wrapped_around(indices, size_along(x, d));
  Dims a = x.shape(), b = indices.shape();
  if (x.dim() > 0) a[d] = b[d] = 1;
  const Dims common = broadcast_shapes("take_along_dim", a, b);
  a = b = common;
  if (x.dim() > 0) a[d] = x.shape()[d], b[d] = indices.shape()[d];
  return gather(expand(x, a), d, expand(at, b));
}

Tensor embedding(const Tensor& weight, const Tensor& indices, int64_t padding_idx, bool scale_grad_by_freq,
                 bool sparse) {
  check(weight.dim() == 2, "embedding", "'weight' must be 2-D, got ", weight.shape());
  check(indices.dtype() == DType::Int64 || indices.dtype() == DType::Int32, "embedding",
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ",
        dtype_type_name(indices.dtype()), " instead (while checking arguments for embedding)");
  check_implemented(!sparse, "embedding", "sparse gradients; use sparse=False");
  const Tensor at = index_tensor("embedding", indices, weight);
  Grad grad({weight});
  constexpr const char* kOutside = "index out of range in self";
  if (weight.shape()[0] == 0) bounded(kOutside, at, weight, 0, false, ErrorKind::Index).check();
  const Tensor y = read_from_front(kOutside, weight, {at});
  if (!grad) return y;
  return grad.record("EmbeddingBackward0", y, [=, saved = grad.save(indices), shape = weight.shape()](Grads& g) {
    const Tensor at = saved.get(g);
    Tensor up = g.out();
    if (padding_idx >= 0)
      up = where(reshape(ne(at, wrapped_number(padding_idx)),
                         [&] {
                           Dims s = at.shape();
                           s.push_back(1);
                           return s;
                         }()),
                 up, wrapped_number(0.0));
    if (scale_grad_by_freq) {
      const Tensor counts = zeros({shape[0]}, up.dtype(), up.device());
      index_put(counts, {at}, ones({}, up.dtype(), up.device()), true, Dest::in_place(counts));
      up = up / unsqueeze(index(counts, {at}), -1);
    }
    const Tensor whole = zeros(shape, up.dtype(), up.device());
    g[0] = index_put(whole, {at}, up, true, Dest::in_place(whole));
  });
}

Tensor searchsorted(const Tensor& sorted_sequence, const Tensor& values, bool out_int32, bool right) {
  check(sorted_sequence.dim() >= 1, "searchsorted", "boundaries tensor should have at least 1 dimension");
  const bool rows = sorted_sequence.dim() > 1;
  if (rows) {
    bool fits = sorted_sequence.dim() == values.dim();
    for (int i = 0; fits && i + 1 < values.dim(); ++i) fits = sorted_sequence.shape()[i] == values.shape()[i];
    check(fits, "",
          "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
          "boundaries tensor and input value tensor must match, but we got boundaries tensor ",
          sorted_sequence.shape(), " and input value tensor ", values.shape());
  }
  check_same_device("searchsorted", sorted_sequence, values);
  NoGrad guard;
  const DType common = promoted({&sorted_sequence, &values}), t = compute_dtype(common);
  const Tensor s = contiguous(to_dtype(sorted_sequence, t));
  const Tensor v = contiguous(to_device(to_dtype(values, t), s.device()));
  Tensor out = empty(values.shape(), DType::Int64, s.device());
  each(kernels::SearchSorted{s.raw(), v.raw(), out.data<int64_t>(), s.shape().back(), rows ? v.shape().back() : 0,
                             right},
       v.numel(), t, v.device());
  return out_int32 ? to_dtype(out, DType::Int32) : out;
}

Tensor bincount(const Tensor& x, const std::optional<Tensor>& weights, int64_t minlength) {
  check_implemented(!is_floating(x.dtype()), "", "\"bincount_cpu\" not implemented for '", dtype_type_name(x.dtype()),
                    "'");
  check(x.dim() == 1, "bincount", "bincount only supports 1-d non-negative integral inputs, got ", x.dtype(), " ",
        x.shape());
  check(minlength >= 0, "bincount", "minlength should be >= 0");
  check(!weights || weights->shape() == x.shape(), "bincount",
        "weights should be 1-d and have the same length as input");
  NoGrad guard;
  const Tensor at = contiguous(to_dtype(x, DType::Int64));
  int64_t n = minlength;
  if (x.numel() > 0) {
    check(!any(lt(at, wrapped_number(0))).item().to_bool(), "bincount",
          "bincount only supports 1-d non-negative integral inputs.");
    const int64_t top = amax(at).item().to_int();
    check(top < INT64_MAX, "bincount", "maximum value of input overflowed, it should be < ", INT64_MAX, " but got ",
          top);
    n = std::max(n, top + 1);
  }
  const DType t = !weights ? DType::Int64 : weights->dtype() == DType::Float32 ? DType::Float32 : DType::Float64;
  const Tensor values = weights ? to_dtype(*weights, t) : ones(at.shape(), t, x.device());
  const Tensor counts = zeros({n}, t, x.device());
  return index_put(counts, {at}, values, true, Dest::in_place(counts));
}

Tensor one_hot(const Tensor& x, int64_t num_classes) {
  check(x.dtype() == DType::Int64, "one_hot", "one_hot is only applicable to index tensor of type LongTensor.");
  check(x.numel() > 0 || num_classes > 0, "one_hot", "Can not infer total number of classes from empty tensor.");
  NoGrad guard;
  if (x.numel() > 0)
    check(!any(lt(x, wrapped_number(0))).item().to_bool(), "one_hot", "Class values must be non-negative.");
  const int64_t top = x.numel() > 0 ? amax(x).item().to_int() + 1 : 0;
  check(num_classes != 0 && num_classes >= -1, "one_hot", "num_classes should be positive");
  check(num_classes == -1 || top <= num_classes, "one_hot", "Class values must be smaller than num_classes.");
  const int64_t n = num_classes == -1 ? top : num_classes;
  Dims shape = x.shape();
  shape.push_back(n);
  const Tensor y = zeros(shape, DType::Int64, x.device());
  return scatter(y, -1, unsqueeze(x, -1), wrapped_number(1), {}, Dest::in_place(y));
}

}  // namespace cnn
