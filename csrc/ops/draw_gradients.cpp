// Gradients of gamma and beta draws.
#include "cnn/ops/draw_gradients.h"

#include <initializer_list>

#include "cnn/autograd.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"
#include "core/parallel.h"
#include "kernels/draw_gradients.h"
#include "kernels/random.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

// y[i] = f(inputs[0][i], inputs[1][i], ...) of the inputs' common shape, in double; on GPUs by the functor that
// functor(tensors, y) makes.
template <size_t N, class F, class G>
Tensor each_of(const char* op, const Tensor* const (&inputs)[N], const F& f, const G& functor) {
  NoGrad guard;
  const DType t = inputs[0]->dtype();
  const Dims shape = broadcast_all(op, inputs, int(N));
  const Device device = common_device(op, inputs, int(N));
  if (device.is_meta()) return empty(shape, t, device);
  const DType key = device.is_cpu() || t == DType::Float64 ? DType::Float64 : DType::Float32;
  Tensor sources[N];  // in C order
  for (size_t i = 0; i < N; ++i) sources[i] = contiguous(to_dtype(expand(*inputs[i], shape), key));
  const Tensor y = empty(shape, key, device);
  if (device.is_cuda()) {
    each(functor(sources, y), y.numel(), key, device);
    return to_dtype(y, t);
  }
  const double* data[N];
  for (size_t i = 0; i < N; ++i) data[i] = sources[i].template data<double>();
  double* out = y.data<double>();
  constexpr double kCost = 400;  // nanoseconds for an element
  const WorkScope scope(kCost * double(y.numel()));
  parallel_for(y.numel(), 128, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f(data, i);
  });
  return to_dtype(y, t);
}

// GPUs have 16 bits for gamma draws.
bool has_kernel(const Tensor& x, bool halves) {
  const DType t = x.dtype();
  return t == DType::Float32 || t == DType::Float64 ||
         (halves && x.device().is_cuda() && (t == DType::Float16 || t == DType::BFloat16));
}
void check_same(const Tensor& first, std::initializer_list<const Tensor*> others) {
  for (const Tensor* x : others)
    check(x->dtype() == first.dtype(), "", "Found dtype ", dtype_type_name(x->dtype()), " but expected ",
          dtype_type_name(first.dtype()));
}

}  // namespace

Tensor _standard_gamma_grad(const Tensor& alpha, const Tensor& x) {
  if (!has_kernel(alpha, true))
    not_implemented(alpha.device().is_cuda() ? "_standard_gamma_grad_cuda" : "_standard_gamma_grad_cpu", alpha.dtype());
  check_same(alpha, {&x});
  Grad grad({alpha, x});
  const Tensor* const inputs[] = {&alpha, &x};
  const Tensor y = each_of(
      "_standard_gamma_grad", inputs,
      [](const double* const* in, int64_t i) { return kernels::gamma_grad(in[0][i], in[1][i]); },
      [](const Tensor* in, const Tensor& y) { return kernels::GammaGrad{in[0].raw(), in[1].raw(), y.raw()}; });
  return grad ? grad.record_no_derivative("_standard_gamma_grad", y) : y;
}

Tensor _dirichlet_grad(const Tensor& x, const Tensor& alpha, const Tensor& total) {
  if (!has_kernel(x, false))
    not_implemented(x.device().is_cuda() ? "_dirichlet_grad_cuda" : "_dirichlet_grad_cpu", x.dtype());
  check_same(x, {&alpha, &total});
  Grad grad({x, alpha, total});
  const Tensor* const inputs[] = {&x, &alpha, &total};
  const Tensor y = each_of(
      "_dirichlet_grad", inputs,
      [](const double* const* in, int64_t i) { return kernels::beta_grad(in[0][i], in[1][i], in[2][i]); },
      [](const Tensor* in, const Tensor& y) {
        return kernels::BetaGrad{in[0].raw(), in[1].raw(), in[2].raw(), y.raw()};
      });
  return grad ? grad.record_no_derivative("_dirichlet_grad", y) : y;
}

}  // namespace cnn
