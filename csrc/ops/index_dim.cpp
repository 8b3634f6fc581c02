// Reading and writing whole positions of one dimension, and single elements of the flattened tensor.
#include "autograd/autocast.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "ops/indexing.h"
#include "ops/map.h"

namespace cnn {

namespace {
Indices along(int d, const Tensor& at) {
  Indices indices(size_t(d) + 1);
  indices[size_t(d)] = reshape(at, {-1});
  return indices;
}
}  // namespace

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& given, Dest dest) {
  if (dest.is_out()) check_no_internal_overlap("index_select", dest.target());
  const int d = normalize_dim("index_select", dim, x.dim());
  check_index(given.dim() <= 1, "index_select", "Index is supposed to be a vector, got ", given.shape());
  check(given.dtype() == DType::Int64 || given.dtype() == DType::Int32, "index_select",
        "Expected dtype int32 or int64 for index but got: ", dtype_type_name(given.dtype()));
  const Tensor at = index_tensor("index_select", given, x);
  check_index(x.dim() > 0 || at.numel() == 1, "index_select()", "Index to scalar can have only 1 value, got ",
              at.numel(), " value(s)");
  constexpr const char* kOutside = "index out of range in self";
  if (dest || size_along(x, d) <= 1) bounded(kOutside, at, x, d, false, ErrorKind::Index).check();
  if (dest.is_out()) {
    check_no_overlap("index_select", dest.target(), x);
    check_no_overlap("index_select", dest.target(), given);
    check(dest.target().dtype() == x.dtype(), "index_select()", "self and result must have the same scalar type");
  }
  Grad grad({x}, dest);
  Tensor y;
  {
    NoGrad guard;
    y = x.dim() == 0 ? clone(x) : read_from_front(kOutside, x, along(d, at));
    if (dest) {
      const Tensor* inputs[] = {&x};
      y = copy_(result_for("index_select", y.shape(), x.dtype(), inputs, 1, dest), y);
    }
  }
  if (!grad) return y;
  return grad.record("IndexSelectBackward0", y, [saved = grad.save(given), d, shape = x.shape()](Grads& g) {
    const Tensor whole = zeros(shape, g.out().dtype(), g.out().device());
    g[0] = index_add(whole, d, saved.get(g), g.out(), 1, Dest::in_place(whole));
  });
}

