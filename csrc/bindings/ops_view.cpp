// Bindings of the view ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/shape.h"
#include "cnn/ops/view.h"

namespace cnn::python {

namespace {

// hsplit, vsplit and dsplit: along a dimension of their own, in parts that must be equal.
template <int Number>
int64_t split_dim(const Tensor& x) {
  constexpr const char* kNames[] = {"torch.hsplit", "torch.vsplit", "torch.dsplit"};
  constexpr int kLeast[] = {1, 2, 3};
  check(x.dim() >= kLeast[Number], "", kNames[Number], " requires a tensor with at least ", kLeast[Number],
        " dimension, but got a tensor with ", x.dim(), " dimensions!");
  return Number == 0 ? (x.dim() > 1) : Number - 1 + (Number == 2);
}
template <int Number>
Tensors split_equal(const Tensor& x, int64_t sections) {
  const int64_t dim = split_dim<Number>(x);
  constexpr const char* kNames[] = {"torch.hsplit", "torch.vsplit", "torch.dsplit"};
  check(sections > 0 && x.size(dim) % sections == 0, "", kNames[Number], " attempted to split along dimension ", dim,
        ", but the size of the dimension ", x.size(dim), " is not divisible by the split_size ", sections, "!");
  return cnn::tensor_split(x, sections, dim);
}
template <int Number>
Tensors split_at(const Tensor& x, const Dims& indices) {
  return cnn::tensor_split_at(x, indices, split_dim<Number>(x));
}

void bind_splits(Registry& ops) {
  ops.def_op<&split_equal<0>>("hsplit(Tensor input, int sections) -> Tensors",
                              "Split side by side: along dimension 1, or 0 for vectors.");
  ops.def_op<&split_at<0>>("hsplit(Tensor input, Dims indices) -> Tensors", "");
  ops.def_op<&split_equal<1>>("vsplit(Tensor input, int sections) -> Tensors", "Split along dimension 0.");
  ops.def_op<&split_at<1>>("vsplit(Tensor input, Dims indices) -> Tensors", "");
  ops.def_op<&split_equal<2>>("dsplit(Tensor input, int sections) -> Tensors", "Split along dimension 2.");
  ops.def_op<&split_at<2>>("dsplit(Tensor input, Dims indices) -> Tensors", "");
}

void bind_in_place(Registry& ops) {
  ops.def_op<&cnn::transpose_>("transpose_(Tensor input, int dim0, int dim1) -> Tensor",
                               "Two dimensions of the tensor itself exchanged.", kMethodOnly);
  ops.def_op<&cnn::transpose_>("swapaxes_(Tensor input, int axis0, int axis1) -> Tensor", "The same as transpose_.",
                               kMethodOnly);
  ops.def_op<&cnn::transpose_>("swapdims_(Tensor input, int dim0, int dim1) -> Tensor", "The same as transpose_.",
                               kMethodOnly);
  ops.def_op<&cnn::t_>("t_(Tensor input) -> Tensor", "A matrix itself transposed.", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return cnn::squeeze_(x); }>(
      "squeeze_(Tensor input) -> Tensor", "The tensor itself without dimensions of size 1.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Dims& dim) { return cnn::squeeze_(x, dim); }>(
      "squeeze_(Tensor input, Dims dim) -> Tensor", "The tensor itself without those dimensions of size 1.",
      kMethodOnly);
  ops.def_op<&cnn::unsqueeze_>("unsqueeze_(Tensor input, int dim) -> Tensor",
                               "The tensor itself with a new dimension of size 1.", kMethodOnly);
  ops.def_op<&cnn::as_strided_>("as_strided_(Tensor input, Dims size, Dims stride, int? storage_offset=None) -> Tensor",
                                "The tensor itself with any geometry.");
}

}  // namespace

void bind_view(Registry& ops) {
  bind_in_place(ops);
  ops.def_op<&cnn::view>("view(Tensor input, Dims size) -> Tensor", "The same memory in another shape.", kMethodOnly);
  ops.def_op<&cnn::broadcast_tensors>("broadcast_tensors(*Tensors tensors) -> Tensors",
                                      "All expanded to their common shape.", kFunctionOnly);
  ops.def_op<&cnn::reshape>("reshape(Tensor input, Dims shape) -> Tensor", "Another shape; a view where possible.");
  ops.def_op<[](const Tensor& x, const Dims& size, bool) { return cnn::expand(x, size); }>(
      "expand(Tensor input, Dims size, *, bool implicit=False) -> Tensor",
      "Size-1 dimensions repeated, without copying.", kMethodOnly);
  ops.def_op<&cnn::permute>("permute(Tensor input, Dims dims) -> Tensor", "Dimensions in another order.");
  ops.def_op<&cnn::transpose>("transpose(Tensor input, int dim0, int dim1) -> Tensor", "Two dimensions exchanged.");
  ops.def_op<&cnn::transpose>("swapaxes(Tensor input, int axis0, int axis1) -> Tensor", "The same as transpose.");
  ops.def_op<&cnn::transpose>("swapdims(Tensor input, int dim0, int dim1) -> Tensor", "The same as transpose.");
  ops.def_op<&cnn::t>("t(Tensor input) -> Tensor", "Transpose of a matrix.");
  ops.def_op<&cnn::select>("select(Tensor input, int dim, int index) -> Tensor", "One position of a dimension.");
  ops.def_op<&cnn::narrow>("narrow(Tensor input, int dim, int start, int length) -> Tensor", "A range of a dimension.");
  ops.def_op<[](const Tensor& x, int64_t dim, const Tensor& start, int64_t length) {
    check(start.dim() == 0 && is_integral(start.dtype()), "", "start must be an 0-dim integral Tensor.");
    return cnn::narrow(x, dim, start.item().to_int(), length);
  }>("narrow(Tensor input, int dim, Tensor start, int length) -> Tensor", "");
  ops.def_op<[](const Tensor& x) { return cnn::squeeze(x); }>("squeeze(Tensor input) -> Tensor",
                                                              "Without dimensions of size 1.");
  ops.def_op<[](const Tensor& x, const Dims& dim) { return cnn::squeeze(x, dim); }>(
      "squeeze(Tensor input, Dims dim) -> Tensor", "Without those dimensions of size 1.");
  ops.def_op<&cnn::unsqueeze>("unsqueeze(Tensor input, int dim) -> Tensor", "With a new dimension of size 1.");
  ops.def_op<&cnn::diagonal>("diagonal(Tensor input, int offset=0, int dim1=0, int dim2=1) -> Tensor",
                             "A view of a diagonal, as the last dimension.");
  ops.def_op<&cnn::unfold>("unfold(Tensor input, int dimension, int size, int step) -> Tensor",
                           "Sliding windows, as a new last dimension.", kMethodOnly);
  ops.def_op<&cnn::flatten>("flatten(Tensor input, int start_dim=0, int end_dim=-1) -> Tensor",
                            "A range of dimensions joined into one.");
  ops.def_op<&cnn::unflatten>("unflatten(Tensor input, int dim, Dims sizes) -> Tensor",
                              "One dimension split into several.");
  ops.def_op<&cnn::movedim>("movedim(Tensor input, Dims source, Dims destination) -> Tensor",
                            "Dimensions moved to other places.");
  ops.def_op<&cnn::movedim>("moveaxis(Tensor input, Dims source, Dims destination) -> Tensor",
                            "Dimensions moved to other places.");
  ops.def_op<&cnn::as_strided>("as_strided(Tensor input, Dims size, Dims stride, int? storage_offset=None) -> Tensor",
                               "A view with any geometry.");
  ops.def_op<&cnn::as_strided_scatter>(
      "as_strided_scatter(Tensor input, Tensor src, Dims size, Dims stride, int? storage_offset=None) -> Tensor",
      "input with src written where as_strided looks.");
  ops.def_op<&cnn::split>("split(Tensor input, int split_size, int dim=0) -> Tensors", "Parts of split_size.",
                          kMethodOnly);
  ops.def_op<&cnn::split_with_sizes>("split(Tensor input, Dims split_size, int dim=0) -> Tensors", "", kMethodOnly);
  ops.def_op<&cnn::split>("split(Tensor tensor, int split_size_or_sections, int dim=0) -> Tensors",
                          "Parts of a size, or of the given sizes.", kFunctionOnly);
  ops.def_op<&cnn::split_with_sizes>("split(Tensor tensor, Dims split_size_or_sections, int dim=0) -> Tensors", "",
                                     kFunctionOnly);
  ops.def_op<&cnn::split_with_sizes>("split_with_sizes(Tensor input, Dims split_sizes, int dim=0) -> Tensors",
                                     "Parts of the given sizes.");
  ops.def_op<&cnn::unbind>("unbind(Tensor input, int dim=0) -> Tensors", "All positions of a dimension.");
  ops.def_op<&cnn::chunk>("chunk(Tensor input, int chunks, int dim=0) -> Tensors", "About equal parts.");
  ops.def_op<&cnn::tensor_split>("tensor_split(Tensor input, int sections, int dim=0) -> Tensors",
                                 "As equal parts as possible.");
  ops.def_op<&cnn::tensor_split_at>("tensor_split(Tensor input, Dims indices, int dim=0) -> Tensors",
                                    "Parts that end at the indices.");
  ops.def_op<[](const Tensor& x, const Tensor& where, int64_t dim) {
    check(where.dtype() == DType::Int64 && where.device().is_cpu() && where.dim() <= 1, "tensor_split",
          "expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor of int64 on the CPU, "
          "but got a tensor with ",
          where.dim(), " dims of ", where.dtype());
    if (where.dim() == 0) return cnn::tensor_split(x, where.item().to_int(), dim);
    Dims at;
    for (const Tensor& i : cnn::unbind(where)) at.push_back(i.item().to_int());
    return cnn::tensor_split_at(x, at, dim);
  }>("tensor_split(Tensor input, Tensor tensor_indices_or_sections, int dim=0) -> Tensors", "");
  bind_splits(ops);
  ops.def_op<&cnn::sum_to_size>("sum_to_size(Tensor input, Dims size) -> Tensor",
                                "Summed to a shape that broadcasts to the present one.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other) { return cnn::expand(x, other.shape()); }>(
      "expand_as(Tensor input, Tensor other) -> Tensor", "Expanded to the shape of other.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other) { return cnn::view(x, other.shape()); }>(
      "view_as(Tensor input, Tensor other) -> Tensor", "Viewed in the shape of other.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other) { return cnn::reshape(x, other.shape()); }>(
      "reshape_as(Tensor input, Tensor other) -> Tensor", "Reshaped to the shape of other.", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return cnn::reshape(x, {-1}); }>("ravel(Tensor input) -> Tensor",
                                                                    "All elements in one dimension.");
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::expand(x, size); }>(
      "broadcast_to(Tensor input, Dims size) -> Tensor", "Expanded to a shape.");
}

}  // namespace cnn::python
