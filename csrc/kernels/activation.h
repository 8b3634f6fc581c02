// Activations and their derivatives; pointwise losses.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_ACTIVATION(X)                                                                     \
  X(Relu, 1, Numbers) X(Threshold, 1, Numbers) X(ThresholdBackward, 2, Numbers)                     \
  X(LeakyRelu, 1, Floats) X(LeakyReluBackward, 2, Floats) X(Elu, 1, Floats) X(EluBackward, 2, Floats) \
  X(Gelu, 1, Floats) X(GeluBackward, 2, Floats) X(GeluTanh, 1, Floats) X(GeluTanhBackward, 2, Floats) \
  X(Silu, 1, Floats) X(SiluBackward, 2, Floats) X(Mish, 1, Floats) X(Softplus, 1, Floats)           \
  X(SoftplusBackward, 2, Floats) X(Hardtanh, 1, Numbers) X(HardtanhBackward, 2, Numbers)            \
  X(Hardswish, 1, Floats) X(HardswishBackward, 2, Floats) X(Hardsigmoid, 1, Floats)                 \
  X(HardsigmoidBackward, 2, Floats) X(Hardshrink, 1, Floats) X(Softshrink, 1, Floats)               \
  X(ShrinkBackward, 2, Floats) X(LogSigmoid, 1, Floats) X(Prelu, 2, Floats)                         \
  X(TanhBackward, 2, Floats) X(SigmoidBackward, 2, Floats)                                          \
  X(SquaredError, 2, Floats) X(SmoothL1, 2, Floats)                     \
  X(Huber, 2, Floats) X(BinaryCrossEntropy, 2, Floats)                     \
  X(BceWithLogits, 2, Floats) X(ScaledProbability, 2, Floats)                                       \
  X(SquaredErrorBackward, 3, Floats) X(BinaryCrossEntropyBackward, 3, Floats)                       \
  X(BceWithLogitsBackward, 3, Floats)

// max(x, 0); nan stays nan
struct Relu : Functor {
  template <class T> CNN_HD T operator()(T x) const { return x < T(0) ? T(0) : x; }
};
// x > threshold ? x : value
struct Threshold : Functor {
  Number threshold, value;
  template <class T> CNN_HD T operator()(T x) const { return x <= threshold.as<T>() ? value.as<T>() : x; }
};
// g where x > threshold, else 0
struct ThresholdBackward : Functor {
  Number threshold;
  template <class T> CNN_HD T operator()(T g, T x) const { return x <= threshold.as<T>() ? T(0) : g; }
};

// x > 0 ? x : slope x
struct LeakyRelu : Functor {
  double slope;
  template <class T> CNN_HD T operator()(T x) const { return x > T(0) ? x : x * T(slope); }
};
struct LeakyReluBackward : Functor {
  double slope;
  template <class T> CNN_HD T operator()(T g, T x) const { return x > T(0) ? g : g * T(slope); }
};
struct Prelu : Functor {
  template <class T> CNN_HD T operator()(T x, T slope) const { return x > T(0) ? x : slope * x; }
};

// x > 0 ? scale x : scale alpha (exp(input_scale x) - 1)
struct Elu : FloatFunctor {
  double alpha, scale, input_scale;
  template <class T> CNN_HD T operator()(T x) const {
    return x <= T(0) ? expm1(x * T(input_scale)) * T(alpha * scale) : x * T(scale);
  }
};
// of the result or of x, as `is_result` says
struct EluBackward : FloatFunctor {
  double alpha, scale, input_scale;
  bool is_result;
  template <class T> CNN_HD T operator()(T g, T x) const {
    const T slope = select(is_result, T(input_scale) * (x + T(alpha * scale)),
                           T(input_scale * alpha * scale) * exp(x * T(input_scale)));
    return g * select(x <= T(0), slope, T(scale));
  }
};

// x Phi(x), Phi the normal distribution (Hendrycks & Gimpel 2016)
struct Gelu : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return times_normal_cdf(x); }
};
// g (Phi(x) + x phi(x))
struct GeluBackward : FloatFunctor {
  template <class T> CNN_HD T operator()(T g, T x) const {
    const T near = fabs(x) > T(40) ? T(0) : x;  // infinity times 0 would be nan
    return g * (normal_cdf(x) + near * exp_negative(T(-0.5) * x * x) * T(0.39894228040143267794));
  }
};
// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
struct GeluTanh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const {
    const T inner = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
    return T(0.5) * (x < T(-100) ? T(0) : x) * (T(1) + tanh(inner));
  }
};
struct GeluTanhBackward : FloatFunctor {
  template <class T> CNN_HD T operator()(T g, T x) const {
    const T inner = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x), th = tanh(inner);
    const T slope = T(0.79788456080286535588) * (T(1) + T(3 * 0.044715) * x * x);
    return g * (T(0.5) * (T(1) + th) + T(0.5) * x * (T(1) - th * th) * slope);
  }
};

// x sigmoid(x)
struct Silu : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return x / (T(1) + exp(-x)); }
};
struct SiluBackward : FloatFunctor {
  template <class T> CNN_HD T operator()(T g, T x) const {
    const T s = sigmoid(x);
    return g * s * (T(1) + x * (T(1) - s));
  }
};
// x tanh(log(1 + exp(x)))
struct Mish : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return x * tanh(log1p(exp(x))); }
};

