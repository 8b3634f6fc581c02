"""The categorical distribution over vectors with a single 1."""

from __future__ import annotations

from .. import _C
from ..nn import functional as F
from . import constraints
from ._of_categories import OfCategories
from .categorical import Categorical
from .distribution import Size

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(OfCategories):
    """The k-th unit vector with probability `probs[..., k]`."""

    support = constraints.one_hot
    has_enumerate_support = True
    _batched = OfCategories._batched

    def __init__(self, probs=None, logits=None, validate_args=None):
        super().__init__(Categorical(probs, logits), validate_args)

    @property
    def _param(self):
        return self._categorical._param

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return self._unit_vectors(self._categorical.mode)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def _unit_vectors(self, indices):
        return F.one_hot(indices, self.event_shape[0]).to(self.probs)

    def sample(self, sample_shape=()):
        return self._unit_vectors(self._categorical.sample(Size(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand=True):
        n, batch_shape = self.event_shape[0], self.batch_shape
        values = _C.eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n,) + (1,) * len(batch_shape) + (n,))
        return values.expand((n,) + batch_shape + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same, with the gradient of the probabilities for that of a draw (Bengio et al. 2013)."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        drawn = self.sample(sample_shape)
        return drawn + (self.probs - self.probs.detach())
