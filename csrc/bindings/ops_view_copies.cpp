// Bindings of views that are copied, and of views that are written to: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/autograd.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/shape.h"
#include "cnn/ops/view.h"
#include "cnn/ops/view_scatter.h"

namespace cnn::python {

namespace {

constexpr const char* kDoc = "A copy of the view of that name.";

Tensor copied(const Tensor& view) { return cnn::clone(view, MemoryFormat::Contiguous); }
Tensors copied(Tensors views) {
  for (Tensor& view : views) view = copied(view);
  return views;
}
// A view op with its results copied.
template <auto View, class F = decltype(View)> struct Copied;
template <auto View, class R, class... A>
struct Copied<View, R (*)(A...)> {
  static R call(A... args) { return copied(View(args...)); }
};
template <auto View> void bind_copy(Registry& ops, const char* text) {
  ops.def_op<&Copied<View>::call>(text, kDoc, kFunctionOnly | kOut);
}
// Several results: `out=` is as many tensors, and nothing is returned then.
void into(const char* op, const Tensors& views, const Tensors& out) {
  check(views.size() == out.size(), op, "expected an out= argument of size ", int64_t(views.size()), ", got size ",
        int64_t(out.size()));
  for (size_t i = 0; i < views.size(); ++i) copy_out(op, views[i], out[i]);
}
void split_into(const Tensor& x, int64_t size, int64_t dim, const Tensors& out) {
  into("split_copy", cnn::split(x, size, dim), out);
}
void split_sizes_into(const Tensor& x, const Dims& sizes, int64_t dim, const Tensors& out) {
  into("split_with_sizes_copy", cnn::split_with_sizes(x, sizes, dim), out);
}
void unbind_into(const Tensor& x, int64_t dim, const Tensors& out) { into("unbind_copy", cnn::unbind(x, dim), out); }
template <auto View, auto Into> void bind_copies(Registry& ops, const std::string& arguments) {
  ops.def_op<&Copied<View>::call>((arguments + ") -> Tensors").c_str(), kDoc, kFunctionOnly);
  ops.def_op<Into>((arguments + ", *, Tensors out) -> None").c_str(), "", kFunctionOnly);
}

Tensor narrowed(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  check(x.dim() == 0 || dim < x.dim(), "narrow_copy", "Expected dim < ", x.dim(), ", got ", dim);
  return cnn::narrow(x, dim, start, length);
}
Tensor view_as_dtype(const Tensor& x, DType dtype) { return cnn::view_dtype(x, dtype); }
Tensor squeeze_all(const Tensor& x) { return cnn::squeeze(x); }
Tensor squeeze_some(const Tensor& x, const Dims& dim) { return cnn::squeeze(x, dim); }
Tensor expanded(const Tensor& x, const Dims& size, bool) { return cnn::expand(x, size); }
Tensor itself(const Tensor& x) { return x; }
Tensor detached(const Tensor& x) { return cnn::detach(x); }

void bind_copied_views(Registry& ops) {
  bind_copy<&itself>(ops, "alias_copy(Tensor input) -> Tensor");
  bind_copy<&cnn::as_strided>(
      ops, "as_strided_copy(Tensor input, Dims size, Dims stride, int? storage_offset=None) -> Tensor");
  bind_copy<&detached>(ops, "detach_copy(Tensor input) -> Tensor");
  bind_copy<&cnn::diagonal>(ops, "diagonal_copy(Tensor input, int offset=0, int dim1=0, int dim2=1) -> Tensor");
  bind_copy<&expanded>(ops, "expand_copy(Tensor input, Dims size, *, bool implicit=False) -> Tensor");
  bind_copy<&cnn::permute>(ops, "permute_copy(Tensor input, Dims dims) -> Tensor");
  bind_copy<&cnn::select>(ops, "select_copy(Tensor input, int dim, int index) -> Tensor");
  bind_copy<&cnn::slice>(ops,
                         "slice_copy(Tensor input, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor");
  bind_copy<&squeeze_all>(ops, "squeeze_copy(Tensor input) -> Tensor");
  bind_copy<&squeeze_some>(ops, "squeeze_copy(Tensor input, Dims dim) -> Tensor");
  bind_copy<&cnn::t>(ops, "t_copy(Tensor input) -> Tensor");
  bind_copy<&cnn::transpose>(ops, "transpose_copy(Tensor input, int dim0, int dim1) -> Tensor");
  bind_copy<&cnn::unfold>(ops, "unfold_copy(Tensor input, int dimension, int size, int step) -> Tensor");
  bind_copy<&cnn::unsqueeze>(ops, "unsqueeze_copy(Tensor input, int dim) -> Tensor");
  bind_copy<&cnn::view>(ops, "view_copy(Tensor input, Dims size) -> Tensor");
  bind_copy<&view_as_dtype>(ops, "view_copy(Tensor input, Dtype dtype) -> Tensor");
  ops.def_op<&Copied<&narrowed>::call>("narrow_copy(Tensor input, int dim, int start, int length) -> Tensor", kDoc,
                                       kOut);
  bind_copies<&cnn::split, &split_into>(ops, "split_copy(Tensor input, int split_size, int dim=0");
  bind_copies<&cnn::split_with_sizes, &split_sizes_into>(
      ops, "split_with_sizes_copy(Tensor input, Dims split_sizes, int dim=0");
  bind_copies<&cnn::unbind, &unbind_into>(ops, "unbind_copy(Tensor input, int dim=0");
}

}  // namespace

void bind_view_copies(Registry& ops) {
  bind_copied_views(ops);
  ops.def_op<&cnn::chunk>("unsafe_chunk(Tensor input, int chunks, int dim=0) -> Tensors", "The same as chunk.");
  ops.def_op<&cnn::split>("unsafe_split(Tensor input, int split_size, int dim=0) -> Tensors",
                          "The same as split: parts of a size.");
  ops.def_op<&cnn::split_with_sizes>("unsafe_split_with_sizes(Tensor input, Dims split_sizes, int dim=0) -> Tensors",
                                     "The same as split_with_sizes.");
  ops.def_op<&cnn::select_scatter>("select_scatter(Tensor input, Tensor src, int dim, int index) -> Tensor",
                                   "A copy with src where select looks.");
  ops.def_op<&cnn::slice_scatter>(
      "slice_scatter(Tensor input, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
      "A copy with src at positions start, start + step, ... of dim.", kOut);
  ops.def_op<&cnn::diagonal_scatter>(
      "diagonal_scatter(Tensor input, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
      "A copy with src on a diagonal.");
  ops.def_op<&cnn::fill_diagonal_>("fill_diagonal_(Tensor input, Number fill_value, bool wrap=False) -> Tensor",
                                   "Every element of the diagonal set.", kMethodOnly);
}

}  // namespace cnn::python