namespace {
// The source holds a position for each index. index_copy takes a number for a row of one, and a row for a number.
void check_source(const char* op, const Tensor& x, int d, const Tensor& at, const Tensor& source, bool copies = false) {
  check_index(at.dim() <= 1, op, "Index is supposed to be a vector, but got dim: ", at.dim(),
              " with type: ", dtype_type_name(at.dtype()), " and size: ", at.shape());
  const ErrorKind kind = copies ? ErrorKind::Index : ErrorKind::Runtime;
  if (source.dim() != x.dim() && !(copies && source.dim() + x.dim() == 1))
    fail(kind, op,
         "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
         x.shape(), " source.shape = ", source.shape());
  if (size_along(source, d) != at.numel())
    fail(kind, op, "Number of indices (", at.numel(), ") should be equal to source.size(dim): (", size_along(source, d),
         "), for dim: ", d);
  for (int i = 0; i < source.dim() && x.dim() > 0; ++i)
    check(i == d || source.shape()[i] == x.shape()[i], op,
          "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
          x.shape(), " source.shape = ", source.shape());
}

// The index as places along d of x, after all that is asked of it and of the source. `name` is what PyTorch's messages
// about the source call the op.
Tensor places_along(const char* op, const char* name, const Tensor& x, int d, const Tensor& given, const Tensor& source,
                    ErrorKind outside) {
  check_same_device(op, x, source);
  check_source(name, x, d, given, source, outside == ErrorKind::Index);
  const Tensor at = index_tensor(op, given, x);
  bounded(op, at, x, d, false, outside).check();
  return at;
}
}  // namespace

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& given, const Tensor& source, Scalar alpha, Dest dest) {
  if (dest.is_out()) {
    check_not_repeated("index_add", dest.target(), given, source);
    return copy_out("index_add", index_add(x, dim, given, source, alpha), dest);
  }
  if (is_stored(x.dtype())) not_implemented("index_add", x.dtype());
  const int d = normalize_dim("index_add", dim, x.dim());
  check(given.dtype() == DType::Int64 || given.dtype() == DType::Int32, "index_add",
        "Expected dtype int32/int64 for index but got: ", dtype_type_name(given.dtype()));
  check(x.dtype() == source.dtype(), "index_add", "self (", dtype_type_name(x.dtype()), ") and source (",
        dtype_type_name(source.dtype()), ") must have the same scalar type");
  check_converts(alpha, x.dtype());
  const Tensor at = places_along("index_add", "index_add_()", x, d, given, source, ErrorKind::Runtime);
  Grad grad({x, source}, dest);
  Tensor y;
  {
    NoGrad guard;
    if (dest) check_not_repeated("index_add_", x, given, source);
    // Whole numbers are multiplied by a whole one, truth values by a truth value.
    if (!is_floating(x.dtype())) alpha = x.dtype() == DType::Bool ? Scalar(alpha.to_bool()) : Scalar(alpha.to_int());
    const Tensor add = alpha.to_double() == 1 ? source : to_dtype(source * alpha, x.dtype());
    if (x.dim() == 0) y = dest ? copy_(x, x + sum(add)) : to_dtype(x + sum(add), x.dtype());
    else y = index_put(dest ? x : contiguous(x), along(d, at), add, true, dest);
  }
  if (!grad) return y;
  return grad.record("IndexAddBackward0", y,
                     [saved = grad.save_if(grad.needs(1), given), d, alpha, shape = source.shape()](Grads& g) {
                       if (g.wants(0)) g[0] = g.out();
                       if (g.wants(1)) g[1] = reshape(index_select(g.out(), d, saved.get(g)), shape) * alpha;
                     });
}

Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& given, const Tensor& source, Dest dest) {
  if (const Autocast cast{"index_copy", x, dest}) [[unlikely]]
    return cast(index_copy, x, dim, given, source, dest);
  if (dest.is_out()) {
    check_not_repeated("index_copy", dest.target(), given, source);
    return copy_out("index_copy", index_copy(x, dim, given, source), dest);
  }
  const int d = normalize_dim("index_copy", dim, x.dim());
  check(given.dtype() == DType::Int64, "index_copy", "Expected a long tensor for index, but got ",
        dtype_type_name(given.dtype()));
  check(x.dtype() == source.dtype(), "index_copy", "self and source expected to have the same dtype, but got (self) ",
        dtype_type_name(x.dtype()), " and (source) ", dtype_type_name(source.dtype()));
  const Tensor at = places_along("index_copy", "index_copy_()", x, d, given, source, ErrorKind::Index);
  Grad grad({x, source}, dest);
  Tensor y;
  {
    NoGrad guard;
    if (dest) check_not_repeated("index_copy_", x, given, source);
    const Tensor values = source.dim() == 0 ? reshape(source, {1}) : source;
    if (x.dim() > 0) {
      y = index_put(dest ? x : contiguous(x), along(d, at), values, false, dest);
    } else {  // a row of one
      y = dest ? x : clone(x);
      const Tensor line = view(y, {1});
      index_put(line, along(0, at), values, false, Dest::in_place(line));
    }
  }
  if (!grad) return y;
  return grad.record("IndexCopyBackward0", y, [saved = grad.save(given), d, shape = source.shape()](Grads& g) {
    const Tensor at = saved.get(g);
    if (g.wants(0)) g[0] = index_fill(g.out(), d, at, wrapped_number(0.0));
    if (g.wants(1)) g[1] = reshape(index_select(g.out(), d, at), shape);
  });
}

Tensor index_reduce(const Tensor& x, int64_t dim, const Tensor& given, const Tensor& source, const std::string& reduce,
                    bool include_self, Dest dest) {
  if (dest.is_out()) {
    check_not_repeated("index_reduce", dest.target(), given, source);
    return copy_out("index_reduce", index_reduce(x, dim, given, source, reduce, include_self), dest);
  }
  const bool known = reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin";
  check(known, "index_reduce()", "Expected reduce to be one of prod, mean, amax or amin but got ", reduce, ".");
  const int d = normalize_dim("index_reduce", dim, x.dim());
  check(given.dtype() == DType::Int64 || given.dtype() == DType::Int32, "index_reduce()",
        "Expected dtype int32/int64 for index");
  check(x.dtype() == source.dtype(), "index_reduce()", "self and source must have the same scalar type, got ",
        dtype_type_name(x.dtype()), " and ", dtype_type_name(source.dtype()));
  check_implemented(x.dtype() != DType::Bool, "", "\"index_func_\" not implemented for 'Bool'");
  check_same_device("index_reduce", x, source);
  check_source("index_reduce()", x, d, given, source);
  Dims along_d = Dims::filled(source.dim(), 1);
  if (source.dim() > 0) along_d[d] = given.numel();
  const Tensor index = expand(reshape(given, along_d), source.shape());
  return reduced_along("index_reduce", "IndexReduceBackward0", x, d, index, source, reduce, include_self, dest);
}

