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
#define CNN_EACH_OPTIM(X)                                                                      \
  X(SgdStep, Floats) X(AdamStep, Floats) X(AdagradStep, Floats) X(RmspropStep, Floats)         \
  X(AdadeltaStep, Floats) X(AdamaxStep, Floats) X(NadamStep, Floats) X(RadamStep, Floats)      \
  X(RpropStep, Floats) X(AsgdStep, Floats) X(ScaleBy, Floats)          \
  X(PartNorm, Floats)
// Those of GPUs alone, where steps are counted, too.
#define CNN_EACH_COUNTED(X)                                                                              \
  X(CountSgd, Floats) X(CountAdam, Floats) X(CountAdagrad, Floats) X(CountRmsprop, Floats)               \
  X(CountAdadelta, Floats) X(CountAdamax, Floats) X(CountNadam, Floats) X(CountRadam, Floats)            \
  X(CountRprop, Floats) X(CountAsgd, Floats) X(CountedSgd, Floats) X(CountedAdam, Floats)                \
  X(CountedAdagrad, Floats) X(CountedRmsprop, Floats) X(CountedAdadelta, Floats) X(CountedAdamax, Floats)\
  X(CountedNadam, Floats) X(CountedRadam, Floats) X(CountedRprop, Floats) X(CountedAsgd, Floats)
#define CNN_EACH_OPTIM_ID(X) CNN_EACH_OPTIM(X) CNN_EACH_COUNTED(X)

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
  double momentum, dampening, weight_decay, sign;
  bool nesterov, first;
  struct Numbers {
    double lr;
  } of = {};
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
    x = x - T(of.lr) * d;
  }
};

// What Adam and its kin begin with: p = p shrink when decoupled, with shrink = 1 - lr weight_decay, else
// g = sign g + weight_decay p,   m = m + (1 - beta1) (g - m),   v = beta2 v + (1 - beta2) g g
struct Moments {
  void* p;
  const void* g;
  void *m, *v;
  double beta1, beta2, eps, weight_decay, sign;
  bool decoupled;
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T> struct Now {
    T x, d, mean, square;
  };
  template <class T> CNN_HD Now<T> advance(int64_t i, double shrink) const {
    T x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) {
      if (decoupled) x = x * T(shrink);
      else d = d + T(weight_decay) * x;
    }
    const T mean = blend(static_cast<T*>(m)[i], d, T(1 - beta1));
    const T square = static_cast<T*>(v)[i] * T(beta2) + T(1 - beta2) * d * d;
    static_cast<T*>(m)[i] = mean;
    static_cast<T*>(v)[i] = square;
    return {x, d, mean, square};
  }
};

// w = max(w, v) with amsgrad, else v,   p = p - step_size m / (root_scale sqrt(w) + eps)
// step_size = lr / (1 - beta1^t) and root_scale = 1 / sqrt(1 - beta2^t) belong to the tensor: t is its own. A factor,
// because divisions and roots are what the loop waits for.
struct AdamStep : Moments {
  void* w;  // null without amsgrad
  struct Numbers {
    double shrink, step_size, root_scale;
  } of = {};

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    const Now<T> now = advance<T>(i, of.shrink);
    T square = now.square;
    if (w) {
      const T before = static_cast<T*>(w)[i];
      square = square > before || square != square ? square : before;  // NaN stays
      static_cast<T*>(w)[i] = square;
    }
    static_cast<T*>(p)[i] = now.x - T(of.step_size) * now.mean / (T(of.root_scale) * sqrt(square) + T(eps));
  }
};

// g = sign g + weight_decay p,   s = s + g g,   p = p - rate g / (sqrt(s) + eps)
// rate = lr / (1 + (t - 1) lr_decay) belongs to the tensor.
struct AdagradStep {
  void* p;
  const void* g;
  void* s;
  double eps, weight_decay, sign;
  struct Numbers {
    double rate;
  } of = {};
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    const T sum = static_cast<T*>(s)[i] + d * d;
    static_cast<T*>(s)[i] = sum;
    x = x - T(of.rate) * d / (sqrt(sum) + T(eps));
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
  double alpha, eps, weight_decay, momentum, sign;
  struct Numbers {
    double lr;
  } of = {};
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
    T step = T(of.lr) * d / root;
    if (b) {
      const T next = static_cast<T*>(b)[i] * T(momentum) + d / root;
      static_cast<T*>(b)[i] = next;
      step = T(of.lr) * next;
    }
    x = x - step;
  }
};

