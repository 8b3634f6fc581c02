// Bindings of the index ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include <algorithm>
#include <variant>

#include "bindings/ops.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/view.h"

namespace cnn::python {

namespace {

Tensors nonzero_by_dim(const Tensor& x) {
  return cnn::unbind(x.dim() ? cnn::nonzero(x) : cnn::nonzero(cnn::unsqueeze(x, 0)), 1);
}

std::variant<Tensor, Tensors> nonzero_as(const Tensor& x, bool as_tuple, const std::optional<Tensor>& out) {
  check(!as_tuple || !out, "", "nonzero does not support the out kwarg when as_tuple is True");
  if (as_tuple) return nonzero_by_dim(x);
  return cnn::nonzero(x, out ? Dest::out(*out) : Dest());
}

// The first `size` rows of nonzero, or all of them and rows of `fill_value` behind.
Tensor nonzero_static(const Tensor& x, int64_t size, int64_t fill_value) {
  check(size >= 0, "", "nonzero_static: 'size' must be an non-negative integer");
  if (x.device().is_meta()) return empty({size, x.dim()}, DType::Int64, x.device());
  const Tensor found = cnn::nonzero(x);
  const int64_t n = std::min(size, found.size(0));
  const Tensor y = full({size, x.dim()}, fill_value, DType::Int64, x.device());
  copy_(cnn::narrow(y, 0, 0, n), cnn::narrow(found, 0, 0, n));
  return y;
}

// `side` says the same as `right`; `sorter` is the order that sorts.
Tensor searchsorted_by(const Tensor& sorted, const Tensor& x, bool out_int32, bool right,
                       const std::optional<std::string>& side, const std::optional<Tensor>& sorter) {
  check(!side || *side == "left" || *side == "right", "torch.searchsorted()",
        "side can only be 'left' or 'right' but got ", side.value_or(""));
  check(!side || *side == "right" || !right, "torch.searchsorted()",
        "side and right can't be set to opposites, got side of left while right was True");
  if (sorter) {
    check(sorter->shape() == sorted.shape(), "torch.searchsorted()",
          "boundary and sorter must have the same size, but got boundary tensor ", sorted.shape(),
          "and got sorter tensor ", sorter->shape());
    check(sorter->dtype() == DType::Int64, "torch.searchsorted()",
          "sorter must be a tensor of long dtype but got dtype ", dtype_type_name(sorter->dtype()));
  }
  return cnn::searchsorted(sorter ? cnn::gather(sorted, -1, *sorter) : sorted, x, out_int32,
                           right || (side && *side == "right"));
}

}  // namespace

void bind_index(Registry& ops) {
  ops.def_op<&cnn::index>("index(Tensor input, Tensors? indices) -> Tensor", "input[indices].", kFunctionOnly);
  ops.def_op<&nonzero_static>("nonzero_static(Tensor input, *, int size, int fill_value=-1) -> Tensor",
                              "nonzero, cut or filled up to `size` rows.", kOut);
  ops.def_op<&cnn::index_put>(
      "index_put(Tensor input, Tensors indices, Tensor values, bool accumulate=False) -> Tensor",
      "input with values at indices.", kNoOut);
  ops.def_op<&cnn::index_select>("index_select(Tensor input, int dim, Tensor index) -> Tensor",
                                 "Positions of a dimension.", kNoInPlace);
  ops.def_op<&cnn::index_add>(
      "index_add(Tensor input, int dim, Tensor index, Tensor source, *, Number alpha=1) -> Tensor",
      "source added at positions of a dimension.");
  ops.def_op<&cnn::index_copy>("index_copy(Tensor input, int dim, Tensor index, Tensor source) -> Tensor",
                               "source written at positions of a dimension.");
  ops.def_op<&cnn::index_reduce>(
      "index_reduce(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, "
      "bool include_self=True) -> Tensor",
      "source reduced into positions of a dimension by prod, mean, amax or amin.");
  ops.def_op<&cnn::index_fill>("index_fill(Tensor input, int dim, Tensor index, Tensor|Number value) -> Tensor",
                               "value at positions of a dimension.", kNoOut);
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, bool sparse, Dest dest) {
    check_implemented(!sparse, "gather", "sparse gradients are not supported; leave sparse_grad=False");
    return cnn::gather(x, dim, index, dest);
  }>("gather(Tensor input, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
     "y[i][j] = x[index[i][j]][j] (dim 0).", kNoInPlace);
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, Dest dest) {
    return cnn::scatter(x, dim, index, src, {}, dest);
  }>("scatter(Tensor input, int dim, Tensor index, Tensor src) -> Tensor", "y[index[i][j]][j] = src[i][j] (dim 0).");
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value, Dest dest) {
    return cnn::scatter(x, dim, index, value, {}, dest);
  }>("scatter(Tensor input, int dim, Tensor index, Tensor|Number value) -> Tensor",
     "y[index[i][j]][j] = value (dim 0).");
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const std::string& reduce,
                Dest dest) { return cnn::scatter(x, dim, index, src, reduce, dest); }>(
      "scatter(Tensor input, int dim, Tensor index, Tensor|Number src, *, str reduce) -> Tensor",
      "Reduced by 'add' or 'multiply'.");
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const std::string& reduce,
                Dest dest) { return cnn::scatter(x, dim, index, src, reduce, dest); }>(
      "scatter(Tensor input, int dim, Tensor index, Tensor|Number value, *, str reduce) -> Tensor",
      "Reduced by 'add' or 'multiply'.");
  ops.def_op<&cnn::scatter_add>("scatter_add(Tensor input, int dim, Tensor index, Tensor src) -> Tensor",
                                "y[index[i][j]][j] += src[i][j] (dim 0).");
  ops.def_op<&cnn::scatter_reduce>(
      "scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, "
      "bool include_self=True) -> Tensor",
      "Reduced by sum, prod, mean, amax or amin.");
  ops.def_op<&cnn::take>("take(Tensor input, Tensor index) -> Tensor", "Elements of the flattened input.", kNoInPlace);
  ops.def_op<&cnn::put>("put(Tensor input, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
                        "source written into the flattened input.", kNoOut);
  ops.def_op<&cnn::take_along_dim>("take_along_dim(Tensor input, Tensor indices, int? dim=None) -> Tensor",
                                   "gather with broadcasting.", kNoInPlace);
  ops.def_op<&cnn::masked_select>("masked_select(Tensor input, Tensor mask) -> Tensor",
                                  "The elements where mask is True, 1-d.", kNoInPlace);
  ops.def_op<&cnn::masked_scatter>("masked_scatter(Tensor input, Tensor mask, Tensor source) -> Tensor",
                                   "source, in order, where mask is True.", kNoOut);
  ops.def_op<&cnn::embedding>(
      "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, "
      "bool sparse=False) -> Tensor",
      "Rows of weight.", kFunctionOnly);
  ops.def_op<&cnn::nonzero>("nonzero(Tensor input) -> Tensor",
                            "Indices of nonzero elements, a row each; as_tuple: a tensor for each dimension.",
                            kNoInPlace);
  ops.def_op<[](const Tensor& x, bool as_tuple) { return nonzero_as(x, as_tuple, {}); }>(
      "nonzero(Tensor input, *, bool as_tuple) -> Tensor|Tensors", "", kMethodOnly);
  ops.def_op<&nonzero_as>("nonzero(Tensor input, *, bool as_tuple, Tensor? out=None) -> Tensor|Tensors", "",
                          kFunctionOnly);
  ops.def_op<&nonzero_by_dim>("where(Tensor condition) -> Tensors", "", kFunctionOnly);
  ops.def_op<[](const Tensor& x) { return cnn::nonzero(x); }>("argwhere(Tensor input) -> Tensor",
                                                              "Indices of nonzero elements, a row each.");
  ops.def_op<&searchsorted_by>(
      "searchsorted(Tensor sorted_sequence, Tensor input, *, bool out_int32=False, bool right=False, str? side=None, "
      "Tensor? sorter=None) -> Tensor",
      "Where each value would be inserted.", kFunctionOnly | kOut);
  ops.def_op<&searchsorted_by>(
      "searchsorted(Tensor sorted_sequence, Tensor|Number self, *, bool out_int32=False, bool right=False, "
      "str? side=None, Tensor? sorter=None) -> Tensor",
      "", kFunctionOnly | kOut);
  ops.def_op<[](const Tensor& x, const Tensor& boundaries, bool out_int32, bool right) {
    check(boundaries.dim() == 1, "bucketize", "boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(),
          ")");
    return cnn::searchsorted(boundaries, x, out_int32, right);
  }>("bucketize(Tensor|Number input, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
     "The bucket of each value.", kFunctionOnly | kOut);
  ops.def_op<&cnn::bincount>("bincount(Tensor input, Tensor? weights=None, int minlength=0) -> Tensor",
                             "How often each value occurs.");
  ops.def_op<&cnn::one_hot>("one_hot(Tensor input, int num_classes=-1) -> Tensor", "0/1 vectors of classes.",
                            kFunctionOnly);
}

}  // namespace cnn::python
