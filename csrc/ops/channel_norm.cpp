#include "ops/channel_norm.h"

#include "cnn/ops.h"
#include "kernels/arithmetic.h"
#include "kernels/binary.h"
#include "kernels/rows.h"
#include "ops/map.h"
#include "ops/rows.h"

namespace cnn {

void check_channels(const char* name, const std::optional<Tensor>& t, const Tensor& x) {
  if (!t) return;
  const int64_t channels = x.shape()[1];
  check(t->numel() == channels, "", name, " should contain ", channels, " elements not ", t->numel());
  check(t->dim() == 1, "", name, " must have the one dimension of the channels, but has shape ", t->shape());
}

Channels::Channels(const Tensor& x)
    : images_(x.shape()[0]), channels_(x.shape()[1]), positions_(1), format_(memory_format_of(x)) {
  for (int d = 2; d < x.dim(); ++d) positions_ *= x.shape()[d];
  const bool along_images = x.dim() == 2;
  rows_ = along_images ? Dims{images_, channels_} : Dims{images_ * channels_, positions_};
  dim_ = along_images ? 0 : 1;
  if (format_ != MemoryFormat::Contiguous) rows_ = {images_, positions_, channels_};
}

// One number for each row, dense.
Tensor Channels::per_row(const Tensor& v) const {
  const int64_t images = dim_ == 0 ? 1 : images_;
  return v.numel() == images * channels_ ? contiguous(v) : contiguous(expand(v, {images, channels_}));
}
Tensor Channels::as_rows(const Tensor& x) const {
  const Tensor dense = contiguous(x, format_);
  return alias(dense, rows_, contiguous_strides(rows_), dense.offset());
}
Tensor Channels::result(const Tensor& x, DType dtype) const { return empty(x.shape(), dtype, x.device(), format_); }

Tensor Channels::scaled(const Tensor& x, const Tensor& center, const Tensor& scale, const Tensor& shift, DType result,
                        bool rectified) const {
  const Tensor y = this->result(x, result);
  const Tensor ry = as_rows(y), rx = as_rows(x), a = per_row(scale);
  const Tensor c = center.defined() ? per_row(center) : center, b = shift.defined() ? per_row(shift) : shift;
  kernels::ChannelScale f;
  if (rectified) f.floor = 0;
  rows_into("channel_scale", f, {{&ry}, {&rx}, {&c, RowKind::Single}, {&a, RowKind::Single}, {&b, RowKind::Single}}, 1,
            rows_, dim_, float_key(x.dtype()));
  return y;
}

Normalizer::Normalizer(const Tensor& exact_mean, const Tensor& var, double eps, DType key)
    : mean(to_dtype(exact_mean, key)) {
  if (key != DType::Float64) rest = exact_mean - mean;
  const Tensor shifted = empty(var.shape(), key, var.device()), number = wrapped_number(eps);
  map_into("norm", kernels::Add{},
           {{&shifted, DType::Float64}, {&var, DType::Float64}, {&number, DType::Float64, &eps}}, 1, DType::Float64);
  rstd = rsqrt(shifted);
}
Tensor Normalizer::shift(const Tensor& scale, const Tensor& bias) const {
  if (!rest.defined()) return bias;
  const Tensor y = empty(scale.shape(), scale.dtype(), scale.device()), number = wrapped_number(0.0);
  const double zero = 0;
  kernels::Addcmul f;
  f.value.d = -1;
  map_into("norm", f,
           {{&y, DType::Float64},
            bias.defined() ? MapOperand{&bias, DType::Float64} : MapOperand{&number, DType::Float64, &zero},
            {&rest, DType::Float64},
            {&scale, DType::Float64}},
           1, DType::Float64);
  return y;
}

Channels::Sums Channels::sums(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& scale,
                              const Tensor& shift) const {
  const DType key = float_key(x.dtype());
  const Dims shape = {dim_ == 0 ? 1 : images_, channels_};
  const Sums s = {empty(shape, key, x.device()), empty(shape, key, x.device())};
  const Tensor rg = as_rows(g), rx = as_rows(x), m = per_row(mean);
  const Tensor rscale = shift.defined() ? per_row(scale) : Tensor(), rshift = shift.defined() ? per_row(shift) : shift;
  rows_into("channel_sums", kernels::ChannelSums{},
            {{&s.g, RowKind::Single},
             {&s.gx, RowKind::Single},
             {&rg},
             {&rx},
             {&m, RowKind::Single},
             {&rscale, RowKind::Single},
             {&rshift, RowKind::Single}},
            2, rows_, dim_, key);
  return s;
}

Tensor Channels::gradient(const Tensor& g, const Tensor& x, const Tensor& mean, const Tensor& a, const Tensor& b,
                          const Tensor& c, const Tensor& shift) const {
  const Tensor dx = result(x, x.dtype());
  const Tensor ry = as_rows(dx), rg = as_rows(g), rx = as_rows(x);
  const Tensor m = per_row(mean), ra = per_row(a), rb = per_row(b), rc = per_row(c);
  const Tensor rshift = shift.defined() ? per_row(shift) : shift;
  rows_into("channel_gradient", kernels::ChannelGrad{},
            {{&ry},
             {&rg},
             {&rx},
             {&m, RowKind::Single},
             {&ra, RowKind::Single},
             {&rb, RowKind::Single},
             {&rc, RowKind::Single},
             {&rshift, RowKind::Single}},
            1, rows_, dim_, float_key(x.dtype()));
  return dx;
}

}  // namespace cnn
