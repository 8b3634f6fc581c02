"""Distributions over vectors with an element for each category."""

from __future__ import annotations

from . import constraints
from .distribution import Distribution


class OfCategories(Distribution):
    """Parameters are those of the categorical distribution `_categorical`; an event is a vector."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _batched = ("_categorical",)

    def __init__(self, categorical, validate_args=None):
        self._categorical = categorical
        event_shape = categorical.param_shape[-1:]
        super().__init__(categorical.batch_shape, event_shape, validate_args=validate_args)

    def _new(self, *args, **kwargs):
        return self._categorical._new(*args, **kwargs)

    @property
    def probs(self):
        """The categories' probabilities."""
        return self._categorical.probs

    @property
    def logits(self):
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self):
        """The shape of the parameter: the batch's and the number of categories."""
        return self._categorical.param_shape
