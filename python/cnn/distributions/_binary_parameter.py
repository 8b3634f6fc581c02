"""The parameter of an event that happens or not: its probability, or its log odds."""

from __future__ import annotations

from . import constraints
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits


def require_one(probs, logits):
    """ValueError unless exactly one of them is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class BinaryParameter(Distribution):
    """`probs` or `logits` is given, and set as an attribute; the other one is computed when it is
    asked for. `_param` is the one that was given.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    _batched = ("probs", "logits", "_param")

    def _set_parameter(self, probs, logits):
        if probs is not None:
            self._param = self.probs = probs
        else:
            self._param = self.logits = logits

    @lazy_property
    def logits(self):
        """log(p / (1 - p))"""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """p"""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)
