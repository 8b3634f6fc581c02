"""The binomial distribution."""

from __future__ import annotations

from .. import _C
from ..autograd import no_grad
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from ._enumeration import enumerated
from .utils import broadcast_all

__all__ = ["Binomial"]


class Binomial(BinaryParameter):
    """P(k) = n! / (k! (n - k)!) p^k (1 - p)^(n - k), n = total_count: successes of n trials.

    Drawn by inversion where few are expected, else by transformed rejection (Hoermann 1993).
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        **BinaryParameter.arg_constraints,
    }
    has_enumerate_support = True
    _batched = ("total_count", *BinaryParameter._batched)

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        require_one(probs, logits)
        count, parameter = broadcast_all(total_count, logits if probs is None else probs)
        self.total_count = count.type_as(parameter)
        self._set_parameter(parameter if logits is None else None, parameter)
        super().__init__(parameter.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return _C.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        log_ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        log_normalizer = n * _C.logaddexp(logits, _C.zeros_like(logits))
        return value * logits + log_ways - log_normalizer

    def _common_count(self, what):
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return count

    def entropy(self):
        self._common_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand=True):
        n = self._common_count("enumerate_support") + 1
        return enumerated(n, self, self._param.dtype, expand)