namespace {
// The positions below n that an index names, each once and counted from the front.
Tensor each_once(const Tensor& index, int64_t n) {
  if (index.device().is_meta()) return reshape(index, {-1});
  const Tensor named = zeros({n}, DType::Bool, index.device());
  index_fill(named, 0, index, wrapped_number(true), Dest::in_place(named));
  return reshape(nonzero(named), {-1});
}
}  // namespace

Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& given, const Tensor& value, Dest dest) {
  if (dest.is_out()) return copy_out("index_fill", index_fill(x, dim, given, value), dest);
  const int d = normalize_dim("index_fill", dim, x.dim());
  check(value.dim() == 0, "index_fill", "only supports a 0-dimensional value tensor, but got tensor with ", value.dim(),
        " dimension(s).");
  if (!value.device().is_meta()) check_converts(value.item(), x.dtype());
  check_index(given.dtype() == DType::Int64, "index_fill", "Expected dtype int64 for index.");
  check(given.dim() <= 1, "index_fill", "Index has to be a vector/scalar");
  const Tensor at = index_tensor("index_fill", given, x);
  bounded("index_fill", at, x, d, true, ErrorKind::Index).check();
  Grad grad({x, value}, dest);
  Tensor y;
  {
    NoGrad guard;
    if (dest) {
      warn_of_expanded("index_fill_", "tensor[mask] = scalar", x);
      check_no_overlap("index_fill_", x, given);
    }
    y = dest ? x : clone(x);
    const Tensor filling = to_device(to_dtype(clone(value), x.dtype()), x.device());
    if (dest && (x.dim() > 0 || at.numel() == 0)) x.impl()->bump_version();
    if (x.dim() > 0) write_at(y, along(d, at), filling);
    else if (at.numel() > 0) copy_(y, filling);
  }
  if (!grad) return y;
  return grad.record("IndexFillBackward0", y, [saved = grad.save(given), d](Grads& g) {
    const Tensor at = saved.get(g);
    if (g.wants(0)) g[0] = index_fill(g.out(), d, at, wrapped_number(0.0));
    if (g.wants(1)) g[1] = sum(index_select(g.out(), d, each_once(at, size_along(g.out(), d))));
  });
}

Tensor take(const Tensor& x, const Tensor& given, Dest dest) {
  check(given.dtype() == DType::Int64, "take()", "Expected a long tensor for index, but got ",
        dtype_type_name(given.dtype()));
  check_index(x.numel() != 0 || given.numel() == 0, "take()", "tried to take from an empty tensor");
  if (dest.is_out()) {
    check_no_overlap("take", dest.target(), x);
    check_no_overlap("take", dest.target(), given);
    check(dest.target().dtype() == x.dtype(), "take()",
          "self and out expected to have the same dtype, but got self.dtype = ", dtype_type_name(x.dtype()),
          " and out.dtype = ", dtype_type_name(dest.target().dtype()));
    return copy_out("take", take(x, given), dest);
  }
  Grad grad({x});
  const Tensor at = index_tensor("take", given, x);
  Tensor y;
  {
    NoGrad guard;
    y = index(reshape(x, {-1}), {at});
  }
  if (!grad) return y;
  return grad.record("TakeBackward0", y, [saved = grad.save(given), shape = x.shape()](Grads& g) {
    const Tensor flat = zeros({numel_of("take", shape)}, g.out().dtype(), g.out().device());
    g[0] = reshape(index_put(flat, {saved.get(g)}, g.out(), true, Dest::in_place(flat)), shape);
  });
}

Tensor put(const Tensor& x, const Tensor& given, const Tensor& source, bool accumulate, Dest dest) {
  check(given.dtype() == DType::Int64, "put_()", "Expected a long tensor for index, but got ",
        dtype_type_name(given.dtype()));
  check(x.dtype() == source.dtype(), "put_()",
        "self and source expected to have the same dtype, but got self.dtype = ", dtype_type_name(x.dtype()),
        " and source.dtype = ", dtype_type_name(source.dtype()));
  check_same_device("put_", x, source);
  check_index(source.numel() == given.numel(), "put_()",
              "Expected source and index to have the same number of elements, but got source.numel() = ",
              source.numel(), ", index.numel() = ", given.numel());
  check_index(x.numel() != 0 || given.numel() == 0, "put_()", "Tried to put elements into an empty tensor");
  Grad grad({x, source}, dest);
  Tensor y = x;
  {
    NoGrad guard;
    const Tensor at = reshape(index_tensor("put_", given, x), {-1}), values = reshape(source, {-1});
    if (dest) check_not_repeated("put_", x, given, source);
    if (!dest) y = x.is_contiguous() ? clone(x) : contiguous(x);
    const Tensor dense = contiguous(y), line = view(dense, {-1});
    index_put(line, {at}, values, accumulate, Dest::in_place(line));
    if (!dense.same(y)) copy_(y, dense);
  }
  if (!grad) return y;
  return grad.record("PutBackward0", y, [saved = grad.save(given), accumulate, shape = source.shape()](Grads& g) {
    const Tensor at = saved.get(g);
    if (g.wants(0))
      g[0] = accumulate ? g.out() : put(g.out(), at, zeros(at.shape(), g.out().dtype(), g.out().device()));
    if (g.wants(1)) g[1] = reshape(take(g.out(), at), shape);
  });
}

}  // namespace cnn
