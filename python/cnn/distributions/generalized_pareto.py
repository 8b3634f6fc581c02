"""The generalized Pareto distribution."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """p(x) = (1 + c z)^-(1 + 1 / c) / scale for z = (x - loc) / scale >= 0, c = concentration: what
    exceeds a high threshold. Exponential for c = 0; for c < 0 it ends at loc - scale / c. The mean
    is finite for c < 1, the variance for c < 1/2.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _batched = ("loc", "scale", "concentration")

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, _C.where(self.concentration < 0, end, math.inf))

    @property
    def mean(self):
        is_finite = self.concentration < 1
        c = _C.where(is_finite, self.concentration, 0.5)
        return _C.where(is_finite, self.loc + self.scale / (1 - c), math.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        is_finite = self.concentration < 0.5
        c = _C.where(is_finite, self.concentration, 0.25)
        return _C.where(is_finite, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def _shape(self):
        """Where c is 0, and c with 1 in its place."""
        is_zero = _C.isclose(self.concentration, _C.zeros_like(self.concentration))
        return is_zero, _C.where(is_zero, 1.0, self.concentration)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(_C.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        is_zero, c = self._shape()
        power = 1 / c + _C.ones_like(z)
        # With c = -1 it is uniform, also at its end, where the logarithm is infinite.
        log_tail = _C.where(power == 0, power, power * (c * z).log1p())
        return -self.scale.log() - _C.where(is_zero, z, log_tail)

    def log_survival_function(self, value):
        """log P(x > value)"""
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        is_zero, c = self._shape()
        return _C.where(is_zero, -z, -(c * z).log1p() / c)

    def log_cdf(self, value):
        """log P(x <= value)"""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value):
        return self.log_cdf(value).exp()

    def icdf(self, value):
        is_zero, c = self._shape()
        log_tail = (-value).log1p()
        powers = self.loc + self.scale / c * (-c * log_tail).expm1()
        return _C.where(is_zero, self.loc - self.scale * log_tail, powers)

    def entropy(self):
        return (self.scale.log() + self.concentration + 1).broadcast_to(self._batch_shape)
