"""Student's t distribution."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import _standard_normal, broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """p(x) = (1 + y^2 / df)^(-(df + 1) / 2) / (scale sqrt(df) B(1/2, df / 2)), y being
    (x - loc) / scale.

    Drawn as loc + scale n sqrt(df / c) for normal n and chi-squared c. The mean is loc for df > 1,
    the variance finite for df > 2.
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True
    _batched = ("df", "loc", "scale", "_chi2")

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        # The denominator is kept from 0, so that no nan reaches the gradients.
        finite = self.scale.pow(2) * self.df / _C.where(self.df > 2, self.df - 2, 1.0)
        infinite = _C.where(self.df > 2, finite, math.inf)
        return infinite.masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        normal = _standard_normal(shape, self.df.dtype, self.df.device)
        chi2 = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (normal * (chi2 / self.df).rsqrt())

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        log_normalizer = (
            self.scale.log()
            + 0.5 * self.df.log()
            + 0.5 * math.log(math.pi)
            + (0.5 * self.df).lgamma()
            - (0.5 * (self.df + 1.0)).lgamma()
        )
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - log_normalizer

    def entropy(self):
        half, upper = 0.5 * self.df, 0.5 * (self.df + 1)
        log_beta = half.lgamma() + math.lgamma(0.5) - upper.lgamma()
        spread = upper * (upper.digamma() - half.digamma())
        return self.scale.log() + spread + 0.5 * self.df.log() + log_beta
