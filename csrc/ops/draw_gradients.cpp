// Implicit derivatives of gamma and beta draws, in double.
//
// A draw x of a distribution F(x; a) moves with its parameter as its quantile stays: dx/da = -(dF/da) / p(x) (Figurnov
// et al. 2018; Jankowiak and Obermeyer 2018). F and dF/da are one integral with two weights,
//
//   F(x) = integral of p(t) dt,   -dF/da = integral of p(t) (m - log t) dt,   m = E[log t],
//
// over what lies below x, or, with the other sign, over what lies above; of the two sides the one is taken on which
// log t does not reach m, so that nothing cancels. In u = log t (gamma) and u = logit t (beta) the density is
// log-concave and falls steadily from x on: a Gauss-Legendre rule over the stretch on which it falls to exp(-40) has
// double precision. Where the density falls too slowly for that, below x for small a, the power series of F serves,
// whose terms have known derivatives.
#include "cnn/ops/draw_gradients.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "core/parallel.h"
#include "kernels/unary.h"
#include "ops/map.h"

namespace cnn {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kEnough = 40;  // exp(-40) is far below an ulp of the sum
constexpr double kSteep = 4;    // from this parameter on the density falls fast enough on its side

double digamma_of(double x) { return kernels::Digamma{}(x); }

// Nodes in (0, 1) and weights of the Gauss-Legendre rule: the roots of P_n by Newton's method.
template <int kNodes>
struct GaussLegendre {
  double node[kNodes], weight[kNodes];
  GaussLegendre() {
    for (int i = 0; i < kNodes; ++i) {
      double z = std::cos(M_PI * (i + 0.75) / (kNodes + 0.5)), slope = 1;
      for (int step = 0; step < 8; ++step) {
        double before = 1, p = z;
        for (int n = 2; n <= kNodes; ++n) {
          const double next = ((2 * n - 1) * z * p - (n - 1) * before) / n;
          before = p;
          p = next;
        }
        slope = kNodes * (z * p - before) / (z * z - 1);
        z -= p / slope;
      }
      node[i] = 0.5 * (1 - z);
      weight[i] = 1 / ((1 - z * z) * slope * slope);
    }
  }
};

// The integral of f over [0, length], in stretches on which it is smooth: 16 nodes give half
// the digits of a double, which is enough for the gradient of a draw.
template <int kNodes, class F>
double integral(double length, const F& f) {
  static const GaussLegendre<kNodes> rule;
  constexpr double kStretch = 3;
  if (!(length >= 0 && length < 1e4)) return kNan;
  const int stretches = std::max(1, int(std::ceil(length / kStretch)));
  const double h = length / stretches;
  double sum = 0;
  for (int s = 0; s < stretches; ++s)
    for (int i = 0; i < kNodes; ++i) sum += rule.weight[i] * f((s + rule.node[i]) * h);
  return sum * h;
}

// ---- Gamma ----

// exp(x) - 1 - x, exact near 0.
double exp_rest(double x) {
  if (std::fabs(x) > 0.25) return std::expm1(x) - x;
  double sum = 0, power = x * x / 2;
  for (int n = 3; n < 16; ++n) {
    sum += power;
    power *= x / n;
  }
  return sum;
}

// From x on, `side` = +1 upwards or -1 downwards in log t: what log p has fallen by at distance d, and the distance at
// which that is kEnough.
struct GammaFall {
  double a, x, side, log_x = std::log(x);
  double at(double d) const { return std::exp(log_x + side * d); }
  double operator()(double d) const {
    if (d > 1) return at(d) - x - side * a * d;
    if (a < 1e5) return x * std::expm1(side * d) - side * a * d;
    return x * exp_rest(side * d) + side * (x - a) * d;  // where those terms would cancel
  }
  double length() const {  // by Newton's method from beyond the root; the fall is convex
    const double beyond = 2 * kEnough + std::sqrt(2 * kEnough * a);
    double d = side < 0   ? kEnough / a + std::sqrt(2 * kEnough / a)
               : x > 1e-9 ? std::log1p(beyond / x)
                          : std::log(beyond) - log_x;
    for (int step = 0; step < 40; ++step) {
      const double excess = (*this)(d)-kEnough;
      if (std::fabs(excess) < 1) break;
      d -= excess / (side * (at(d) - a));
    }
    return d;
  }
};

constexpr double kTiny = 1e-300;
bool gamma_by_series(double a, double x) { return x <= a && a < kSteep; }

double gamma_grad(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0 || std::isinf(a)) return kNan;
  if (x == 0) return 0;
  if (a == 0 || std::isinf(x)) return kNan;
  a = std::max(a, kTiny);
  if (gamma_by_series(a, x)) {  // the logarithm of a term grows with a by log x - psi(a + n + 1)
    double sum = 0, term = x / a, weight = digamma_of(a + 1) - std::log(x);
    for (int n = 1; n < 10000 && term * (1 + std::fabs(weight)) > 1e-17 * std::fabs(sum); ++n) {
      sum += term * weight;
      term *= x / (a + n);
      weight += 1 / (a + n);
    }
    return sum;
  }
  const GammaFall fall{a, x, x <= a ? -1. : 1.};
  const double distance = std::log(x) - digamma_of(a);
  const double sum =
      integral<16>(fall.length(), [&](double d) { return std::exp(-fall(d)) * (fall.side * distance + d); });
  return x * sum;
}

