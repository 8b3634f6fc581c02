"""von Mises' distribution."""

from __future__ import annotations

import math

from .. import _C
from ..autograd import no_grad
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]

# Polynomials of Abramowitz and Stegun, 9.8.1 to 9.8.4: below 3.75 in (x / 3.75)^2, for I_0(x) and
# I_1(x) / x; above in 3.75 / x, for sqrt(x) exp(-x) I_n(x). Coefficients from the constant on.
_BELOW = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411),
)
_ABOVE = (
    (0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537,
     -0.01647633, 0.00392377),
    (0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312,
     0.01787654, -0.00420059),
)  # fmt: skip


def _polynomial(x, coefficients):
    value = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        value = c + x * value
    return value


def _log_modified_bessel_fn(x, order=0):
    """log I_0(x) or log I_1(x) for x > 0, to seven digits."""
    if order not in (0, 1):
        raise AssertionError(f"order must be 0 or 1, got {order}")
    below = _polynomial((x / 3.75) ** 2, _BELOW[order]).log()
    if order == 1:
        below = below + x.log()
    above = x - 0.5 * x.log() + _polynomial(3.75 / x, _ABOVE[order]).log()
    return _C.where(x < 3.75, below, above)


class VonMises(Distribution):
    """p(x) = exp(concentration cos(x - loc)) / (2 pi I_0(concentration)) for angles x.

    Drawn by rejection from a wrapped Cauchy distribution (Best and Fisher, 1979), in float64.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _batched = ("loc", "concentration")

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        """The circular mean."""
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The circular variance, 1 - I_1 / I_0."""
        ratio = _log_modified_bessel_fn(self.concentration, 1)
        return 1 - (ratio - _log_modified_bessel_fn(self.concentration, 0)).exp()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        log_normalizer = math.log(2 * math.pi) + _log_modified_bessel_fn(self.concentration)
        return self.concentration * (value - self.loc).cos() - log_normalizer

    @lazy_property
    def _proposal(self):
        """The concentration in float64, and r of the Cauchy distribution that is closest to it."""
        kappa = self.concentration.double()
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return kappa, _C.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    @no_grad()
    def sample(self, sample_shape=()):
        kappa, r = self._proposal
        shape = self._extended_shape(sample_shape)
        angle = _C.empty(shape, dtype=_C.float64, device=self.loc.device)
        is_done = _C.zeros(shape, dtype=_C.bool, device=self.loc.device)
        while not is_done.all():
            u1, u2, u3 = _C.rand((3, *shape), dtype=_C.float64, device=self.loc.device).unbind()
            z = (math.pi * u1).cos()
            f = (1 + r * z) / (r + z)
            c = kappa * (r - f)
            accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
            # A later draw replaces an earlier one, which is as good.
            angle = _C.where(accepted, (u3 - 0.5).sign() * f.acos(), angle)
            is_done = is_done | accepted
        wrapped = (angle + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
        return wrapped.to(self.loc.dtype)
