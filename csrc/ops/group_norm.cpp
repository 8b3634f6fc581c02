// Normalisation of groups of channels, and of each channel, within each image.
#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/reduce.h"
#include "ops/channel_norm.h"
#include "ops/group_kernels.h"
#include "ops/map.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace cnn {
namespace {

// v[N, G] for each channel of its group: [N, C].
Tensor for_channels(const Tensor& v, int64_t channels) {
  const int64_t images = v.shape()[0], groups = v.shape()[1];
  return reshape(expand(unsqueeze(v, 2), {images, groups, channels / groups}), {images, channels});
}
// v[N, C] summed over each group: [N, G].
Tensor over_groups(const Tensor& v, int64_t groups) {
  const int64_t images = v.shape()[0], channels = v.shape()[1];
  return sum(reshape(v, {images, groups, channels / groups}), Dims{2});
}

// x[N, C] alone has no positions to run along: it gets one.
Tensor with_positions(const Tensor& x) { return x.dim() == 2 ? unsqueeze(x, 2) : x; }

NormGrads group_norm_backward(const Tensor& given_g, const Tensor& given_x, const Tensor& weight, const Tensor& mean,
                              const Tensor& rstd, int64_t groups, double, const bool wants[3]) {
  NoGrad guard;
  const Tensor g = with_positions(given_g), x = with_positions(given_x);
  const Channels rows(x);
  const int64_t channels = rows.channels();
  const Tensor m = for_channels(mean, channels), r = for_channels(rstd, channels);
  const Channels::Sums s = rows.sums(g, x, m);
  NormGrads grads;
  if (wants[1]) grads.weight = sum(s.gx * r, Dims{0});
  if (wants[2]) grads.bias = sum(s.g, Dims{0});
  if (!wants[0]) return grads;
  const auto weighted = [&](const Tensor& t) { return weight.defined() ? t * weight : t; };
  const Scalar count(double(channels / groups * rows.positions()));
  const Tensor b = -(rstd * rstd * rstd * over_groups(weighted(s.gx), groups) / count);
  const Tensor c = -(rstd * over_groups(weighted(s.g), groups) / count);
  grads.x =
      view(rows.gradient(g, x, m, weighted(r), for_channels(b, channels), for_channels(c, channels)), given_x.shape());
  return grads;
}

NormGrads group_norm_backward_composed(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor&,
                                       const Tensor&, int64_t groups, double eps, const bool wants[3]) {
  const int64_t images = x.shape()[0], channels = x.shape()[1];
  const Dims grouped = {images, groups, images ? x.numel() / (images * groups) : 0};
  Dims across = Dims::filled(x.dim(), 1);
  across[1] = channels;
  const Tensor rows = reshape(x, grouped);
  const Tensor d = rows - mean(rows, Dims{2}, true);
  const Tensor rstd = rsqrt(mean(d * d, Dims{2}, true) + Scalar(eps)), xhat = d * rstd;
  NormGrads grads;
  if (wants[0]) {
    const Tensor gw = reshape(weight.defined() ? g * reshape(weight, across) : g, grouped);
    grads.x = reshape(rstd * (gw - mean(gw, Dims{2}, true) - xhat * mean(gw * xhat, Dims{2}, true)), x.shape());
  }
  Dims dims = {0};
  for (int i = 2; i < x.dim(); ++i) dims.push_back(i);
  if (wants[1]) grads.weight = sum(g * reshape(xhat, x.shape()), dims);
  if (wants[2]) grads.bias = sum(g, dims);
  return grads;
}

// Mean and biased variance along dimension `dim` of x as `sizes`, its memory in order: in double.
struct GroupMoments {
  Tensor mean, var;
};
GroupMoments moments_along(const Tensor& x, const Dims& sizes, int dim) {
  Dims shape = sizes;
  shape.erase(dim);
  const GroupMoments m = {empty(shape, DType::Float64, x.device()), empty(shape, DType::Float64, x.device())};
  const Tensor rows = alias(x, sizes, contiguous_strides(sizes), x.offset());
  kernels::Moments f;
  f.correction = 0;
  reduce_into("group_norm", f, rows, ReducedDims::one("group_norm", rows, dim), float_key(x.dtype()), m.var, m.mean);
  return m;
}

// [N, G] of x[N, C, ...].
GroupMoments group_moments(const Tensor& x, int64_t groups) {
  const int64_t images = x.shape()[0];
  return moments_along(x, {images, groups, images ? x.numel() / (images * groups) : 0}, 2);
}

// Channels lie side by side: each has moments of its own, and a group those of its channels together.
GroupMoments group_moments_of_pixels(const Tensor& x, int64_t groups) {
  const int64_t images = x.shape()[0], channels = x.shape()[1];
  const GroupMoments m = moments_along(x, {images, x.numel() / (images * channels), channels}, 1);
  const Dims grouped = {images, groups, channels / groups};
  const Tensor means = view(m.mean, grouped), middle = mean(means, Dims{2}, true), apart = means - middle;
  return {view(middle, {images, groups}), mean(view(m.var, grouped) + apart * apart, Dims{2})};
}

// The whole of it by a device's kernels. `a`: what the forward pass needs beside tensors.
Tensor normalized_by_kernels(const char* op, const char* node, const GroupNormArgs& a, const Tensor& x, const Tensor& w,
                             const Tensor& b) {
  Grad grad({x, w, b});
  const int64_t groups = a.groups;
  const double eps = a.eps;
  const DType key = float_key(x.dtype());
  const Dims statistics = {a.batch, groups};
  const Tensor mean = grad ? empty(statistics, key, x.device()) : Tensor();
  const Tensor rstd = grad ? empty(statistics, key, x.device()) : Tensor();
  const Tensor y = group_kernels_forward(op, a, x, w, b, mean, rstd);
  if (!grad) return y;
  auto sx = grad.save(x), sw = w.defined() ? grad.save(w) : Saved(), sm = grad.save(mean), sr = grad.save(rstd);
  return grad.record(node, y, [=](Grads& g) {
    const bool wants[] = {g.wants(0), g.wants(1), g.wants(2)};
    const Tensor x = sx.get(g), w = sw.defined() ? sw.get(g) : Tensor(), mean = sm.get(g), rstd = sr.get(g);
    const NormGrads d = grad_enabled() ? group_norm_backward_composed(g.out(), x, w, mean, rstd, groups, eps, wants)
                                       : group_kernels_backward(op, groups_of_images(x, groups), g.out(), x, w, mean,
                                                                rstd, {x.shape()[1]}, wants);
    g[0] = d.x;
    if (wants[1]) g[1] = d.weight;
    if (wants[2]) g[2] = d.bias;
  });
}

}  // namespace

