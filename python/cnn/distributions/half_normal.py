"""The absolute value of a normal number."""

from __future__ import annotations

import math

from ._half import Half
from .normal import Normal

__all__ = ["HalfNormal"]


class HalfNormal(Half):
    """p(x) = sqrt(2 / pi) exp(-(x / scale)^2 / 2) / scale for x >= 0"""

    _batched = ()
    _whole = Normal

    @property
    def mean(self):
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self):
        return self.scale.pow(2) * (1 - 2 / math.pi)
