"""Special functions, elementwise, under the names of `torch.special`.

Integers are taken as the default floating dtype. What PyTorch has gradients for has them here: the
Bessel functions i0, i0e, i1 and i1e, entr, erfcx, ndtr, ndtri, log_ndtr, xlog1py, gammainc and
gammaincc by their second argument, zeta by its second.
"""

from __future__ import annotations

from . import _C, _absent

# Those that are ops of the core under this name behind `special_`, and those under another name.
_OWN = """
    airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u
    chebyshev_polynomial_v chebyshev_polynomial_w entr erfcx hermite_polynomial_h
    hermite_polynomial_he i0e i1 i1e laguerre_polynomial_l legendre_polynomial_p log_ndtr
    modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 ndtr ndtri
    scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t
    shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w
    spherical_bessel_j0 xlog1py zeta
""".split()
_OF_THE_CORE = {
    "digamma": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammainc": "igamma", "gammaincc": "igammac",
    "gammaln": "lgamma", "i0": "i0", "log1p": "log1p", "logit": "logit", "logsumexp": "logsumexp",
    "multigammaln": "mvlgamma", "polygamma": "polygamma", "psi": "digamma", "round": "round",
    "sinc": "sinc", "xlogy": "xlogy",
}  # fmt: skip

__all__ = sorted([*_OWN, *_OF_THE_CORE, "log_softmax", "softmax"])

for _name in _OWN:
    globals()[_name] = getattr(_C, f"special_{_name}")
for _name, _core in _OF_THE_CORE.items():
    globals()[_name] = getattr(_C, _core)


def softmax(input, dim, *, dtype=None):
    """exp(input), divided by its sum along dim."""
    return _C.softmax(input, dim, dtype=dtype)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of softmax(input, dim)."""
    return _C.log_softmax(input, dim, dtype=dtype)


_absent.explain(__name__)
