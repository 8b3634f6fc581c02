// Normalisation over the last dimensions.
#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/rows.h"
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

struct LayerNormGrads {
  Tensor x, weight, bias;
};

// The gradients by their kernels.
LayerNormGrads layer_norm_backward(const Tensor& given_g, const Tensor& given_x, const Tensor& mean, const Tensor& rstd,
                                   const Tensor& weight, int last, const bool wants[3]) {
  NoGrad guard;
  const Tensor g = contiguous(given_g), x = contiguous(given_x);
  const Dims rows = rows_of(x, last);
  const DType key = float_key(x.dtype());
  LayerNormGrads grads;
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

// The same as formulas of ops, for gradients of gradients.
LayerNormGrads layer_norm_backward_composed(const Tensor& g, const Tensor& x, const Tensor& weight, int last,
                                            double eps, const bool wants[3]) {
  const Dims dims = last_dims(last);
  const Tensor d = x - mean(x, dims, true);
  const Tensor rstd = rsqrt(mean(d * d, dims, true) + Scalar(eps)), xhat = d * rstd;
  LayerNormGrads grads;
  if (wants[0]) {
    const Tensor gw = weight.defined() ? g * weight : g;
    grads.x = rstd * (gw - mean(gw, dims, true) - xhat * mean(gw * xhat, dims, true));
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
  Dims statistics = x.shape();
  for (int i = 0; i < last; ++i) statistics[x.dim() - 1 - i] = 1;
  const Tensor y = empty(x.shape(), x.dtype(), x.device());
  const Tensor mean = empty(statistics, key, x.device()), rstd = empty(statistics, key, x.device());
  {
    NoGrad guard;
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
  return {grad.record("NativeLayerNormBackward0", y,
                      [=](Grads& g) {
                        const bool wants[] = {g.wants(0), g.wants(1), g.wants(2)};
                        const Tensor weight = sw.defined() ? sw.get(g) : Tensor(), x = sx.get(g);
                        const LayerNormGrads d =
                            grad_enabled() ? layer_norm_backward_composed(g.out(), x, weight, last, eps, wants)
                                           : layer_norm_backward(g.out(), x, sm.get(g), sr.get(g), weight, last, wants);
                        g[0] = d.x;
                        if (wants[1]) g[1] = d.weight;
                        if (wants[2]) g[2] = d.bias;
                      }),
          mean, rstd};
}

Tensor layer_norm(const Tensor& x, const Dims& shape, const std::optional<Tensor>& weight,
                  const std::optional<Tensor>& bias, double eps) {
  if (const Autocast cast{"layer_norm", x}) [[unlikely]]
    return cast(layer_norm, x, shape, weight, bias, eps);
  return std::get<0>(native_layer_norm(x, shape, weight, bias, eps));
}

Tensor rms_norm(const Tensor& x, const Dims& shape, const std::optional<Tensor>& weight, std::optional<double> eps) {
  if (const Autocast cast{"rms_norm", x}) [[unlikely]]
    return cast(rms_norm, x, shape, weight, eps);
  check_trailing("", x, shape, weight, {});
  const double smallest = x.dtype() == DType::Float64 ? 2.220446049250313e-16 : 1.1920928955078125e-07;
  const Tensor wide = is_reduced(x.dtype()) ? to_dtype(x, DType::Float32) : x;
  const Tensor square = mean(pow(wide, wrapped_number(2)), last_dims(shape.size()), true);
  Tensor y = wide * rsqrt(square + Scalar(eps.value_or(smallest)));
  if (weight) y = y * *weight;
  return contiguous(to_dtype(y, x.dtype()));
}

}  // namespace cnn