// ---- Beta ----

// psi(a) - psi(a + b), exact also where b is small beside a.
double digamma_difference(double a, double b) {
  double shift = 0;
  for (; a < 16; a += 1) shift -= b / (a * (a + b));
  const double total = a + b, first = b / (a * total);  // 1 / a - 1 / total
  const double second = first * (1 / a + 1 / total);    // of the squares
  const double fourth = second * (1 / (a * a) + 1 / (total * total));
  const double sixth =
      second * (1 / (a * a * a * a) + 1 / (a * a * total * total) + 1 / (total * total * total * total));
  return shift - std::log1p(b / a) - first / 2 - second / 12 + fourth / 120 - sixth / 252;
}

// As for gamma, in logit t.
struct BetaFall {
  double a, b, x, side, y = 1 - x;
  double log_ratio(double d) const {  // log(t / x)
    const double e = -side * d;
    if (d < 0.5) return -std::log1p(y * std::expm1(e));
    if (e < 300) return -std::log(x + y * std::exp(e));
    return -(std::log(y) + e) - std::log1p(x / y * std::exp(-e));
  }
  double operator()(double d) const { return side * b * d - (a + b) * log_ratio(d); }
  double slope(double d) const { return side * ((a + b) * x * std::exp(log_ratio(d)) - a); }
  double length() const {
    // Where t is half the mean, or 1 - t half of its own, and farther off, the slope is half the parameter or more.
    const double own = side < 0 ? a : b, half = own / (2 * (a + b)), odds = side < 0 ? x / y : y / x;
    double d = std::max(0.0, std::log(odds) - std::log(half / (1 - half))) + 2 * kEnough / own;
    for (int step = 0; step < 40; ++step) {
      const double excess = (*this)(d)-kEnough;
      if (std::fabs(excess) < 1) break;
      d -= excess / slope(d);
    }
    return d;
  }
};