// g = sign g + weight_decay p,   v = rho v + (1 - rho) g g
// d = g sqrt(a + eps) / sqrt(v + eps),   a = rho a + (1 - rho) d d,   p = p - lr d
struct AdadeltaStep {
  void* p;
  const void* g;
  void *v, *a;
  double rho, eps, weight_decay, sign;
  struct Numbers {
    double lr;
  } of = {};
  static constexpr int kCost = 6;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    const T square = static_cast<T*>(v)[i] * T(rho) + T(1 - rho) * d * d, before = static_cast<T*>(a)[i];
    static_cast<T*>(v)[i] = square;
    d = sqrt(before + T(eps)) / sqrt(square + T(eps)) * d;
    static_cast<T*>(a)[i] = before * T(rho) + T(1 - rho) * d * d;
    x = x - T(of.lr) * d;
  }
};

// g = sign g + weight_decay p,   m = m + (1 - beta1) (g - m),   u = max(beta2 u, |g| + eps),   p = p - rate m / u
// rate = lr / (1 - beta1^t) belongs to the tensor.
struct AdamaxStep {
  void* p;
  const void* g;
  void *m, *u;
  double beta1, beta2, eps, weight_decay, sign;
  struct Numbers {
    double rate;
  } of = {};
  static constexpr int kCost = 4;
  CNN_HD bool flushes_subnormals() const { return eps > 1e-12; }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    const T mean = blend(static_cast<T*>(m)[i], d, T(1 - beta1));
    const T old = static_cast<T*>(u)[i] * T(beta2), now = fabs(d) + T(eps);
    const T most = old > now || old != old ? old : now;  // NaN stays
    static_cast<T*>(m)[i] = mean;
    static_cast<T*>(u)[i] = most;
    x = x - T(of.rate) * mean / most;
  }
};

// r = sqrt(v / left) + eps,   p = p - of_g g / r - of_m m / r
// left = 1 - beta2^t, of_g and of_m belong to the tensor.
struct NadamStep : Moments {
  struct Numbers {
    double shrink, of_g, of_m, left;
  } of = {};

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    const Now<T> now = advance<T>(i, of.shrink);
    const T root = sqrt(now.square / T(of.left)) + T(eps);
    const T x = now.x - T(of.of_g) * now.d / root;
    static_cast<T*>(p)[i] = x - T(of.of_m) * now.mean / root;
  }
};

// p = p - rate m, or p - rate m / (sqrt(v) + eps) when rectified;  rate and rectified belong to the tensor.
struct RadamStep : Moments {
  struct Numbers {
    double shrink, rate;
    bool rectified;
  } of = {};

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    const Now<T> now = advance<T>(i, of.shrink);
    const T step = T(of.rate) * now.mean;
    static_cast<T*>(p)[i] = now.x - (of.rectified ? step / (sqrt(now.square) + T(eps)) : step);
  }
};

// g = sign g,   s = clamp(s up, low, high) where g and the gradient before, b, agree, s down where they do not, and
// there g = 0,   p = p - s where g > 0, p + s where g < 0,   b = g
struct RpropStep {
  void* p;
  const void* g;
  void *b, *s;
  double down, up, low, high, sign;
  struct Numbers {
  } of = {};
  static constexpr int kCost = 2;

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T d = static_cast<const T*>(g)[i] * T(sign);
    const T agreement = d * static_cast<T*>(b)[i];
    T size = static_cast<T*>(s)[i] * (agreement > T(0) ? T(up) : agreement < T(0) ? T(down) : T(1));
    size = size < T(low) ? T(low) : size > T(high) ? T(high) : size;
    d = agreement < T(0) ? T(0) : d;
    static_cast<T*>(s)[i] = size;
    static_cast<T*>(b)[i] = d;
    T& x = static_cast<T*>(p)[i];
    x = d > T(0) ? x - size : d < T(0) ? x + size : x;
  }
};

