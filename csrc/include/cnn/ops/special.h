// Special functions, elementwise; names and arguments of torch.special, whose definitions they have.
#pragma once

#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// Modified Bessel functions of the first kind; those with an e are times exp(-|x|). The last two have no gradient.
CNN_API Tensor i0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_i0e(const Tensor& input, Dest dest = {});
CNN_API Tensor special_i1(const Tensor& input, Dest dest = {});
CNN_API Tensor special_i1e(const Tensor& input, Dest dest = {});
CNN_API Tensor special_modified_bessel_i0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_modified_bessel_i1(const Tensor& input, Dest dest = {});
// The other functions of Bessel and Airy, without gradients; scaled ones are times exp(x).
CNN_API Tensor special_modified_bessel_k0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_modified_bessel_k1(const Tensor& input, Dest dest = {});
CNN_API Tensor special_scaled_modified_bessel_k0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_scaled_modified_bessel_k1(const Tensor& input, Dest dest = {});
CNN_API Tensor special_bessel_j0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_bessel_j1(const Tensor& input, Dest dest = {});
CNN_API Tensor special_bessel_y0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_bessel_y1(const Tensor& input, Dest dest = {});
CNN_API Tensor special_spherical_bessel_j0(const Tensor& input, Dest dest = {});
CNN_API Tensor special_airy_ai(const Tensor& input, Dest dest = {});

CNN_API Tensor special_entr(const Tensor& input, Dest dest = {});
CNN_API Tensor special_erfcx(const Tensor& input, Dest dest = {});
CNN_API Tensor special_ndtr(const Tensor& input, Dest dest = {});
CNN_API Tensor special_ndtri(const Tensor& input, Dest dest = {});
CNN_API Tensor special_log_ndtr(const Tensor& input, Dest dest = {});
CNN_API Tensor special_xlog1py(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor special_zeta(const Tensor& input, const Tensor& other, Dest dest = {});  // sum of (other + k)^-input

// The regularised incomplete gamma functions P(input, other) and Q(input, other); the derivative is by `other`.
CNN_API Tensor igamma(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor igammac(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor mvlgamma(const Tensor& input, int64_t p, Dest dest = {});

// Orthogonal polynomials of degree n at input. Their results are no part of a graph.
CNN_API Tensor special_chebyshev_polynomial_t(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_chebyshev_polynomial_u(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_chebyshev_polynomial_v(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_chebyshev_polynomial_w(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_shifted_chebyshev_polynomial_t(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_shifted_chebyshev_polynomial_u(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_shifted_chebyshev_polynomial_v(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_shifted_chebyshev_polynomial_w(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_hermite_polynomial_h(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_hermite_polynomial_he(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_laguerre_polynomial_l(const Tensor& input, const Tensor& n, Dest dest = {});
CNN_API Tensor special_legendre_polynomial_p(const Tensor& input, const Tensor& n, Dest dest = {});

// (mantissa, exponent) of input = mantissa 2^exponent, with |mantissa| in [0.5, 1) and int32 exponents.
CNN_API std::pair<Tensor, Tensor> frexp(const Tensor& input, Dest mantissa = {}, Dest exponent = {});

}  // namespace cnn
