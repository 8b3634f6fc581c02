"""The multinomial distribution."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from ._of_categories import OfCategories
from .binomial import Binomial
from .categorical import Categorical
from .distribution import Size
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(OfCategories):
    """P(x) = n! / prod x_i! prod p_i^x_i: how often each category comes in n = total_count
    draws.
    """

    _batched = OfCategories._batched
    _kept = ("total_count",)

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(Categorical(probs, logits), validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        drawn = self._categorical.sample(Size((self.total_count,)) + sample_shape).movedim(0, -1)
        counts = drawn.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add_(-1, drawn, _C.ones_like(drawn)).type_as(self.probs)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        # 0 log 0 = 0: what cannot come has not come.
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        log_ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return log_ways + (logits * value).sum(-1)

    def entropy(self):
        # n H(p) - log n! + sum_i E[log x_i!], where x_i is binomial
        n, marginal = self.total_count, Binomial(self.total_count, probs=self.probs)
        counts = marginal.enumerate_support(expand=False)[1:]
        log_factorials = marginal.log_prob(counts).exp() * (counts + 1).lgamma()
        return n * self._categorical.entropy() - math.lgamma(n + 1) + log_factorials.sum([0, -1])
