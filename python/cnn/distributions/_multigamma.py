"""The multivariate gamma function."""

from __future__ import annotations

import math

from .. import _C


def _arguments(x, p):
    return x.unsqueeze(-1) - _C.arange(p, dtype=x.dtype, device=x.device) / 2


def log_multigamma(x, p):
    """log Gamma_p(x) = p (p - 1) / 4 log pi + sum_{j < p} log Gamma(x - j / 2)"""
    return p * (p - 1) / 4 * math.log(math.pi) + _arguments(x, p).lgamma().sum(-1)


def multidigamma(x, p):
    """Its derivative."""
    return _arguments(x, p).digamma().sum(-1)