// log(1 + exp(beta x)) / beta, x itself above the threshold
struct Softplus : FloatFunctor {
  double beta, threshold;
  template <class T> CNN_HD T operator()(T x) const {
    const T a = x * T(beta);
    return a > T(threshold) ? x : log1p(exp(a)) / T(beta);
  }
};
struct SoftplusBackward : FloatFunctor {
  double beta, threshold;
  template <class T> CNN_HD T operator()(T g, T x) const {
    const T a = x * T(beta);
    return a > T(threshold) ? g : g * sigmoid(a);
  }
};
// log sigmoid(x) = min(x, 0) - log1p(exp(-|x|))
struct LogSigmoid : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return (x < T(0) ? x : T(0)) - log1p(exp(-fabs(x))); }
};

struct Hardtanh : Functor {
  Number low, high;
  template <class T> CNN_HD T operator()(T x) const {
    return x < low.as<T>() ? low.as<T>() : (x > high.as<T>() ? high.as<T>() : x);
  }
};
struct HardtanhBackward : Functor {
  Number low, high;
  template <class T> CNN_HD T operator()(T g, T x) const { return x <= low.as<T>() || x >= high.as<T>() ? T(0) : g; }
};
// x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)
struct Hardswish : Functor {
  static constexpr Rule kRule = Rule::Float;
  template <class T> CNN_HD T operator()(T x) const {
    const T a = x + T(3);
    return x * (a < T(0) ? T(0) : (a > T(6) ? T(6) : a)) / T(6);
  }
};
struct HardswishBackward : Functor {
  template <class T> CNN_HD T operator()(T g, T x) const {
    return x <= T(-3) ? T(0) : (x < T(3) ? g * (x / T(3) + T(0.5)) : g);
  }
};
struct Hardsigmoid : Functor {
  static constexpr Rule kRule = Rule::Float;
  template <class T> CNN_HD T operator()(T x) const {
    const T a = x + T(3);
    return (a < T(0) ? T(0) : (a > T(6) ? T(6) : a)) / T(6);
  }
};
struct HardsigmoidBackward : Functor {
  template <class T> CNN_HD T operator()(T g, T x) const { return x > T(-3) && x < T(3) ? g / T(6) : T(0); }
};
struct Hardshrink : Functor {
  double lambda;
  template <class T> CNN_HD T operator()(T x) const { return x >= T(-lambda) && x <= T(lambda) ? T(0) : x; }
};
struct Softshrink : Functor {
  double lambda;
  template <class T> CNN_HD T operator()(T x) const {
    return x > T(lambda) ? x - T(lambda) : (x < T(-lambda) ? x + T(lambda) : x * T(0));
  }
};
struct ShrinkBackward : Functor {
  double lambda;
  template <class T> CNN_HD T operator()(T g, T x) const { return x >= T(-lambda) && x <= T(lambda) ? T(0) : g; }
};

// Derivatives by the result y.
struct TanhBackward : Functor {
  template <class T> CNN_HD T operator()(T g, T y) const { return g * (T(1) - y * y); }
};
struct SigmoidBackward : Functor {
  template <class T> CNN_HD T operator()(T g, T y) const { return g * (T(1) - y) * y; }
};

// (x - t)^2
struct SquaredError : Functor {
  template <class T> CNN_HD T operator()(T x, T t) const { return (x - t) * (x - t); }
};
// |d| < beta ? d^2 / (2 beta) : |d| - beta/2 (Girshick 2015)
struct SmoothL1 : Functor {
  double beta;
  template <class T> CNN_HD T operator()(T x, T t) const {
    const T d = fabs(x - t);
    return d < T(beta) ? T(0.5) * d * d / T(beta) : d - T(0.5) * T(beta);
  }
};
// |d| <= delta ? d^2/2 : delta (|d| - delta/2) (Huber 1964)
struct Huber : Functor {
  double delta;
  template <class T> CNN_HD T operator()(T x, T t) const {
    const T d = fabs(x - t);
    return d <= T(delta) ? T(0.5) * d * d : T(delta) * (d - T(0.5) * T(delta));
  }
};
// -(t log x + (1 - t) log(1 - x)), the logarithms not below -100
struct BinaryCrossEntropy : FloatFunctor {
  template <class T> CNN_HD T operator()(T x, T t) const {
    const T a = log(x), b = log1p(-x);
    return (t - T(1)) * (b < T(-100) ? T(-100) : b) - t * (a < T(-100) ? T(-100) : a);
  }
};
// (1 - t) x + log(1 + exp(-x)), without overflow
struct BceWithLogits : FloatFunctor {
  template <class T> CNN_HD T operator()(T x, T t) const {
    return x * ((x < T(0) ? T(0) : T(1)) - t) + log1p(exp(-fabs(x)));
  }
};
// Their derivatives by x, times g.
struct SquaredErrorBackward : Functor {
  template <class T> CNN_HD T operator()(T g, T x, T t) const { return (x - t) * T(2) * g; }
};
struct BinaryCrossEntropyBackward : Functor {
  static constexpr int kCost = 2;
  template <class T> CNN_HD T operator()(T g, T x, T t) const {
    const T spread = (T(1) - x) * x;
    return g * ((x - t) / (spread < T(1e-12) ? T(1e-12) : spread));
  }
};
struct BceWithLogitsBackward : FloatFunctor {
  template <class T> CNN_HD T operator()(T g, T x, T t) const { return g * (sigmoid(x) - t); }
};

// s exp(y), for y <= 0
struct ScaledProbability : FloatFunctor {
  template <class T> CNN_HD T operator()(T y, T s) const { return s * exp_negative(y); }
};

CNN_NUMBER(kMapActivation, CNN_MAP_ACTIVATION)

}  // namespace cnn::kernels::CNN_ISA
