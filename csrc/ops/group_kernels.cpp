#include "ops/group_kernels.h"

#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "ops/heavy.h"

namespace cnn {
namespace {

MemoryFormat format_of(const GroupNormArgs& a, const Tensor& x) {
  return a.channels_last ? memory_format_of(x) : MemoryFormat::Contiguous;
}
Tensor dense(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

}  // namespace

ChannelVector vector_of(const Tensor& t) {
  return t.defined() ? ChannelVector{t.raw(), !is_reduced(t.dtype())} : ChannelVector();
}

bool has_group_kernels(const Tensor& x) { return has_heavy(x, &HeavyTable::group_norm_forward); }

GroupNormArgs groups_of_images(const Tensor& x, int64_t groups) {
  GroupNormArgs a;
  a.dtype = x.dtype();
  a.batch = x.shape()[0], a.channels = x.shape()[1], a.positions = x.numel() / (a.batch * a.channels);
  a.groups = groups;
  a.channels_last = memory_format_of(x) != MemoryFormat::Contiguous;
  return a;
}
GroupNormArgs groups_of_rows(const Tensor& x, const Dims& rows) {
  GroupNormArgs a;
  a.dtype = x.dtype();
  a.batch = rows[0], a.channels = rows[1];
  return a;
}

Tensor group_kernels_forward(const char* op, GroupNormArgs a, const Tensor& x, const Tensor& weight, const Tensor& bias,
                             const Tensor& mean, const Tensor& rstd) {
  NoGrad guard;
  const MemoryFormat format = format_of(a, x);
  const Tensor from = contiguous(x, format), w = dense(weight), b = dense(bias);
  const Tensor y = empty(x.shape(), x.dtype(), x.device(), format);
  a.x = from.raw(), a.y = y.raw(), a.weight = vector_of(w), a.bias = vector_of(b);
  if (mean.defined()) a.mean = mean.raw();
  if (rstd.defined()) a.rstd = rstd.raw();
  run_heavy(op, x.device(), &HeavyTable::group_norm_forward, a);
  return y;
}

NormGrads group_kernels_backward(const char* op, GroupNormArgs a, const Tensor& g, const Tensor& x,
                                 const Tensor& weight, const Tensor& mean, const Tensor& rstd, const Dims& parameters,
                                 const bool wants[3]) {
  NoGrad guard;
  const MemoryFormat format = format_of(a, x);
  const Tensor from = contiguous(x, format), dy = contiguous(to_dtype(g, x.dtype()), format), w = dense(weight),
               m = dense(mean), r = dense(rstd);
  const DType dtype = w.defined() ? w.dtype() : r.dtype();
  NormGrads grads;
  if (wants[0]) grads.x = empty(x.shape(), x.dtype(), x.device(), format), a.dx = grads.x.raw();
  if (wants[1]) grads.weight = empty(parameters, dtype, x.device());
  if (wants[2]) grads.bias = empty(parameters, dtype, x.device());
  a.x = from.raw(), a.dy = dy.raw(), a.weight = vector_of(w), a.rstd = r.raw();
  a.d_weight = vector_of(grads.weight), a.d_bias = vector_of(grads.bias);
  if (m.defined()) a.mean = m.raw();
  run_heavy(op, x.device(), &HeavyTable::group_norm_backward, a);
  return grads;
}

}  // namespace cnn