Tensor group_norm(const Tensor& x, int64_t groups, const std::optional<Tensor>& weight,
                  const std::optional<Tensor>& bias, double eps) {
  if (const Autocast cast{"group_norm", x}) [[unlikely]]
    return cast(group_norm, x, groups, weight, bias, eps);
  check(x.dim() >= 2, "", "Expected at least 2 dimensions for input tensor but received ", x.dim());
  check(groups > 0, "", "Expected num groups to be greater than 0, got ", groups);
  const int64_t channels = x.shape()[1];
  check(channels % groups == 0, "",
        "Expected number of channels in input to be divisible by num_groups, but got input "
        "of shape ",
        x.shape(), " and num_groups=", groups);
  const std::pair<const char*, const std::optional<Tensor>*> affine[] = {{"weight", &weight}, {"bias", &bias}};
  for (const auto& [name, t] : affine)
    check(!*t || ((*t)->dim() == 1 && (*t)->numel() == channels), "", "Expected ", name,
          " to be a vector of size equal "
          "to the number of channels in input, but got ",
          name, " of shape ", *t ? (*t)->shape() : Dims(), " and input of shape ", x.shape());
  if (!is_floating(x.dtype())) not_implemented("GroupNormKernelImpl", x.dtype());
  check_norm_parameters("group_norm", x, {&weight, &bias});

  const Tensor w = weight.value_or(Tensor()), b = bias.value_or(Tensor());
  if (has_group_kernels(x)) {
    GroupNormArgs a = groups_of_images(x, groups);
    a.eps = eps;
    return normalized_by_kernels("group_norm", "NativeGroupNormBackward0", a, x, w, b);
  }
  Grad grad({x, w, b});
  const DType key = float_key(x.dtype());
  Tensor y, mean, rstd;
  {
    NoGrad guard;
    const MemoryFormat format = memory_format_of(x);
    const Tensor from = contiguous(x, format);
    const auto [exact_mean, var] =
        format == MemoryFormat::Contiguous ? group_moments(from, groups) : group_moments_of_pixels(from, groups);
    Normalizer exact(exact_mean, var, eps, key);
    mean = exact.mean;
    rstd = exact.rstd;
    for (Tensor* t : {&exact.mean, &exact.rstd, &exact.rest})
      if (t->defined()) *t = for_channels(*t, channels);
    const Tensor scale = w.defined() ? exact.rstd * w : exact.rstd;
    const Tensor shaped = with_positions(from);
    y = Channels(shaped).scaled(shaped, exact.mean, scale, exact.shift(scale, b), x.dtype());
    if (x.dim() == 2) y = detached_alias(view(y, x.shape()), true);
  }
  if (!grad) return y;
  auto sx = grad.save(x), sw = w.defined() ? grad.save(w) : Saved(), sm = grad.save(mean), sr = grad.save(rstd);
  return grad.record("NativeGroupNormBackward0", y, [=](Grads& g) {
    const bool wants[] = {g.wants(0), g.wants(1), g.wants(2)};
    const auto backward = grad_enabled() ? group_norm_backward_composed : group_norm_backward;
    const NormGrads d =
        backward(g.out(), sx.get(g), sw.defined() ? sw.get(g) : Tensor(), sm.get(g), sr.get(g), groups, eps, wants);
    g[0] = d.x;
    if (wants[1]) g[1] = d.weight;
    if (wants[2]) g[2] = d.bias;
  });
}

