#include "cnn/ops/copy.h"

#include "autograd/recorder.h"
#include "cnn/cuda.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"
#include "kernels/arithmetic.h"
#include "ops/map.h"

namespace cnn {
namespace {

// Elements of src, converted, into dst of the same shape or a shape it broadcasts to; across devices too.
void copy_raw(const Tensor& dst, const Tensor& src, bool non_blocking = false) {
  const Recorded range("copy_", dst, src);
  if (dst.device() == src.device() || dst.device().is_meta() || src.device().is_meta()) {
    if (src.device().is_meta() && !dst.device().is_meta())
      fail(ErrorKind::NotImplemented, "copy_", "Cannot copy out of meta tensor; no data!");
    if (dst.device().is_meta()) return;
    map_into("copy_", kernels::Copy{}, {{&dst, dst.dtype()}, {&src, dst.dtype()}}, 1, dst.dtype());
    return;
  }
  // One number goes in the arguments of the kernel that writes it; none computes in a dtype that is only stored.
  if (src.device().is_cpu() && src.numel() == 1 && !is_stored(dst.dtype())) {
    Constant room;
    const Tensor number = src.dim() == 0 ? src : alias(src, {}, {}, src.offset());
    map_into("copy_", kernels::Copy{}, {{&dst, dst.dtype()}, operand_on(dst.device(), number, dst.dtype(), room)}, 1,
             dst.dtype());
    return;
  }
  // Between memories only dense bytes travel, to where they belong if they lie there in the same order.
  const bool alike = dst.dtype() == src.dtype() && dst.shape() == src.shape() && dst.strides() == src.strides() &&
                     is_dense(src.shape(), src.strides());
  const Tensor from = alike || src.is_contiguous() ? src : contiguous(src);
  const bool direct = alike || (dst.dtype() == from.dtype() && dst.shape() == from.shape() && dst.is_contiguous());
  const Tensor staged = direct ? dst : empty(from.shape(), from.dtype(), dst.device());
  cuda_copy(staged.raw(), staged.device(), from.raw(), from.device(), size_t(from.numel()) * item_size(from.dtype()),
            non_blocking && direct);
  if (!direct) copy_raw(dst, staged);
}

// Uninitialised, in pinned memory; the strides are dense.
Tensor empty_pinned(const Dims& sizes, const Dims& strides, DType dtype) {
  const size_t nbytes = size_t(numel_of("pin_memory", sizes)) * item_size(dtype);
  return Tensor(make_ref<TensorImpl>(cuda_pinned_storage(nbytes), sizes, strides, 0, dtype));
}

Tensor dense_copy(const Tensor& x, const Tensor& y) {
  copy_raw(y, x);
  return y;
}

}  // namespace

Tensor clone(const Tensor& x, MemoryFormat format) {
  Grad grad({x});
  Tensor y = dense_copy(x, empty_like(x, x.dtype(), format));
  if (!grad) return y;
  return grad.record("CloneBackward0", y, [](Grads& g) { g[0] = g.out(); });
}

Tensor contiguous(const Tensor& x, MemoryFormat format) {
  if (is_contiguous(x, format)) return x;
  check(format != MemoryFormat::Preserve, "", "preserve memory format is unsupported by the contiguous operator");
  return clone(x, format);
}

Tensor copy_(const Tensor& dst, const Tensor& src, bool non_blocking) {
  const Dims shape = broadcast_shapes("copy_", dst.shape(), src.shape());
  check(shape == dst.shape(), "copy_", "output with shape ", dst.shape(), " doesn't match the broadcast shape ", shape);
  Grad grad({dst, src}, Dest::in_place(dst));
  check_no_internal_overlap("copy_", dst);
  check_no_partial_overlap("copy_", dst, src);
  dst.impl()->bump_version();
  copy_raw(dst, src, non_blocking);
  if (!grad) return dst;
  return grad.record("torch::autograd::CopyBackwards", dst, [](Grads& g) {
    if (g.wants(0)) g[0] = zeros_like(g.out());
    if (g.wants(1)) g[1] = g.out();
  });
}

Tensor to(const Tensor& x, std::optional<DType> dtype, std::optional<Device> device, bool copy, MemoryFormat format,
          bool non_blocking) {
  const DType t = dtype.value_or(x.dtype());
  Device d = device.value_or(x.device());
  if (d.is_cuda()) d = cuda_device(d);
  if (t == x.dtype() && d == x.device()) {
    if (!copy && (format == MemoryFormat::Preserve || memory_format_of(x) == format)) return x;
    return clone(x, format);
  }
  Grad grad({x});
  Tensor y = x.device() == d ? empty_like(x, t, format)
                             : empty(x.shape(), t, d, format == MemoryFormat::Preserve ? memory_format_of(x) : format);
  if (non_blocking && d.is_cpu() && x.device().is_cuda()) y = empty_pinned(y.shape(), y.strides(), t);
  copy_raw(y, x, non_blocking);
  if (!grad || !is_floating(t)) return y;
  const DType from = x.dtype();
  const Device home = x.device();
  return grad.record("ToCopyBackward0", y, [from, home](Grads& g) { g[0] = to(g.out(), from, home); });
}
Tensor to_dtype(const Tensor& x, DType dtype) { return to(x, dtype, {}); }
Tensor to_device(const Tensor& x, Device device) { return to(x, {}, device); }

bool is_pinned(const Tensor& x) { return x.device().is_cpu() && cuda_is_pinned(x.storage()->data()); }

Tensor pin_memory(const Tensor& x) {
  check(x.device().is_cpu(), "", "cannot pin '", device_type_name(x.device().type),
        "' tensors: only dense CPU tensors can be pinned");
  if (is_pinned(x)) return x;
  Grad grad({x});
  const Dims strides = is_dense(x.shape(), x.strides()) ? x.strides() : contiguous_strides(x.shape());
  Tensor y = empty_pinned(x.shape(), strides, x.dtype());
  copy_raw(y, x);
  if (!grad) return y;
  return grad.record("PinMemoryBackward0", y, [](Grads& g) { g[0] = g.out(); });
}

Tensor resize_(const Tensor& x, const Dims& size, MemoryFormat format) {
  check(!x.requires_grad(), "resize_", "cannot resize variables that require grad");
  check(format != MemoryFormat::Preserve, "", "Unsupported memory formatPreserve");
  const int64_t numel = numel_of("resize_", size);
  const Dims strides = strides_in(format, size);
  const size_t needed = numel == 0 ? 0 : size_t(x.offset() + numel) * item_size(x.dtype());
  if (needed > x.storage()->nbytes()) x.storage()->resize(needed);
  const bool alike = x.shape() == size && is_contiguous(x, format);
  x.impl()->set_geometry(size, strides, x.offset());
  if (!alike) x.impl()->bump_version();  // for backward another geometry is another tensor
  return x;
}

void resize_output(const char* op, const Tensor& out, const Dims& size) {
  if (out.numel() != 0) {
    Message m;
    m << "An output with one or more elements was resized since it had shape " << out.shape()
      << ", which does not match the required output shape " << size << " (" << op
      << "). Resize it to zero elements first, with t.resize_(0), to reuse it.";
    warn(m.take());
  }
  resize_(out, size);
}

}  // namespace cnn
