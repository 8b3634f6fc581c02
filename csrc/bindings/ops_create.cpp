// Bindings of the create ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/fresh.h"
#include "bindings/ops.h"
#include "cnn/autograd.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/shape.h"

namespace cnn::python {

namespace {

using Format = std::optional<MemoryFormat>;

Tensor like(const Tensor& x, Scalar value, std::optional<DType> t, std::optional<Device> d, Format format) {
  NoGrad guard;
  return fill_(empty_like_on(x, t, d, format), value);
}

// A number that is given as a tensor.
Scalar limit(const char* op, const char* name, const Tensor& t) {
  check(t.dim() == 0, "", op, " only supports 0-dimensional start and end tensors, but got ", name, " with ", t.dim(),
        " dimension(s).");
  return t.item();
}

// linspace and logspace between 0-d tensors; numbers come as such.
Tensor linspace_of(const Tensor& start, const Tensor& end, int64_t steps, std::optional<DType> t, Device d) {
  return cnn::linspace(limit("linspace", "start", start), limit("linspace", "end", end), steps, t, d);
}
Tensor logspace_of(const Tensor& start, const Tensor& end, int64_t steps, double base, std::optional<DType> t,
                   Device d) {
  return cnn::logspace(limit("logspace", "start", start), limit("logspace", "end", end), steps, base, t, d);
}

// The forms in which one end or both are tensors; `more` is what follows the steps.
template <auto F> void bind_between(Registry& ops, const std::string& name, const std::string& more) {
  for (const char* ends : {"Tensor start, Tensor|Number end", "Tensor|Number start, Tensor end"}) {
    const std::string text = name + "(" + ends + ", int steps" + more + ", *, TensorOptions) -> Tensor";
    ops.def_op<F>(text.c_str(), "", kOut);
  }
}

}  // namespace

void bind_create(Registry& ops) {
  ops.def_op<[](const Dims& size, DType t, Device d) { return cnn::zeros(size, t, d); }>(
      "zeros(Dims size, *, TensorOptions) -> Tensor", "All 0.", kOut);
  ops.def_op<[](const Dims& size, DType t, Device d) { return cnn::ones(size, t, d); }>(
      "ones(Dims size, *, TensorOptions) -> Tensor", "All 1.", kOut);
  ops.def_op<[](const Dims& size, DType t, Device d, Format f) {
    return fresh(cnn::empty(size, t, d, f.value_or(MemoryFormat::Contiguous)));
  }>("empty(Dims size, *, TensorOptions, MemoryFormat? memory_format=None) -> Tensor", "Uninitialised.", kOut);
  ops.def_op<[](const Dims& size, const Dims& stride, DType t, Device d) {
    return fresh(cnn::empty_strided(size, stride, t, d));
  }>("empty_strided(Dims size, Dims stride, *, TensorOptions) -> Tensor", "Uninitialised, with the given strides.");
  ops.def_op<[](const Dims& size, Scalar value, std::optional<DType> t, Device d) {
    return cnn::full(size, value, t, d);
  }>("full(Dims size, Number fill_value, *, TensorOptions) -> Tensor", "All one value.", kOut);
  ops.def_op<[](const Tensor& x, std::optional<DType> t, std::optional<Device> d, Format f) {
    return like(x, 0, t, d, f);
  }>("zeros_like(Tensor input, *, TensorOptions, MemoryFormat? memory_format=None) -> Tensor",
     "All 0, in the shape of input.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, std::optional<DType> t, std::optional<Device> d, Format f) {
    return like(x, 1, t, d, f);
  }>("ones_like(Tensor input, *, TensorOptions, MemoryFormat? memory_format=None) -> Tensor",
     "All 1, in the shape of input.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, Scalar value, std::optional<DType> t, std::optional<Device> d, Format f) {
    return like(x, value, t, d, f);
  }>("full_like(Tensor input, Number fill_value, *, TensorOptions, MemoryFormat? memory_format=None) -> Tensor",
     "All one value, in the shape of input.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, std::optional<DType> t, std::optional<Device> d, Format f) {
    return fresh(empty_like_on(x, t, d, f));
  }>("empty_like(Tensor input, *, TensorOptions, MemoryFormat? memory_format=None) -> Tensor",
     "Uninitialised, in the shape of input.", kFunctionOnly);
  ops.def_op<[](Scalar end, std::optional<DType> t, Device d) { return cnn::arange(0, end, 1, t, d); }>(
      "arange(Number end, *, TensorOptions) -> Tensor", "0, 1, ... below end.", kOut);
  ops.def_op<[](Scalar start, Scalar end, Scalar step, std::optional<DType> t, Device d) {
    return cnn::arange(start, end, step, t, d);
  }>("arange(Number start, Number end, Number step=1, *, TensorOptions) -> Tensor",
     "start, start + step, ... below end.", kOut);
  ops.def_op<[](Scalar start, Scalar end, int64_t steps, std::optional<DType> t, Device d) {
    return cnn::linspace(start, end, steps, t, d);
  }>("linspace(Number start, Number end, int steps, *, TensorOptions) -> Tensor", "Evenly spaced, both ends included.",
     kOut);
  bind_between<&linspace_of>(ops, "linspace", "");
  ops.def_op<[](Scalar start, Scalar end, int64_t steps, double base, std::optional<DType> t, Device d) {
    return cnn::logspace(start, end, steps, base, t, d);
  }>("logspace(Number start, Number end, int steps, float base=10.0, *, TensorOptions) -> Tensor",
     "Powers of base, evenly spaced.", kOut);
  bind_between<&logspace_of>(ops, "logspace", ", float base=10.0");
  ops.def_op<[](int64_t n, std::optional<DType> t, Device d) { return cnn::eye(n, {}, t, d); }>(
      "eye(int n, *, TensorOptions) -> Tensor", "Identity matrix.", kOut);
  ops.def_op<[](int64_t n, int64_t m, std::optional<DType> t, Device d) { return cnn::eye(n, m, t, d); }>(
      "eye(int n, int m, *, TensorOptions) -> Tensor", "1 on the diagonal of an n x m matrix.", kOut);
  ops.def_op<[](Scalar s, std::optional<DType> t, Device d) {
    return cnn::scalar_tensor(s, t.value_or(default_dtype()), d);
  }>("scalar_tensor(Number s, *, TensorOptions) -> Tensor", "A 0-d tensor.");
  ops.def_op<[](const Tensor& x, const Dims& size, std::optional<DType> t, std::optional<Device> d) {
    return cnn::zeros(size, t.value_or(x.dtype()), d.value_or(x.device()));
  }>("new_zeros(Tensor input, Dims size, *, TensorOptions) -> Tensor", "All 0, of input's dtype.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Dims& size, std::optional<DType> t, std::optional<Device> d) {
    return cnn::ones(size, t.value_or(x.dtype()), d.value_or(x.device()));
  }>("new_ones(Tensor input, Dims size, *, TensorOptions) -> Tensor", "All 1, of input's dtype.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Dims& size, std::optional<DType> t, std::optional<Device> d) {
    return fresh(cnn::empty(size, t.value_or(x.dtype()), d.value_or(x.device())));
  }>("new_empty(Tensor input, Dims size, *, TensorOptions) -> Tensor", "Uninitialised, of input's dtype.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Dims& size, const Dims& stride, std::optional<DType> t,
                std::optional<Device> d) {
    return fresh(cnn::empty_strided(size, stride, t.value_or(x.dtype()), d.value_or(x.device())));
  }>("new_empty_strided(Tensor input, Dims size, Dims stride, *, TensorOptions) -> Tensor",
     "Uninitialised, with the given strides, of input's dtype.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Dims& size, Scalar v, std::optional<DType> t, std::optional<Device> d) {
    return cnn::full(size, v, t.value_or(x.dtype()), d.value_or(x.device()));
  }>("new_full(Tensor input, Dims size, Number fill_value, *, TensorOptions) -> Tensor",
     "All one value, of input's dtype.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& v) {
    check(v.dim() == 0, "fill_", "only supports 0-dimension value tensor but got tensor with ", v.dim(),
          " dimensions.");
    return cnn::copy_(x, v);
  }>("fill_(Tensor input, Tensor value) -> Tensor", "Every element set.");
  ops.def_op<[](const Tensor& x, Scalar v) { return cnn::fill_(x, v); }>("fill_(Tensor input, Number value) -> Tensor",
                                                                         "Every element set.");
  ops.def_op<&cnn::zero_>("zero_(Tensor input) -> Tensor", "Every element set to 0.");
  ops.def_op<[](const Tensor& x, const Tensor& v) {
    check(v.dim() == 0, "fill", "fill_ only supports 0-dimension value tensor but got tensor with ", v.dim(),
          " dimensions.");
    return cnn::copy_(clone(x), v);
  }>("fill(Tensor input, Tensor value) -> Tensor", "A copy with every element set.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, Scalar v) { return cnn::fill_(clone(x), v); }>(
      "fill(Tensor input, Number value) -> Tensor", "A copy with every element set.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, Format f) { return cnn::clone(x, f.value_or(MemoryFormat::Preserve)); }>(
      "clone(Tensor input, *, MemoryFormat? memory_format=None) -> Tensor", "A copy, through which gradients flow.");
  ops.def_op<[](const Tensor& x, Format f) { return cnn::contiguous(x, f.value_or(MemoryFormat::Contiguous)); }>(
      "contiguous(Tensor input, MemoryFormat? memory_format=None) -> Tensor",
      "Dense, in C order or the format; itself where it is.", kMethodOnly);
  ops.def_op<&memory_format_of>("_memory_format_of(Tensor input) -> MemoryFormat",
                                "channels_last or channels_last_3d where the strides fall so, else contiguous_format.",
                                kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& src, bool non_blocking) { return cnn::copy_(x, src, non_blocking); }>(
      "copy_(Tensor input, Tensor other, bool non_blocking=False) -> Tensor",
      "Takes the elements of other, broadcast and converted.", kMethodOnly);
  ops.def_op<[](const Tensor& x, const std::string& op, const Tensor& out) { return copy_out(op.c_str(), x, out); }>(
      "_copy_out(Tensor input, str op, Tensor out) -> Tensor", "Takes a finished result into the `out` of an op.",
      kFunctionOnly);
}

}  // namespace cnn::python
