// One step of an optimizer for element i of a parameter: p is moved, g is read, the state is brought up to date.
// Complex tensors count as twice as many reals. Numbers come as double and are rounded to T once, as PyTorch does.
// `sign` is -1 to maximize, else 1: a factor, because the compiler lifts only three conditions out of a loop, and one
// that stays inside keeps the loop from being vectorised.
// The momentum of a weight whose gradient stays at zero decays until it is subnormal, and would then slow every step
// down for good: subnormal numbers count as zero, but not where the root of one, up to 1e-19, is more than a rounding
// error of eps.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_OPTIM(X) X(SgdStep, Floats) X(AdamStep, Floats) X(AdagradStep, Floats) X(RmspropStep, Floats)

// a + w (b - a), rounded so that w = 1 gives b. Written without a branch, or loops over it do not vectorise.
template <class T>
CNN_HD T blend(T a, T b, T w) {
  const bool from_b = !(w < T(0.5));
  return (from_b ? b : a) + (from_b ? w - T(1) : w) * (b - a);
}

// g = sign g + weight_decay p
// b = g at the first step, else momentum b + (1 - dampening) g      with momentum only
// p = p - lr (g + momentum b with nesterov, b with momentum, else g)
struct SgdStep {
  void* p;
  const void* g;
  void* b;  // null without momentum
  double lr, momentum, dampening, weight_decay, sign;
  bool nesterov, first;
  static constexpr int kCost = 1;
  CNN_HD bool flushes_subnormals() const { return true; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    if (b) {
      T& buffer = static_cast<T*>(b)[i];
      const T next = first ? d : buffer * T(momentum) + T(1 - dampening) * d;
      buffer = next;
      d = nesterov ? d + T(momentum) * next : next;
    }
    x = x - T(lr) * d;
  }
};

// p = p (1 - lr weight_decay) when decoupled, else g = sign g + weight_decay p
// m = m + (1 - beta1) (g - m),   v = beta2 v + (1 - beta2) g g,   w = max(w, v) with amsgrad, else v
// p = p - step_size m / (root_scale sqrt(w) + eps)
// step_size = lr / (1 - beta1^t) and root_scale = 1 / sqrt(1 - beta2^t) belong to the tensor: t is its own. A factor,
// because divisions and roots are what the loop waits for.
struct AdamStep {
  void* p;
  const void* g;
  void *m, *v;
  void* w;  // null without amsgrad
  double step_size, root_scale, beta1, beta2, eps, weight_decay, sign;
  double shrink;  // 1 - lr weight_decay, for decoupled
  bool decoupled;
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) {
      if (decoupled) x = x * T(shrink);
      else d = d + T(weight_decay) * x;
    }
    const T mean = blend(static_cast<T*>(m)[i], d, T(1 - beta1));
    T square = static_cast<T*>(v)[i] * T(beta2) + T(1 - beta2) * d * d;
    static_cast<T*>(m)[i] = mean;
    static_cast<T*>(v)[i] = square;
    if (w) {
      const T before = static_cast<T*>(w)[i];
      square = square > before || square != square ? square : before;  // NaN stays
      static_cast<T*>(w)[i] = square;
    }
    static_cast<T*>(p)[i] = x - T(step_size) * mean / (T(root_scale) * sqrt(square) + T(eps));
  }
};

// g = sign g + weight_decay p,   s = s + g g,   p = p - rate g / (sqrt(s) + eps)
// rate = lr / (1 + (t - 1) lr_decay) belongs to the tensor.
struct AdagradStep {
  void* p;
  const void* g;
  void* s;
  double rate, eps, weight_decay, sign;
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    const T sum = static_cast<T*>(s)[i] + d * d;
    static_cast<T*>(s)[i] = sum;
    x = x - T(rate) * d / (sqrt(sum) + T(eps));
  }
};

// g = sign g + weight_decay p,   v = alpha v + (1 - alpha) g g,   a = a + (1 - alpha) (g - a) when centered
// r = sqrt(v - a a when centered, else v) + eps
// b = momentum b + g / r, p = p - lr b with momentum, else p = p - lr g / r
struct RmspropStep {
  void* p;
  const void* g;
  void* v;
  void* a;  // null unless centered
  void* b;  // null without momentum
  double lr, alpha, eps, weight_decay, momentum, sign;
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    T square = static_cast<T*>(v)[i] * T(alpha) + T(1 - alpha) * d * d;
    static_cast<T*>(v)[i] = square;
    if (a) {
      const T mean = blend(static_cast<T*>(a)[i], d, T(1 - alpha));
      static_cast<T*>(a)[i] = mean;
      square = square - mean * mean;
    }
    const T root = sqrt(square) + T(eps);
    T step = T(lr) * d / root;
    if (b) {
      const T next = static_cast<T*>(b)[i] * T(momentum) + d / root;
      static_cast<T*>(b)[i] = next;
      step = T(lr) * next;
    }
    x = x - step;
  }
};

CNN_NUMBER(kEachOptim, CNN_EACH_OPTIM)

}  // namespace cnn::kernels::CNN_ISA