double beta_grad(double x, double a, double total) {
  const double b = total - a;
  if (!(x >= 0 && x <= 1 && a > 0 && b >= 0) || std::isinf(total)) return kNan;
  if (x == 0 || b == 0) return 0;  // b = 0: lost beside a, and all draws are 1
  if (x == 1) return -digamma_difference(a, b) / b;
  const bool below = x <= a / total;
  if ((below ? a : b) >= kSteep) {
    const BetaFall fall{a, b, x, below ? -1. : 1.};
    const double log_x = x < 0.5 ? std::log(x) : std::log1p(x - 1), mean = digamma_difference(a, b);
    const double sum = integral<16>(
        fall.length(), [&](double d) { return std::exp(-fall(d)) * fall.side * (log_x + fall.log_ratio(d) - mean); });
    return x * sum;
  }
  // F(x) = x^a (1 - x)^b / (a B(a, b)) sum of (a + b)_n / (a + 1)_n x^n, or 1 less the same for 1 - x; the logarithm of
  // a term has the derivative `weight` by a.
  const bool direct = x <= 0.5;
  const double y = direct ? x : 1 - x, p = direct ? a : b;
  double term = direct ? x / a : x / b;
  double weight = direct ? digamma_of(a + 1) - digamma_of(total) - std::log(x) : std::log(x) - digamma_difference(a, b);
  double sum = 0;
  for (int n = 0; n < 100000; ++n) {
    sum += term * weight;
    if (n > 0 && !(term * (1 + std::fabs(weight)) > 1e-17 * std::fabs(sum))) break;
    weight += direct ? 1 / (a + 1 + n) - 1 / (total + n) : 1 / (total + n);
    term *= (total + n) / (p + 1 + n) * y;
  }
  return sum;
}

// ---- Over tensors ----

// The elements of x, broadcast to a shape, in C order in memory of the CPU.
Tensor in_double(const Tensor& x, const Dims& shape) { return contiguous(to(expand(x, shape), DType::Float64, kCpu)); }

// y[i] = f(inputs[0][i], inputs[1][i], ...) of the inputs' common shape.
template <size_t N, class F>
Tensor each_in_double(const char* op, const Tensor* const (&inputs)[N], DType t, const F& f) {
  NoGrad guard;
  const Dims shape = broadcast_all(op, inputs, int(N));
  const Device device = common_device(op, inputs, int(N));
  if (device.is_meta()) return empty(shape, t, device);
  Tensor sources[N];
  const double* data[N];
  for (size_t i = 0; i < N; ++i) {
    sources[i] = in_double(*inputs[i], shape);
    data[i] = sources[i].template data<double>();
  }
  const Tensor y = empty(shape, DType::Float64);
  double* out = y.data<double>();
  constexpr double kCost = 400;  // nanoseconds for an element
  const WorkScope scope(kCost * double(y.numel()));
  parallel_for(y.numel(), 128, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = f(data, i);
  });
  return to(y, t, device);
}

void check_same_real(const char* kernel, const Tensor& first, std::initializer_list<const Tensor*> others) {
  const DType t = first.dtype();
  if (t != DType::Float32 && t != DType::Float64) not_implemented(kernel, t);
  for (const Tensor* x : others)
    check(x->dtype() == t, "", "Found dtype ", dtype_type_name(x->dtype()), " but expected ", dtype_type_name(t));
}

}  // namespace

Tensor _standard_gamma_grad(const Tensor& alpha, const Tensor& x) {
  check_same_real("_standard_gamma_grad_cpu", alpha, {&x});
  Grad grad({alpha, x});
  const Tensor* const inputs[] = {&alpha, &x};
  const Tensor y = each_in_double("_standard_gamma_grad", inputs, alpha.dtype(),
                                  [](const double* const* in, int64_t i) { return gamma_grad(in[0][i], in[1][i]); });
  return grad ? grad.record_no_derivative("_standard_gamma_grad", y) : y;
}

Tensor _dirichlet_grad(const Tensor& x, const Tensor& alpha, const Tensor& total) {
  check_same_real("_dirichlet_grad_cpu", x, {&alpha, &total});
  Grad grad({x, alpha, total});
  const Tensor* const inputs[] = {&x, &alpha, &total};
  const Tensor y = each_in_double("_dirichlet_grad", inputs, x.dtype(), [](const double* const* in, int64_t i) {
    return beta_grad(in[0][i], in[1][i], in[2][i]);
  });
  return grad ? grad.record_no_derivative("_dirichlet_grad", y) : y;
}

}  // namespace cnn
