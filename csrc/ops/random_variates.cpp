// Draws whose parameters are tensors: gamma, Dirichlet, Poisson, binomial. On the CPU one number after another from the
// generator, in C order.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/draw_gradients.h"
#include "cnn/ops/random.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "ops/map.h"
#include "ops/random_cuda.h"
#include "ops/variates.h"

namespace cnn {
namespace {

// The kernel that is named is the device's; GPUs have 16 bits, too.
void check_real(const char* kernel, const char* on_gpus, const Tensor& x) {
  const bool real = x.dtype() == DType::Float32 || x.dtype() == DType::Float64;
  if (!x.device().is_cuda() && !real) not_implemented(kernel, x.dtype());
  if (x.device().is_cuda() && (!is_floating(x.dtype()) || is_stored(x.dtype()))) not_implemented(on_gpus, x.dtype());
}

Tensor without_numbers(const Dims& shape, const Tensor& like) { return empty(shape, like.dtype(), like.device()); }

Tensor in_order(const Tensor& x, DType t) { return contiguous(to_dtype(x, t)); }

// The smallest positive normal number at least; nan stays.
template <class T>
T not_zero(double value) {
  return value < std::numeric_limits<T>::min() ? std::numeric_limits<T>::min() : T(value);
}

// The smallest positive normal number of a dtype, and 1 less the distance from 1 to the next number.
std::pair<double, double> range_below_one(DType t) {
  switch (t) {
    case DType::Float64:
      return {0x1p-1022, 1 - 0x1p-52};
    case DType::Float16:
      return {0x1p-14, 1 - 0x1p-10};
    case DType::BFloat16:
      return {0x1p-126, 1 - 0x1p-7};
    default:
      return {0x1p-126, 1 - 0x1p-23};
  }
}

// The sum of a row in PyTorch's order: four vectors of four side by side, vectors that are left to the first of them,
// numbers that are left alone.
double row_sum(const double* x, int64_t k) {
  double lanes[16] = {}, sum = 0;
  int64_t i = 0;
  for (; i + 16 <= k; i += 16)
    for (int j = 0; j < 16; ++j) lanes[j] += x[i + j];
  for (; i + 4 <= k; i += 4)
    for (int j = 0; j < 4; ++j) lanes[j] += x[i + j];
  for (; i < k; ++i) sum += x[i];
  for (int j = 0; j < 4; ++j) sum += lanes[j] + lanes[j + 4] + lanes[j + 8] + lanes[j + 12];
  return sum;
}

// Calls f.operator()<T>() for the two types that are drawn in.
template <class F>
void visit_real(DType t, const F& f) {
  if (t == DType::Float64) f.template operator()<double>();
  else f.template operator()<float>();
}

}  // namespace

Tensor _standard_gamma(const Tensor& alpha, Generator* generator) {
  check_real("gamma_cpu", "gamma_cuda", alpha);
  Grad grad({alpha});
  Saved saved = grad.save(alpha);
  Generator& g = generator_for(alpha.device(), generator);
  const Tensor y = without_numbers(alpha.shape(), alpha);
  if (alpha.device().is_cuda()) {
    cuda_gamma(y, alpha, g);
  } else if (!alpha.device().is_meta()) {
    NoGrad guard;
    const Tensor source = in_order(alpha, alpha.dtype());
    visit_real(alpha.dtype(), [&]<class T>() {
      const T* a = source.data<T>();
      T* out = y.data<T>();
      std::lock_guard lock(g.mutex());
      for (int64_t i = 0; i < y.numel(); ++i) out[i] = not_zero<T>(gamma_variate(g, a[i]));
    });
  }
  if (!grad) return y;
  Saved result = grad.save_output(y);
  return grad.record("StandardGammaBackward0", y,
                     [saved, result](Grads& g) { g[0] = g.out() * _standard_gamma_grad(saved.get(g), result.get(g)); });
}

Tensor _sample_dirichlet(const Tensor& alpha, Generator* generator) {
  check_real("dirichlet", "gamma_cuda", alpha);
  Grad grad({alpha});
  Generator& g = generator_for(alpha.device(), generator);
  Tensor y = without_numbers(alpha.shape(), alpha);
  if (alpha.device().is_cuda() && y.numel() > 0) {
    NoGrad guard;
    const auto [least, below_one] = range_below_one(alpha.dtype());
    cuda_gamma(y, alpha, g);
    y = clamp(div(y, sum(y, Dims{-1}, true)), Scalar(least), Scalar(below_one));
  } else if (!alpha.device().is_meta() && y.numel() > 0) {
    NoGrad guard;
    const Tensor source = in_order(alpha, DType::Float64);
    Tensor gammas = empty(alpha.shape(), DType::Float64);
    double* drawn = gammas.data<double>();
    {
      const double* a = source.data<double>();
      std::lock_guard lock(g.mutex());
      for (int64_t i = 0; i < y.numel(); ++i) drawn[i] = not_zero<double>(gamma_variate(g, a[i]));
    }
    const int64_t k = alpha.dim() ? alpha.shape().back() : 1;
    visit_real(alpha.dtype(), [&]<class T>() {
      const T most = std::nextafter(T(1), T(0));
      T* out = y.data<T>();
      for (int64_t row = 0; row < y.numel(); row += k) {
        const double total = row_sum(drawn + row, k);
        for (int64_t i = 0; i < k; ++i) out[row + i] = std::min(most, not_zero<T>(drawn[row + i] / total));
      }
    });
  }
  return grad ? grad.record_no_derivative("_sample_dirichlet", y) : y;
}

Tensor poisson(const Tensor& rate, Generator* generator) {
  if (!is_floating(rate.dtype()) || is_stored(rate.dtype()))
    not_implemented(rate.device().is_cuda() ? "poisson_cuda" : "poisson_cpu", rate.dtype());
  Grad grad({rate});
  Generator& g = generator_for(rate.device(), generator);
  Tensor y;
  if (!rate.device().is_cpu()) {
    y = without_numbers(rate.shape(), rate);
    if (rate.device().is_cuda()) cuda_poisson(y, rate, g);
  } else {
    NoGrad guard;
    const Tensor source = in_order(rate, DType::Float64);
    const double* r = source.data<double>();
    for (int64_t i = 0; i < rate.numel(); ++i)
      check(r[i] >= 0, "", "invalid Poisson rate, expected rate to be non-negative");
    const Tensor drawn = empty(rate.shape(), DType::Float64);
    double* out = drawn.data<double>();
    {
      std::lock_guard lock(g.mutex());
      for (int64_t i = 0; i < rate.numel(); ++i) out[i] = poisson_variate(g, r[i]);
    }
    y = to_dtype(drawn, rate.dtype());
  }
  if (!grad) return y;
  return grad.record("PoissonBackward0", y, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator) {
  for (const auto& [name, x] : {std::pair{"count", &count}, {"prob", &prob}})
    check_value(is_floating(x->dtype()), "", "binomial only supports floating-point dtypes for ", name,
                ", got: ", dtype_type_name(x->dtype()));
  check_real("binomial_cpu", "binomial_cuda", count);
  check(count.dtype() == prob.dtype(), "", "Found dtype ", dtype_type_name(prob.dtype()), " but expected ",
        dtype_type_name(count.dtype()));
  Grad grad({count, prob});
  const Tensor* inputs[] = {&count, &prob};
  const Dims shape = broadcast_all("binomial", inputs, 2);
  const Device device = common_device("binomial", inputs, 2);
  Generator& g = generator_for(device, generator);
  const Tensor y = empty(shape, count.dtype(), device);
  if (device.is_cuda()) {
    cuda_binomial(y, count, prob, g);
  } else if (!device.is_meta()) {
    NoGrad guard;
    const Tensor counts = in_order(expand(count, shape), count.dtype());
    const Tensor probs = in_order(expand(prob, shape), count.dtype());
    visit_real(count.dtype(), [&]<class T>() {
      const T *n = counts.data<T>(), *p = probs.data<T>();
      T* out = y.data<T>();
      std::lock_guard lock(g.mutex());
      for (int64_t i = 0; i < y.numel(); ++i) out[i] = T(binomial_variate(g, n[i], p[i]));
    });
  }
  return grad ? grad.record_no_derivative("binomial", y) : y;
}

}  // namespace cnn