Tensor instance_norm(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                     const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
                     bool use_input_stats, double momentum, double eps) {
  check(use_input_stats || (running_mean && running_var), "",
        "Expected running_mean and running_var to be defined when use_input_stats is false");
  check_index(x.dim() >= 2, "instance_norm", "expected an input of 2 or more dimensions, got ", x.shape());
  const int64_t images = x.shape()[0], channels = x.shape()[1];
  check_channels("running_mean", running_mean, x);
  check_channels("running_var", running_var, x);
  check_channels("weight", weight, x);
  check_channels("bias", bias, x);
  check_norm_parameters("instance_norm", x, {&weight, &bias, &running_mean, &running_var});
  const Tensor dense = contiguous(x);
  if (!use_input_stats)  // images are alike
    return view(batch_norm(dense, weight, bias, running_mean, running_var, false, momentum, eps), x.shape());
  const auto is_dense = [](const std::optional<Tensor>& t) { return !t || t->is_contiguous(); };
  if (has_group_kernels(x) && is_dense(running_mean) && is_dense(running_var)) {
    GroupNormArgs a = groups_of_images(dense, channels);
    a.eps = eps, a.momentum = momentum;
    const auto moved = [](const std::optional<Tensor>& t) {
      if (!t) return ChannelVector();
      const Tensor* const inputs[] = {&*t};
      return vector_of(result_for("instance_norm", t->shape(), t->dtype(), inputs, 1, Dest::in_place(*t)));
    };
    a.running_mean = moved(running_mean), a.running_var = moved(running_var);
    const Tensor y = normalized_by_kernels("instance_norm", "NativeBatchNormBackward0", a, dense,
                                           weight.value_or(Tensor()), bias.value_or(Tensor()));
    return view(y, x.shape());
  }
  // All images side by side, as the channels of one.
  Dims shape = x.shape();
  shape[0] = 1;
  shape[1] = images * channels;
  const auto repeated = [&](const std::optional<Tensor>& t) {
    return t ? std::optional<Tensor>(repeat(*t, {images})) : std::nullopt;
  };
  const std::optional<Tensor> means = repeated(running_mean), vars = repeated(running_var);
  const Tensor y = batch_norm(view(dense, shape), repeated(weight), repeated(bias), means, vars, true, momentum, eps);
  if (images > 0) {
    NoGrad guard;
    if (means) copy_(*running_mean, mean(view(*means, {images, channels}), Dims{0}));
    if (vars) copy_(*running_var, mean(view(*vars, {images, channels}), Dims{0}));
  }
  return view(y, x.shape());
}

}  // namespace cnn
