"""The negative binomial distribution."""

from __future__ import annotations

from .. import _C
from ..autograd import no_grad
from ..nn import functional as F
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from .gamma import Gamma
from .utils import broadcast_all, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(BinaryParameter):
    """P(k) = Gamma(k + n) / (k! Gamma(n)) (1 - p)^n p^k, n = total_count: the successes, each of
    probability p, before n failures; n need not be an integer.

    Drawn as a Poisson number of a gamma rate.
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _batched = ("total_count", *BinaryParameter._batched)

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        require_one(probs, logits)
        count, parameter = broadcast_all(total_count, logits if probs is None else probs)
        self.total_count = count.type_as(parameter)
        self._set_parameter(parameter if logits is None else None, parameter)
        super().__init__(parameter.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self):
        rate = (-self.logits).exp()
        return Gamma(concentration=self.total_count, rate=rate, validate_args=False)

    def sample(self, sample_shape=()):
        with no_grad():
            return _C.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        log_powers = n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        log_ways = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return log_powers + log_ways.masked_fill(n + value == 0.0, 0.0)
