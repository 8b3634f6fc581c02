"""The geometric distribution."""

from __future__ import annotations

from .. import _C
from .._number_info import finfo
from ..autograd import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from .utils import broadcast_all

__all__ = ["Geometric"]


class Geometric(BinaryParameter):
    """P(k) = (1 - p)^k p for k = 0, 1, ...: the failures before the first success."""

    support = constraints.nonnegative_integer
    _batched = BinaryParameter._batched

    def __init__(self, probs=None, logits=None, validate_args=None):
        require_one(probs, logits)
        (parameter,) = broadcast_all(logits if probs is None else probs)
        self._set_parameter(parameter if logits is None else None, parameter)
        super().__init__(parameter.size(), validate_args=validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            value = self.probs
            raise ValueError(
                f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"of distribution {self!r} to be positive but found invalid values:\n"
                f"{value.detach()[~(value > 0)]}"
            )

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return _C.zeros_like(self.probs)

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = _C.empty(shape, dtype=self.probs.dtype, device=self.probs.device)
            u.uniform_(finfo(u.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        # 0 log 0 = 0: nothing fails where success is certain.
        failing = probs.masked_fill((probs == 1) & (value == 0), 0)
        return value * (-failing).log1p() + self.probs.log()

    def entropy(self):
        of_trial = binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
        return of_trial / self.probs
