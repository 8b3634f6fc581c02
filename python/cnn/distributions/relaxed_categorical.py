"""Categories relaxed to points of a simplex, with gradients."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from ._of_categories import OfCategories
from .categorical import Categorical
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(OfCategories):
    """y = log softmax((logits + g) / temperature), g Gumbel's: exp(y) is near a unit vector the
    colder it is (Maddison et al. 2017; Jang et al. 2017).
    """

    support = constraints.real_vector  # the vectors on one surface in it, whose exp sums to 1
    has_rsample = True
    _batched = OfCategories._batched
    _kept = ("temperature",)

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        super().__init__(Categorical(probs, logits), validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(_C.rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        k = self._categorical._num_events
        logits, value = broadcast_all(self.logits, value)
        score = logits - value.mul(self.temperature)
        score = (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1)
        return score + (math.lgamma(k) + (k - 1) * self.temperature.log())


class RelaxedOneHotCategorical(TransformedDistribution):
    """The same on the simplex: exp(y)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True
    _batched = ()

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def temperature(self):
        """How far from the corners the points are."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """Log probabilities of the corners."""
        return self.base_dist.logits

    @property
    def probs(self):
        """Probabilities of the corners to be the nearest."""
        return self.base_dist.probs
