"""Cauchy's distribution."""

from __future__ import annotations

import math

from .. import _C
from ._location_scale import LocationScale

__all__ = ["Cauchy"]


class Cauchy(LocationScale):
    """p(x) = 1 / (pi scale (1 + ((x - loc) / scale)^2)): the ratio of two normal numbers. It has no
    mean, and its variance is infinite.
    """

    @property
    def mean(self):
        return self._filled(math.nan)

    @property
    def variance(self):
        return self._filled(math.inf)

    def _filled(self, value):
        shape = self._extended_shape()
        return _C.full(shape, value, dtype=self.loc.dtype, device=self.loc.device)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        standard = _C.empty(shape, dtype=self.loc.dtype, device=self.loc.device).cauchy_()
        return self.loc + standard * self.scale

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        squares = ((value - self.loc) / self.scale) ** 2
        return -math.log(math.pi) - self.scale.log() - squares.log1p()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value):
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()
