#include "cnn/ops/special.h"

#include <cmath>

#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "kernels/special.h"
#include "ops/map.h"

namespace cnn {
namespace {

// dx from g, x and y = f(x).
using Derivative = Tensor (*)(const Tensor& g, const Tensor& x, const Tensor& y);

template <class F>
Tensor smooth(const char* op, const char* node, const F& f, const Tensor& x, const Dest& dest, Derivative derivative) {
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y = map(op, f, x, dest);
  if (!grad) return y;
  auto sy = grad.save_output(y);
  return grad.record(node, y, [sx, sy, derivative](Grads& g) { g[0] = derivative(g.out(), sx.get(g), sy.get(g)); });
}
// Where |x| is below the last digit of 1, that digit, so that it divides.
struct AwayFromZero {
  Tensor near, x;
  explicit AwayFromZero(const Tensor& value) {
    const double epsilon = value.dtype() == DType::Float64 ? 0x1p-52 : 0x1p-23;
    near = le(abs(value), wrapped_number(epsilon));
    x = where(near, wrapped_number(epsilon), value);
  }
};

[[noreturn]] void no_derivative_by(const char* what) {
  fail(ErrorKind::NotImplemented, "", "the derivative for '", what, "' is not implemented.");
}

}  // namespace

Tensor i0(const Tensor& x, Dest dest) {
  return smooth("i0", "I0Backward0", kernels::I0{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor&) { return g * special_i1(x); });
}
Tensor special_i0e(const Tensor& x, Dest dest) {
  return smooth("special_i0e", "SpecialI0EBackward0", kernels::I0e{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor& y) { return g * (special_i1e(x) - sgn(x) * y); });
}
Tensor special_i1(const Tensor& x, Dest dest) {
  return smooth("special_i1", "SpecialI1Backward0", kernels::I1{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor& y) {
                  const AwayFromZero away(x);
                  return g * where(away.near, wrapped_number(0.5), i0(away.x) - y / away.x);
                });
}
Tensor special_i1e(const Tensor& x, Dest dest) {
  return smooth("special_i1e", "SpecialI1EBackward0", kernels::I1e{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor& y) {
                  const AwayFromZero away(x);
                  const Tensor slope = special_i0e(away.x) - y * (sgn(away.x) + reciprocal(away.x));
                  return g * where(away.near, wrapped_number(0.5), slope);
                });
}

// As in PyTorch, the results of these are no part of a graph.
#define CNN_WITHOUT_DERIVATIVE(name, Functor)                                    \
  Tensor special_##name(const Tensor& x, Dest dest) {                            \
    return map("special_" #name, kernels::Functor{}, x, dest);                     \
  }
CNN_WITHOUT_DERIVATIVE(modified_bessel_i0, I0)
CNN_WITHOUT_DERIVATIVE(modified_bessel_i1, I1)
CNN_WITHOUT_DERIVATIVE(modified_bessel_k0, K0)
CNN_WITHOUT_DERIVATIVE(modified_bessel_k1, K1)
CNN_WITHOUT_DERIVATIVE(scaled_modified_bessel_k0, K0e)
CNN_WITHOUT_DERIVATIVE(scaled_modified_bessel_k1, K1e)
CNN_WITHOUT_DERIVATIVE(bessel_j0, BesselJ0)
CNN_WITHOUT_DERIVATIVE(bessel_j1, BesselJ1)
CNN_WITHOUT_DERIVATIVE(bessel_y0, BesselY0)
CNN_WITHOUT_DERIVATIVE(bessel_y1, BesselY1)
CNN_WITHOUT_DERIVATIVE(spherical_bessel_j0, SphericalJ0)
CNN_WITHOUT_DERIVATIVE(airy_ai, AiryAi)

#define CNN_POLYNOMIAL(name, Functor)                                                       \
  Tensor special_##name(const Tensor& x, const Tensor& n, Dest dest) {                      \
    return map("special_" #name, kernels::Functor{}, x, n, dest);                           \
  }
CNN_POLYNOMIAL(chebyshev_polynomial_t, ChebyshevT)
CNN_POLYNOMIAL(chebyshev_polynomial_u, ChebyshevU)
CNN_POLYNOMIAL(chebyshev_polynomial_v, ChebyshevV)
CNN_POLYNOMIAL(chebyshev_polynomial_w, ChebyshevW)
CNN_POLYNOMIAL(shifted_chebyshev_polynomial_t, ShiftedChebyshevT)
CNN_POLYNOMIAL(shifted_chebyshev_polynomial_u, ShiftedChebyshevU)
CNN_POLYNOMIAL(shifted_chebyshev_polynomial_v, ShiftedChebyshevV)
CNN_POLYNOMIAL(shifted_chebyshev_polynomial_w, ShiftedChebyshevW)
CNN_POLYNOMIAL(hermite_polynomial_h, HermiteH)
CNN_POLYNOMIAL(hermite_polynomial_he, HermiteHe)
CNN_POLYNOMIAL(laguerre_polynomial_l, LaguerreL)
CNN_POLYNOMIAL(legendre_polynomial_p, LegendreP)

Tensor special_entr(const Tensor& x, Dest dest) {
  return smooth("special_entr", "SpecialEntrBackward0", kernels::Entr{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor&) { return g * (-log(x) - 1); });
}
Tensor special_erfcx(const Tensor& x, Dest dest) {
  return smooth("special_erfcx", "SpecialErfcxBackward0", kernels::Erfcx{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor& y) { return g * (x * y * 2 - M_2_SQRTPI); });
}
Tensor special_ndtr(const Tensor& x, Dest dest) {
  constexpr double density = M_2_SQRTPI * M_SQRT1_2 / 2;  // at 0
  return smooth("special_ndtr", "SpecialNdtrBackward0", kernels::Ndtr{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor&) { return g * exp(x * x * -0.5) * density; });
}
Tensor special_ndtri(const Tensor& x, Dest dest) {
  constexpr double root_2_pi = 2.50662827463100050242;
  return smooth("special_ndtri", "SpecialNdtriBackward0", kernels::Ndtri{}, x, dest,
                [](const Tensor& g, const Tensor&, const Tensor& y) { return g * exp(y * y * 0.5) * root_2_pi; });
}
Tensor special_log_ndtr(const Tensor& x, Dest dest) {
  return smooth("special_log_ndtr", "SpecialLogNdtrBackward0", kernels::LogNdtr{}, x, dest,
                [](const Tensor& g, const Tensor& x, const Tensor&) {
                  return g / special_erfcx(x * -M_SQRT1_2) * (M_2_SQRTPI * M_SQRT1_2);
                });
}

Tensor special_xlog1py(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map("special_xlog1py", kernels::Xlog1py{}, a, b, dest);
  if (!grad) return y;
  return grad.record("SpecialXlog1PyBackward0", y, [sa, sb](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    if (g.wants(0)) {
      const Tensor slope = g.out() * log1p(b);
      const Tensor none = logical_and(eq(a, wrapped_number(0.0)), le(b, wrapped_number(-1.0)));
      g[0] = where(none, wrapped_number(0.0), slope);
    }
    if (g.wants(1)) g[1] = g.out() * a / (b + 1);
  });
}

Tensor special_zeta(const Tensor& s, const Tensor& q, Dest dest) {
  Grad grad({s, q}, dest);
  auto ss = grad.save(s), sq = grad.save(q);
  Tensor y = map("special_zeta", kernels::Zeta{}, s, q, dest);
  if (!grad) return y;
  return grad.record("SpecialZetaBackward0", y, [ss, sq](Grads& g) {
    const Tensor s = ss.get(g);
    if (g.wants(0)) no_derivative_by("zeta");
    if (g.wants(1)) g[1] = g.out() * -s * special_zeta(s + 1, sq.get(g));
  });
}

namespace {
// P and Q differ in their sign alone: the derivative by x is +-x^(a - 1) exp(-x) / Gamma(a).
template <class F>
Tensor incomplete_gamma(const char* op, const char* node, const char* no_derivative, double sign, const F& f,
                        const Tensor& a, const Tensor& x, const Dest& dest) {
  Grad grad({a, x}, dest);
  auto sa = grad.save(a), sx = grad.save(x);
  Tensor y = map(op, f, a, x, dest);
  if (!grad) return y;
  return grad.record(node, y, [sa, sx, no_derivative, sign](Grads& g) {
    const Tensor a = sa.get(g), x = sx.get(g);
    if (g.wants(0)) no_derivative_by(no_derivative);
    if (g.wants(1)) g[1] = g.out() * exp((a - 1) * log(x) - x - lgamma(a)) * sign;
  });
}
}  // namespace

Tensor igamma(const Tensor& a, const Tensor& x, Dest dest) {
  return incomplete_gamma("igamma", "IgammaBackward0", "igamma: input", 1, kernels::Igamma{}, a, x, dest);
}
Tensor igammac(const Tensor& a, const Tensor& x, Dest dest) {
  return incomplete_gamma("igammac", "IgammacBackward0", "igammac: input", -1, kernels::Igammac{}, a, x, dest);
}

namespace {
// x - j / 2 for j < p, along a new last dimension.
Tensor halves_below(const Tensor& x, int64_t p) {
  return unsqueeze(x, -1) - arange(0, p, 1, x.dtype(), x.device()) / 2;
}
}  // namespace

Tensor mvlgamma(const Tensor& x, int64_t p, Dest dest) {
  check(p >= 1, "mvlgamma", "p has to be greater than or equal to 1");
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y;
  {
    NoGrad guard;
    const DType t = is_floating(x.dtype()) ? x.dtype() : default_dtype();
    const Tensor from = to_dtype(x, compute_dtype(t));
    y = sum(lgamma(halves_below(from, p)), Dims{-1}) + double(p) * double(p - 1) / 4 * std::log(M_PI);
    y = to_dtype(y, t);
    if (dest) y = copy_out("mvlgamma", y, dest);
  }
  if (!grad) return y;
  return grad.record("MvlgammaBackward0", y,
                     [sx, p](Grads& g) { g[0] = g.out() * sum(digamma(halves_below(sx.get(g), p)), Dims{-1}); });
}

std::pair<Tensor, Tensor> frexp(const Tensor& x, Dest mantissa, Dest exponent) {
  check(is_floating(x.dtype()), "", "torch.frexp() only supports floating-point dtypes");
  Grad grad({x}, mantissa);
  if (exponent) {
    const DType t = exponent.target().dtype();
    check(t == DType::Int32, "", "torch.frexp() expects exponent to have int dtype but got ", dtype_type_name(t));
  }
  Tensor e;
  {
    NoGrad guard;
    e = to_dtype(map("frexp", kernels::FrexpExponent{}, x), DType::Int32);
  }
  Tensor y = map("frexp", kernels::FrexpMantissa{}, x, mantissa);
  if (exponent) e = copy_out("frexp", e, exponent);
  if (!grad) return {y, e};
  auto se = grad.save(e);
  grad.record("FrexpBackward0", {y, e}, [se](Grads& g) {
    if (g.has(0)) g[0] = g.out(0) * exp2(-to_dtype(se.get(g), g.out(0).dtype()));
  });
  return {y, e};
}

}  // namespace cnn
