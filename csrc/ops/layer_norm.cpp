// Normalisation over the last dimensions.
#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/rows.h"
#include "ops/group_kernels.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace cnn {
namespace {

void check_trailing(const char* separator, const Tensor& x, const Dims& shape, const std::optional<Tensor>& weight,
                    const std::optional<Tensor>& bias) {
  check(!shape.empty(), "",
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
        "element, but got normalized_shape = ",
        shape);
  const std::pair<const char*, const std::optional<Tensor>*> affine[] = {{"weight", &weight}, {"bias", &bias}};
  for (const auto& [name, t] : affine)
    check(!*t || (*t)->device() == x.device(), "layer_norm", "Expected all tensors to be on the same device, but ",
          name, " is on ", *t ? (*t)->device() : x.device(), " and input on ", x.device());
  for (const auto& [name, t] : affine)
    check(!*t || (*t)->shape() == shape, "", "Expected ", name, " to be of same shape as normalized_shape, but got ",
          name, " of shape ", *t ? (*t)->shape() : shape, " and normalized_shape = ", shape);
  const int skip = x.dim() - shape.size();
  bool fits = skip >= 0;
  for (int i = 0; i < shape.size() && fits; ++i) fits = x.shape()[skip + i] == shape[i];
  if (fits) return;
  Message m;
  for (int i = 0; i < shape.size(); ++i) m << separator << shape[i];
  check(false, "", "Given normalized_shape=", shape, ", expected input with shape [*", m.take(),
        "], but got input of size", x.shape());
}

Dims last_dims(int count) {
  Dims dims;
  for (int i = count; i > 0; --i) dims.push_back(-i);
  return dims;
}

// x as rows: [outer, length].
Dims rows_of(const Tensor& x, int last) {
  Dims rows = {1, 1};
  for (int d = 0; d < x.dim(); ++d) rows[d >= x.dim() - last] *= x.shape()[d];
  return rows;
}

Dims trailing(const Dims& shape, int last) {
  Dims dims;
  for (int d = shape.size() - last; d < shape.size(); ++d) dims.push_back(shape[d]);
  return dims;
}

// One number for each row of x, [..., 1].
Dims statistics_of(const Tensor& x, int last) {
  Dims statistics = x.shape();
  for (int i = 0; i < last; ++i) statistics[x.dim() - 1 - i] = 1;
  return statistics;
}

// The gradients by skeletons over rows.
NormGrads layer_norm_backward(const Tensor& given_g, const Tensor& given_x, const Tensor& mean, const Tensor& rstd,
                              const Tensor& weight, int last, const bool wants[3]) {
  NoGrad guard;
  const Tensor g = contiguous(given_g), x = contiguous(given_x);
  const Dims rows = rows_of(x, last);
  const DType key = float_key(x.dtype());
  NormGrads grads;
  if (wants[0]) {
    const Tensor w = weight.defined() ? contiguous(weight) : weight;
    grads.x = empty(x.shape(), x.dtype(), x.device());
    const Tensor dx = view(grads.x, rows), rg = view(g, rows), rx = view(x, rows);
    rows_into("layer_norm_backward", kernels::LayerNormGrad{},
              {{&dx}, {&rg}, {&rx}, {&mean, RowKind::Single}, {&rstd, RowKind::Single}, {&w, RowKind::Shared}}, 1, rows,
              1, key);
  }
  if (wants[1] || wants[2]) {
    const Dims shape = trailing(x.shape(), last);
    grads.weight = empty(shape, key, x.device());
    grads.bias = empty(shape, key, x.device());
    const Tensor rg = view(g, rows), rx = view(x, rows);
    rows_into("layer_norm_backward", kernels::LayerNormWeight{},
              {{&grads.weight, RowKind::Single},
               {&grads.bias, RowKind::Single},
               {&rg},
               {&rx},
               {&mean, RowKind::Shared},
               {&rstd, RowKind::Shared}},
              2, rows, 0, key);
  }
  return grads;
}

// The same as formulas of ops, for gradients of gradients; not centered: of an RMS norm.
NormGrads layer_norm_backward_composed(const Tensor& g, const Tensor& x, const Tensor& weight, int last, double eps,
                                       const bool wants[3], bool centered = true) {
  const Dims dims = last_dims(last);
  const Tensor d = centered ? x - mean(x, dims, true) : x;
  const Tensor rstd = rsqrt(mean(d * d, dims, true) + Scalar(eps)), xhat = d * rstd;
  NormGrads grads;
  if (wants[0]) {
    const Tensor gw = weight.defined() ? g * weight : g;
    grads.x = rstd * ((centered ? gw - mean(gw, dims, true) : gw) - xhat * mean(gw * xhat, dims, true));
  }
  Dims outer;
  for (int i = 0; i < x.dim() - last; ++i) outer.push_back(i);
  if (wants[1]) grads.weight = outer.empty() ? g * xhat : sum(g * xhat, outer);
  if (wants[2]) grads.bias = outer.empty() ? g : sum(g, outer);
  return grads;
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> native_layer_norm(const Tensor& x, const Dims& shape,
                                                     const std::optional<Tensor>& weight,
                                                     const std::optional<Tensor>& bias, double eps) {
  if (const Autocast cast{"native_layer_norm", x}) [[unlikely]]
    return cast(native_layer_norm, x, shape, weight, bias, eps);
  check_trailing(", ", x, shape, weight, bias);
  if (!is_floating(x.dtype())) not_implemented("LayerNormKernelImpl", x.dtype());
  check_norm_parameters("layer_norm", x, {&weight, &bias});
  const int last = shape.size();
  const Tensor w = weight.value_or(Tensor()), b = bias.value_or(Tensor());
  Grad grad({x, w, b});
  const Dims rows = rows_of(x, last);
  const DType key = float_key(x.dtype());
  const Dims statistics = statistics_of(x, last);
  const Tensor mean = empty(statistics, key, x.device()), rstd = empty(statistics, key, x.device());
  const bool by_kernels = has_group_kernels(x);
  Tensor y;
  if (by_kernels) {
    GroupNormArgs a = groups_of_rows(x, rows);
    a.eps = eps;
    y = group_kernels_forward("layer_norm", a, x, w, b, mean, rstd);
  } else {
    NoGrad guard;
    y = empty(x.shape(), x.dtype(), x.device());
    const Tensor from = contiguous(x), dense_w = w.defined() ? contiguous(w) : w,
                 dense_b = b.defined() ? contiguous(b) : b;
    const Tensor ry = view(y, rows), rx = view(from, rows);
    kernels::LayerNorm f;
    f.eps = eps;
    rows_into("layer_norm", f,
              {{&ry},
               {&mean, RowKind::Single},
               {&rstd, RowKind::Single},
               {&rx},
               {&dense_w, RowKind::Shared},
               {&dense_b, RowKind::Shared}},
              3, rows, 1, key);
  }
  if (!grad) return {y, mean, rstd};
  auto sx = grad.save(x), sm = grad.save(mean), sr = grad.save(rstd), sw = w.defined() ? grad.save(w) : Saved();
  const auto backward = [=](Grads& g) {
    const bool wants[] = {g.wants(0), g.wants(1), g.wants(2)};
    const Tensor weight = sw.defined() ? sw.get(g) : Tensor(), x = sx.get(g);
    const NormGrads d = grad_enabled() ? layer_norm_backward_composed(g.out(), x, weight, last, eps, wants)
                        : by_kernels
                            ? group_kernels_backward("layer_norm_backward", groups_of_rows(x, rows), g.out(), x, weight,
                                                     sm.get(g), sr.get(g), trailing(x.shape(), last), wants)
                            : layer_norm_backward(g.out(), x, sm.get(g), sr.get(g), weight, last, wants);
    g[0] = d.x;
    if (wants[1]) g[1] = d.weight;
    if (wants[2]) g[2] = d.bias;
  };
  return {grad.record("NativeLayerNormBackward0", y, backward), mean, rstd};
}

Tensor layer_norm(const Tensor& x, const Dims& shape, const std::optional<Tensor>& weight,
                  const std::optional<Tensor>& bias, double eps) {
  if (const Autocast cast{"layer_norm", x}) [[unlikely]]
    return cast(layer_norm, x, shape, weight, bias, eps);
  return std::get<0>(native_layer_norm(x, shape, weight, bias, eps));
}

namespace {

Tensor rms_norm_by_kernels(const Tensor& x, const Tensor& w, int last, double eps) {
  Grad grad({x, w});
  const Dims rows = rows_of(x, last);
  const DType key = float_key(x.dtype());
  const Tensor rstd = grad ? empty(statistics_of(x, last), key, x.device()) : Tensor();
  GroupNormArgs a = groups_of_rows(x, rows);
  a.centered = false, a.eps = eps;
  const Tensor y = group_kernels_forward("rms_norm", a, x, w, {}, {}, rstd);
  if (!grad) return y;
  auto sx = grad.save(x), sr = grad.save(rstd), sw = w.defined() ? grad.save(w) : Saved();
  return grad.record("FusedRmsNormBackward0", y, [=](Grads& g) {
    const bool wants[] = {g.wants(0), g.wants(1), false};
    const Tensor weight = sw.defined() ? sw.get(g) : Tensor(), x = sx.get(g);
    const NormGrads d = grad_enabled() ? layer_norm_backward_composed(g.out(), x, weight, last, eps, wants, false)
                                       : group_kernels_backward("rms_norm_backward", a, g.out(), x, weight, {},
                                                                sr.get(g), trailing(x.shape(), last), wants);
    g[0] = d.x;
    if (wants[1]) g[1] = d.weight;
  });
}

}  // namespace

Tensor rms_norm(const Tensor& x, const Dims& shape, const std::optional<Tensor>& weight, std::optional<double> eps) {
  if (const Autocast cast{"rms_norm", x}) [[unlikely]]
    return cast(rms_norm, x, shape, weight, eps);
  check_trailing("", x, shape, weight, {});
  const double smallest = x.dtype() == DType::Float64 ? 2.220446049250313e-16 : 1.1920928955078125e-07;
  const bool alike =
      !weight || weight->dtype() == x.dtype() || (is_reduced(x.dtype()) && weight->dtype() == DType::Float32);
  if (alike && has_group_kernels(x))
    return rms_norm_by_kernels(x, weight.value_or(Tensor()), shape.size(), eps.value_or(smallest));
  const Tensor wide = is_reduced(x.dtype()) ? to_dtype(x, DType::Float32) : x;
  const Tensor square = mean(pow(wide, wrapped_number(2)), last_dims(shape.size()), true);
  Tensor y = wide * rsqrt(square + Scalar(eps.value_or(smallest)));
  if (weight) y = y * *weight;
  return contiguous(to_dtype(y, x.dtype()));
}

}  // namespace cnn
