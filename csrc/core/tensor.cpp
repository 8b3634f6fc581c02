#include "cnn/tensor.h"

#include "autograd/meta.h"
#include "device/backend.h"
#include "cnn/autograd.h"
#include "cnn/cuda.h"
#include "core/wrapper.h"

namespace cnn {

TensorImpl::TensorImpl(Ref<Storage> s, Dims new_sizes, Dims new_strides, int64_t new_offset, DType t)
    : storage(std::move(s)), dtype(t), device(storage->device()), inference(mode_word & kInference) {
  set_geometry(std::move(new_sizes), std::move(new_strides), new_offset);
}

TensorImpl::TensorImpl(Ref<Storage> s, const Dims& shape, int64_t elements, DType t)
    : storage(std::move(s)),
      sizes(shape),
      strides(contiguous_strides(shape)),
      numel(elements),
      dtype(t),
      device(storage->device()),
      inference(mode_word & kInference) {}

TensorImpl::~TensorImpl() = default;

void TensorImpl::set_geometry(Dims new_sizes, Dims new_strides, int64_t new_offset) {
  sizes = std::move(new_sizes);
  strides = std::move(new_strides);
  offset = new_offset;
  uint64_t elements = 1;  // wraps around only on its way to 0
  for (int64_t s : sizes) elements *= uint64_t(s);
  numel = int64_t(elements);
  contiguous = cnn::is_contiguous(sizes, strides);
}

void TensorImpl::last_ref_dropped() {
  if (owns_wrapper) release_wrapper(this);
  else delete this;
}

Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device) {
  check(sizes.size() == strides.size(), "empty_strided", "sizes ", sizes, " and strides ", strides,
        " must have the same length");
  numel_of("empty_strided", sizes);
  int64_t last = 0;
  bool none = false;
  for (int i = 0; i < sizes.size(); ++i) {
    check(strides[i] >= 0, "empty_strided",
          "as_strided: Negative strides are not supported at the moment, got strides: ", strides);
    none |= sizes[i] == 0;
    int64_t span;
    check(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last) &&
              last < (int64_t(1) << 59),
          "empty_strided", "Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  }
  const int64_t elements = none ? 0 : last + 1;
  return Tensor(
      make_ref<TensorImpl>(Storage::allocate(size_t(elements) * item_size(dtype), device), sizes, strides, 0, dtype));
}

Tensor empty(const Dims& sizes, DType dtype, Device device) {
  const int64_t numel = numel_of("empty", sizes);
  return Tensor(make_ref<TensorImpl>(Storage::allocate(size_t(numel) * item_size(dtype), device), sizes, numel, dtype));
}

Tensor empty(const Dims& sizes, DType dtype, Device device, MemoryFormat format) {
  if (format == MemoryFormat::Contiguous) return empty(sizes, dtype, device);
  return empty_strided(sizes, strides_in(format, sizes), dtype, device);
}

Tensor empty_like(const Tensor& like, DType dtype, MemoryFormat format) {
  const Dims &sizes = like.shape(), &strides = like.strides();
  if (format != MemoryFormat::Preserve) return empty(sizes, dtype, like.device(), format);
  if (like.is_contiguous()) {
    Tensor y = empty(sizes, dtype, like.device());
    y.impl()->strides = strides;  // those of dimensions of size 1 too
    return y;
  }
  const bool dense = is_dense(sizes, strides);
  return empty_strided(sizes, dense ? strides : strides_in_order_of(sizes, &strides, 1), dtype, like.device());
}

Tensor alias(const Tensor& base, const Dims& sizes, const Dims& strides, int64_t offset) {
  TensorImpl& of = *base.impl();
  auto impl = make_ref<TensorImpl>(of.storage, sizes, strides, offset, of.dtype);
  impl->own_version = of.own_version;
  impl->base = of.base ? of.base : Ref<TensorImpl>(&of);
  impl->inference = of.inference;
  impl->view_version = impl->version();
  impl->view_mode = mode_word & kInference ? ViewMode::Inference
                    : mode_word & kNoGrad  ? ViewMode::NoGrad
                                           : of.view_mode;
  return Tensor(std::move(impl));
}

Tensor detached_alias(const Tensor& x, bool share_version) {
  auto impl = make_ref<TensorImpl>(x.storage(), x.shape(), x.strides(), x.offset(), x.dtype());
  if (share_version) impl->own_version = x.impl()->own_version;
  else impl->own_version = make_ref<VersionCounter>();
  impl->wrapped_number = x.impl()->wrapped_number;
  impl->inference = x.impl()->inference;
  return Tensor(std::move(impl));
}

Tensor wrapped_number(Scalar value, Device device) {
  const DType dtype = value.is_float()      ? DType::Float64
                      : value.is_unsigned() ? DType::UInt64
                      : value.is_int()      ? DType::Int64
                                            : DType::Bool;
  if (device.is_cuda()) {
    const Tensor number = wrapped_number(value);
    const Tensor moved = empty(Dims(), dtype, device);
    cuda_copy(moved.raw(), moved.device(), number.raw(), kCpu, size_t(item_size(dtype)), false);
    moved.impl()->wrapped_number = true;
    return moved;
  }
  Tensor t = empty(Dims(), dtype, device);
  t.impl()->wrapped_number = true;
  if (device.is_meta()) return t;
  if (value.is_float()) *t.data<double>() = value.to_double();
  else if (value.is_unsigned()) *t.data<uint64_t>() = value.to_bits();
  else if (value.is_int()) *t.data<int64_t>() = value.to_int();
  else *t.data<bool>() = value.to_bool();
  return t;
}

void Tensor::fail_undefined() {
  fail(ErrorKind::Runtime, "", "expected a defined Tensor, but got one that holds nothing (made by Tensor())");
}

void Tensor::fail_dtype(DType asked) const {
  fail(ErrorKind::Runtime, "data", "expected elements of type ", dtype_type_name(asked), ", but the tensor of shape ",
       shape(), " has ", dtype_type_name(dtype()));
}

void Tensor::check_memory() const {
  if (numel() == 0) return;
  int64_t last = offset();
  for (int i = 0; i < dim(); ++i) last += (shape()[i] - 1) * strides()[i];
  const int64_t needed = (last + 1) * item_size(dtype());
  check(needed <= int64_t(storage()->nbytes()), "",
        "The tensor has a non-zero number of elements, but its data is not allocated: it reaches ", needed,
        " bytes of a storage that was resized to ", int64_t(storage()->nbytes()));
}

Scalar Tensor::item() const {
  check(numel() == 1, "", "a Tensor with ", numel(), " elements cannot be converted to Scalar");
  check(!device().is_meta(), "item", "Tensor.item() cannot be called on meta tensors");
  raw();  // is the memory there?
  return backend(device()).read_element(*impl());
}

}  // namespace cnn
