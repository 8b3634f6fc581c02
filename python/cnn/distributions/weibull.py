"""Weibull's distribution."""

from __future__ import annotations

from .. import _C
from . import constraints
from .exponential import Exponential
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .utils import broadcast_all, euler_constant

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """p(x) = k / s (x / s)^(k - 1) exp(-(x / s)^k), s = scale, k = concentration: a lifetime whose
    risk grows with age where k > 1. Drawn as s e^(1/k) for exponential e.
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive
    _batched = ("scale", "concentration", "concentration_reciprocal")

    def __init__(self, scale, concentration, validate_args=None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(_C.ones_like(self.scale), validate_args=validate_args)
        transforms = [
            PowerTransform(exponent=self.concentration_reciprocal),
            AffineTransform(loc=0, scale=self.scale),
        ]
        super().__init__(base, transforms, validate_args=validate_args)

    def _moment(self, n):
        return (1 + n * self.concentration_reciprocal).lgamma()  # log E[(x / scale)^n]

    @property
    def mean(self):
        return self.scale * self._moment(1).exp()

    @property
    def mode(self):
        risk = (self.concentration - 1) / self.concentration
        return self.scale * risk**self.concentration_reciprocal

    @property
    def variance(self):
        return self.scale.pow(2) * (self._moment(2).exp() - (2 * self._moment(1)).exp())

    def entropy(self):
        reciprocal = self.concentration_reciprocal
        return euler_constant * (1 - reciprocal) + (self.scale * reciprocal).log() + 1
