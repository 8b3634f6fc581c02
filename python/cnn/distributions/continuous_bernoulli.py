"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math

from .. import _C
from ..autograd import no_grad
from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._binary_parameter import BinaryParameter, require_one
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(BinaryParameter, ExponentialFamily):
    """p(x) = C p^x (1 - p)^(1 - x) on [0, 1], C = 2 artanh(1 - 2 p) / (1 - 2 p): what decoders of
    images in [0, 1] mean by cross entropy (Loaiza-Ganem and Cunningham, 2019).

    Closed forms cancel near p = 1/2: between the two `lims`, series in p - 1/2 take their place.
    """

    support = constraints.unit_interval
    has_rsample = True
    _batched = BinaryParameter._batched
    _kept = ("_lims",)
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        require_one(probs, logits)
        (parameter,) = broadcast_all(logits if probs is None else probs)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.check(parameter).all():
                raise ValueError("The parameter probs has invalid values")
            parameter = clamp_probs(parameter)
        self._set_parameter(parameter if logits is None else None, parameter)
        self._lims = lims
        super().__init__(parameter.size(), validate_args=validate_args)

    @lazy_property
    def probs(self):
        """p, which is not the mean"""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _is_outside(self):
        """Is p outside of `lims`, where closed forms hold?"""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _outer_probs(self):
        """p, and a number that the closed forms can take where p is between `lims`."""
        return _C.where(self._is_outside(), self.probs, self._lims[0])

    def _cont_bern_log_norm(self):
        """log C"""
        p = self._outer_probs()
        # The divisor |1 - 2 p| by the side of 1/2; the other side gets a number without effect.
        low = _C.where(p <= 0.5, p, 0.0)
        high = _C.where(p >= 0.5, p, 1.0)
        log_divisor = _C.where(p <= 0.5, (-2.0 * low).log1p(), (2.0 * high - 1.0).log())
        closed = ((-p).log1p() - p.log()).abs().log() - log_divisor
        x = (self.probs - 0.5).pow(2)
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return _C.where(self._is_outside(), closed, series)

    @property
    def mean(self):
        p = self._outer_probs()
        closed = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x
        return _C.where(self._is_outside(), closed, series)

    @property
    def variance(self):
        p = self._outer_probs()
        closed = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / ((-p).log1p() - p.log()).pow(2)
        x = (self.probs - 0.5).pow(2)
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return _C.where(self._is_outside(), closed, series)

    def sample(self, sample_shape=()):
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(_C.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        cross_entropy = binary_cross_entropy_with_logits(logits, value, reduction="none")
        return self._cont_bern_log_norm() - cross_entropy

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        p = self._outer_probs()
        closed = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = _C.where(self._is_outside(), closed, value)
        return _C.where(value <= 0.0, 0.0, _C.where(value >= 1.0, 1.0, inside))

    def icdf(self, value):
        p = self._outer_probs()
        log_tail = (-p).log1p()
        closed = ((value * (2.0 * p - 1.0) - p).log1p() - log_tail) / (p.log() - log_tail)
        return _C.where(self._is_outside(), closed, value)

    def entropy(self):
        log0, log1 = (-self.probs).log1p(), self.probs.log()
        return self.mean * (log0 - log1) - self._cont_bern_log_norm() - log0

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        is_outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        outer = _C.where(is_outside, x, self._lims[0] - 0.5)
        closed = outer.expm1().abs().log() - outer.abs().log()
        series = 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0
        return _C.where(is_outside, closed, series)
