// Bindings of the special functions: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/special.h"

namespace cnn::python {

namespace {

using OptTensors = std::optional<Tensors>;

template <auto F> void bind_one(Registry& ops, const std::string& name, const char* doc) {
  ops.def_op<F>((name + "(Tensor input) -> Tensor").c_str(), doc, kFunctionOnly | kNoInPlace);
}
// Of two operands, one of which may be a number.
template <auto F> void bind_two(Registry& ops, const std::string& name, const char* other, const char* doc) {
  ops.def_op<F>((name + "(Tensor input, Tensor|Number " + other + ") -> Tensor").c_str(), doc,
                kFunctionOnly | kNoInPlace | kNumberFirst);
}

void bind_bessel(Registry& ops) {
  ops.def_op<&cnn::i0>("i0(Tensor input) -> Tensor", "The modified Bessel function I0.");
  bind_one<&cnn::special_i0e>(ops, "special_i0e", "exp(-|x|) I0(x).");
  bind_one<&cnn::special_i1>(ops, "special_i1", "The modified Bessel function I1.");
  bind_one<&cnn::special_i1e>(ops, "special_i1e", "exp(-|x|) I1(x).");
  bind_one<&cnn::special_modified_bessel_i0>(ops, "special_modified_bessel_i0", "I0, without a derivative.");
  bind_one<&cnn::special_modified_bessel_i1>(ops, "special_modified_bessel_i1", "I1, without a derivative.");
  bind_one<&cnn::special_modified_bessel_k0>(ops, "special_modified_bessel_k0", "The modified Bessel function K0.");
  bind_one<&cnn::special_modified_bessel_k1>(ops, "special_modified_bessel_k1", "The modified Bessel function K1.");
  bind_one<&cnn::special_scaled_modified_bessel_k0>(ops, "special_scaled_modified_bessel_k0", "exp(x) K0(x).");
  bind_one<&cnn::special_scaled_modified_bessel_k1>(ops, "special_scaled_modified_bessel_k1", "exp(x) K1(x).");
  bind_one<&cnn::special_bessel_j0>(ops, "special_bessel_j0", "The Bessel function J0.");
  bind_one<&cnn::special_bessel_j1>(ops, "special_bessel_j1", "The Bessel function J1.");
  bind_one<&cnn::special_bessel_y0>(ops, "special_bessel_y0", "The Bessel function Y0.");
  bind_one<&cnn::special_bessel_y1>(ops, "special_bessel_y1", "The Bessel function Y1.");
  bind_one<&cnn::special_spherical_bessel_j0>(ops, "special_spherical_bessel_j0", "sin(x) / x.");
  bind_one<&cnn::special_airy_ai>(ops, "special_airy_ai", "The Airy function Ai.");
}

void bind_polynomials(Registry& ops) {
  static constexpr const char *kChebyshev = "The Chebyshev polynomial of degree n.",
                              *kShifted = "The Chebyshev polynomial of degree n at 2 x - 1.";
  bind_two<&cnn::special_chebyshev_polynomial_t>(ops, "special_chebyshev_polynomial_t", "n", kChebyshev);
  bind_two<&cnn::special_chebyshev_polynomial_u>(ops, "special_chebyshev_polynomial_u", "n", kChebyshev);
  bind_two<&cnn::special_chebyshev_polynomial_v>(ops, "special_chebyshev_polynomial_v", "n", kChebyshev);
  bind_two<&cnn::special_chebyshev_polynomial_w>(ops, "special_chebyshev_polynomial_w", "n", kChebyshev);
  bind_two<&cnn::special_shifted_chebyshev_polynomial_t>(ops, "special_shifted_chebyshev_polynomial_t", "n", kShifted);
  bind_two<&cnn::special_shifted_chebyshev_polynomial_u>(ops, "special_shifted_chebyshev_polynomial_u", "n", kShifted);
  bind_two<&cnn::special_shifted_chebyshev_polynomial_v>(ops, "special_shifted_chebyshev_polynomial_v", "n", kShifted);
  bind_two<&cnn::special_shifted_chebyshev_polynomial_w>(ops, "special_shifted_chebyshev_polynomial_w", "n", kShifted);
  bind_two<&cnn::special_hermite_polynomial_h>(ops, "special_hermite_polynomial_h", "n",
                                               "The physicists' Hermite polynomial of degree n.");
  bind_two<&cnn::special_hermite_polynomial_he>(ops, "special_hermite_polynomial_he", "n",
                                                "The probabilists' Hermite polynomial of degree n.");
  bind_two<&cnn::special_laguerre_polynomial_l>(ops, "special_laguerre_polynomial_l", "n",
                                                "The Laguerre polynomial of degree n.");
  bind_two<&cnn::special_legendre_polynomial_p>(ops, "special_legendre_polynomial_p", "n",
                                                "The Legendre polynomial of degree n.");
}

}  // namespace

void bind_special(Registry& ops) {
  bind_bessel(ops);
  bind_polynomials(ops);
  bind_one<&cnn::special_entr>(ops, "special_entr", "-x log(x), 0 at 0, -inf below.");
  bind_one<&cnn::special_erfcx>(ops, "special_erfcx", "exp(x^2) erfc(x).");
  bind_one<&cnn::special_ndtr>(ops, "special_ndtr", "The normal distribution.");
  bind_one<&cnn::special_ndtri>(ops, "special_ndtri", "The inverse of the normal distribution.");
  bind_one<&cnn::special_log_ndtr>(ops, "special_log_ndtr", "The logarithm of the normal distribution.");
  bind_two<&cnn::special_xlog1py>(ops, "special_xlog1py", "other", "input log(1 + other), 0 where input is 0.");
  bind_two<&cnn::special_zeta>(ops, "special_zeta", "other", "Hurwitz's zeta: the sum of (other + k)^-input.");
  ops.def_op<&cnn::igamma>("igamma(Tensor input, Tensor other) -> Tensor",
                           "The regularised lower incomplete gamma function P(input, other).");
  ops.def_op<&cnn::igammac>("igammac(Tensor input, Tensor other) -> Tensor",
                            "The regularised upper incomplete gamma function Q(input, other).");
  ops.def_op<&cnn::mvlgamma>("mvlgamma(Tensor input, int p) -> Tensor",
                             "The logarithm of the gamma function of p dimensions.");
  ops.def_op<[](const Tensor& x) { return cnn::frexp(x); }>("frexp(Tensor input) -> (Tensor mantissa, Tensor exponent)",
                                                            "input as mantissa 2^exponent, |mantissa| in [0.5, 1).");
  ops.def_op<[](const Tensor& x, const OptTensors& out) {
    check(!out || out->size() == 2, "", "frexp(): expected tuple of 2 elements but got ", out ? out->size() : 0);
    return out ? cnn::frexp(x, Dest::out((*out)[0]), Dest::out((*out)[1])) : cnn::frexp(x);
  }>("frexp(Tensor input, *, Tensors? out) -> (Tensor mantissa, Tensor exponent)", "", kFunctionOnly);
}

}  // namespace cnn::python
