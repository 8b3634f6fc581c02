"""The reciprocal of a gamma number."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from .gamma import Gamma
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """p(x) = b^a x^-(a + 1) exp(-b / x) / Gamma(a) for x > 0, a = concentration, b = rate. Mean and
    variance are infinite up to a = 1 and 2.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched = ()

    def __init__(self, concentration, rate, validate_args=None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        reciprocal = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, reciprocal, validate_args=validate_args)

    @property
    def concentration(self):
        """a, that of the gamma number."""
        return self.base_dist.concentration

    @property
    def rate(self):
        """b, that of the gamma number."""
        return self.base_dist.rate

    @property
    def mean(self):
        return _C.where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        a = self.concentration
        finite = self.rate.square() / ((a - 1).square() * (a - 2))
        return _C.where(a > 2, finite, math.inf)

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
