"""Bernoulli numbers relaxed to (0, 1), with gradients."""

from __future__ import annotations

from .. import _C
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(BinaryParameter):
    """y = (logits + l) / temperature, l logistic: sigmoid(y) is near 0 or 1 the colder it is, and 1
    with probability `probs` (Maddison et al. 2017; Jang et al. 2017).
    """

    support = constraints.real
    _batched = BinaryParameter._batched
    _kept = ("temperature",)

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        require_one(probs, logits)
        (parameter,) = broadcast_all(logits if probs is None else probs)
        self._set_parameter(parameter if logits is None else None, parameter)
        super().__init__(parameter.size(), validate_args=validate_args)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(_C.rand(shape, dtype=probs.dtype, device=probs.device))
        logistic = u.log() - (-u).log1p()
        return (logistic + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        difference = logits - value.mul(self.temperature)
        return self.temperature.log() + difference - 2 * difference.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """The same numbers in (0, 1): sigmoid(y)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _batched = ()

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self):
        """How far from 0 and 1 the numbers are."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """Log odds of being above 1/2."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The probability of being above 1/2."""
        return self.base_dist.probs