// g = sign g + weight_decay p,   p = p shrink - size g,   a = a + mu (p - a), or p when mu is 1
// shrink = 1 - lambd size, size and mu belong to the tensor.
struct AsgdStep {
  void* p;
  const void* g;
  void* a;
  double weight_decay, sign;
  struct Numbers {
    double size, shrink, mu;
  } of = {};
  static constexpr int kCost = 2;

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T x = static_cast<T*>(p)[i];
    T d = static_cast<const T*>(g)[i] * T(sign);
    if (weight_decay != 0) d = d + T(weight_decay) * x;
    x = x * T(of.shrink) - T(of.size) * d;
    static_cast<T*>(p)[i] = x;
    const T mean = static_cast<T*>(a)[i];
    static_cast<T*>(a)[i] = of.mu == 1 ? x : mean + T(of.mu) * (x - mean);
  }
};

// ---- Counting ----

// The numbers of a step that belong to a tensor, its `of`, follow from the rate and from its count t, the step's own
// number. `kept` are further numbers of its state, brought up to date; T is the type that they are kept in.
struct OfSgd {
  static constexpr int kKept = 0;
  template <class T> CNN_HD SgdStep::Numbers at(double, double lr, double*) const { return {lr}; }
};
struct OfAdam {
  double beta1, beta2, weight_decay;
  static constexpr int kKept = 0;
  template <class T> CNN_HD AdamStep::Numbers at(double t, double lr, double*) const {
    return {1 - lr * weight_decay, lr / (1 - pow(beta1, t)), 1 / sqrt(1 - pow(beta2, t))};
  }
};
struct OfAdagrad {
  double lr_decay;
  static constexpr int kKept = 0;
  template <class T> CNN_HD AdagradStep::Numbers at(double t, double lr, double*) const {
    return {lr / (1 + (t - 1) * lr_decay)};
  }
};
struct OfRmsprop {
  static constexpr int kKept = 0;
  template <class T> CNN_HD RmspropStep::Numbers at(double, double lr, double*) const { return {lr}; }
};
struct OfAdadelta {
  static constexpr int kKept = 0;
  template <class T> CNN_HD AdadeltaStep::Numbers at(double, double lr, double*) const { return {lr}; }
};
struct OfAdamax {
  double beta1;
  static constexpr int kKept = 0;
  template <class T> CNN_HD AdamaxStep::Numbers at(double t, double lr, double*) const {
    return {lr / (1 - pow(beta1, t))};
  }
};
struct OfNadam {
  double beta1, beta2, weight_decay, momentum_decay;
  static constexpr int kKept = 1;  // the product of all mu
  CNN_HD double mu(double t) const { return beta1 * (1 - 0.5 * pow(0.96, t * momentum_decay)); }
  template <class T> CNN_HD NadamStep::Numbers at(double t, double lr, double* product) const {
    const double now = mu(t), next = mu(t + 1);
    *product = double(T(*product) * T(now));
    return {1 - lr * weight_decay, lr * (1 - now) / (1 - *product), lr * next / (1 - *product * next),
            1 - pow(beta2, t)};
  }
};
struct OfRadam {
  double beta1, beta2, weight_decay;
  static constexpr int kKept = 0;
  template <class T> CNN_HD RadamStep::Numbers at(double t, double lr, double*) const {
    const double longest = 2 / (1 - beta2) - 1;  // of the simple moving average
    const double power = pow(beta2, t), left = 1 - power, length = longest - 2 * t * power / left;
    const bool rectified = length > 5;
    double rate = lr / (1 - pow(beta1, t));
    if (rectified)
      rate *= sqrt(left * (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
    return {1 - lr * weight_decay, rate, rectified};
  }
};
struct OfRprop {
  static constexpr int kKept = 0;
  template <class T> CNN_HD RpropStep::Numbers at(double, double, double*) const { return {}; }
};
struct OfAsgd {
  double lambd, alpha, t0;
  static constexpr int kKept = 2;  // mu and eta, of the next step
  template <class T> CNN_HD AsgdStep::Numbers at(double t, double lr, double* kept) const {
    const AsgdStep::Numbers now = {kept[1], 1 - lambd * kept[1], kept[0]};
    kept[0] = 1 / (t - t0 > 1 ? t - t0 : 1.0);
    kept[1] = lr / pow(1 + lambd * lr * t, alpha);
    return now;
  }
};

// Counts a step of a tensor on a GPU, and writes its numbers down there.
template <class Of> struct Count {
  Of formula;
  void *step, *kept[2];  // of T; null where there are none
  const double* rate;    // null: lr
  double lr;
  void* numbers;
  static constexpr int kCost = 1;

  template <class N> CNN_HD void put(const N& of) const { *static_cast<N*>(numbers) = of; }
  template <class T> CNN_HD void operator()(int64_t) const {
    double t = 0, held[2] = {};
    if (step) t = double(*static_cast<T*>(step) += T(1));
    for (int k = 0; k < Of::kKept; ++k) held[k] = double(*static_cast<T*>(kept[k]));
    put(formula.template at<T>(t, rate ? *rate : lr, held));
    for (int k = 0; k < Of::kKept; ++k) *static_cast<T*>(kept[k]) = T(held[k]);
  }
};

// A step by such numbers.
template <class F> struct Counted : F {
  const void* numbers;
  template <class T> CNN_HD void operator()(int64_t i) const {
    F f = *this;
    f.of = *static_cast<const typename F::Numbers*>(numbers);
    f.template operator()<T>(i);
  }
};

#define CNN_COUNTED(name)              \
  using Count##name = Count<Of##name>; \
  using Counted##name = Counted<name##Step>;
CNN_COUNTED(Sgd)
CNN_COUNTED(Adam)
CNN_COUNTED(Adagrad)
CNN_COUNTED(Rmsprop)
CNN_COUNTED(Adadelta)
CNN_COUNTED(Adamax)
CNN_COUNTED(Nadam)
CNN_COUNTED(Radam)
CNN_COUNTED(Rprop)
CNN_COUNTED(Asgd)
#undef CNN_COUNTED

// g = g factor, one number for all; or of a norm the factor that clips it, which is at most 1
struct ScaleBy {
  void* g;
  const void* factor;
  double most;  // of a norm; negative: it is a factor
  static constexpr int kCost = 1;

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T& x = static_cast<T*>(g)[i];
    T by = *static_cast<const T*>(factor);
    if (most >= 0) by = T(1) / (by + T(1e-6)) * T(most), by = by > T(1) ? T(1) : by;
    x = x * by;
  }
};

// out[i] = the root of the sum of squares of up to 64 elements of x, which stand so that 256 neighbours i read in turn.
struct PartNorm {
  const void* x;
  int64_t n;  // elements of x
  void* out;
  static constexpr int kCost = 64;
  static constexpr int64_t kSide = 256, kPart = 64;
  static constexpr int64_t parts(int64_t n) {
    const int64_t blocks = n / (kSide * kPart), rest = n - blocks * kSide * kPart;
    return blocks * kSide + (rest < kSide ? rest : kSide);
  }

  template <class T>
  CNN_HD void operator()(int64_t i) const {
    const T* const from = static_cast<const T*>(x);
    T sum = 0;
    int64_t at = i / kSide * (kSide * kPart) + i % kSide;
    for (int k = 0; k < kPart && at < n; ++k, at += kSide) sum = fma(from[at], from[at], sum);
    static_cast<T*>(out)[i] = sqrt(sum);
  }
};

CNN_NUMBER(kEachOptim, CNN_EACH_OPTIM_ID)

}  // namespace cnn::kernels::CNN_ISA
