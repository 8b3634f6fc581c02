// Bindings of the index ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/index.h"
#include "cnn/ops/view.h"

namespace cnn::python {

void bind_index(Registry& ops) {
  ops.def_op<&cnn::index>("index(Tensor input, Tensors? indices) -> Tensor", "input[indices].", kFunctionOnly);
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
  ops.def_op<&cnn::index_fill>("index_fill(Tensor input, int dim, Tensor index, Tensor|Number value) -> Tensor",
                               "value at positions of a dimension.");
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& index, bool, Dest dest) {
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
      "scatter_reduce(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
      "Reduced by sum, prod, mean, amax or amin.");
  ops.def_op<&cnn::take>("take(Tensor input, Tensor index) -> Tensor", "Elements of the flattened input.");
  ops.def_op<&cnn::take_along_dim>("take_along_dim(Tensor input, Tensor indices, int? dim=None) -> Tensor",
                                   "gather with broadcasting.");
  ops.def_op<&cnn::masked_select>("masked_select(Tensor input, Tensor mask) -> Tensor",
                                  "The elements where mask is True, 1-d.");
  ops.def_op<&cnn::masked_scatter>("masked_scatter(Tensor input, Tensor mask, Tensor source) -> Tensor",
                                   "source, in order, where mask is True.", kNoOut);
  ops.def_op<&cnn::embedding>(
      "embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
      "Rows of weight.", kFunctionOnly);
  ops.def_op<&cnn::nonzero>("nonzero(Tensor input) -> Tensor", "Indices of nonzero elements, a row each.");
  ops.def_op<[](const Tensor& x) {
    return cnn::unbind(x.dim() ? cnn::nonzero(x) : cnn::nonzero(cnn::unsqueeze(x, 0)), 1);
  }>("_nonzero_tuple(Tensor input) -> Tensors", "Indices of nonzero elements, one tensor a dimension.", kFunctionOnly);
  ops.def_op<&cnn::nonzero>("argwhere(Tensor input) -> Tensor", "Indices of nonzero elements, a row each.");
  ops.def_op<&cnn::searchsorted>(
      "searchsorted(Tensor sorted_sequence, Tensor|Number input, *, bool out_int32=False, bool right=False) -> Tensor",
      "Where each value would be inserted.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& boundaries, bool out_int32, bool right) {
    return cnn::searchsorted(boundaries, x, out_int32, right);
  }>("bucketize(Tensor|Number input, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
     "The bucket of each value.", kFunctionOnly);
  ops.def_op<&cnn::bincount>("bincount(Tensor input, Tensor? weights=None, int minlength=0) -> Tensor",
                             "How often each value occurs.");
  ops.def_op<&cnn::one_hot>("one_hot(Tensor input, int num_classes=-1) -> Tensor", "0/1 vectors of classes.",
                            kFunctionOnly);
}

}  // namespace cnn::python
