"""The absolute value of a Cauchy number."""

from __future__ import annotations

import math

from .. import _C
from ._half import Half
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """p(x) = 2 / (pi scale (1 + (x / scale)^2)) for x >= 0. Mean and variance are infinite."""

    _batched = ()
    _whole = Cauchy

    @property
    def mean(self):
        return _C.full_like(self.scale, math.inf)

    @property
    def variance(self):
        return self.base_dist.variance
