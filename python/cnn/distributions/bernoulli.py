"""Bernoulli's distribution."""

from __future__ import annotations

import math

from .. import _C
from ..autograd import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from ._enumeration import enumerated
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(BinaryParameter, ExponentialFamily):
    """1 with probability `probs`, else 0. `logits` are log(p / (1 - p))."""

    support = constraints.boolean
    has_enumerate_support = True
    _batched = BinaryParameter._batched
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, validate_args=None):
        require_one(probs, logits)
        (parameter,) = broadcast_all(logits if probs is None else probs)
        self._set_parameter(parameter if logits is None else None, parameter)
        super().__init__(parameter.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        mode = (self.probs >= 0.5).to(self.probs)
        return mode.masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with no_grad():
            return _C.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand=True):
        return enumerated(2, self, self._param.dtype, expand)

    @property
    def _natural_params(self):
        return (self.probs.logit(),)

    def _log_normalizer(self, x):
        return x.exp().log1p()
