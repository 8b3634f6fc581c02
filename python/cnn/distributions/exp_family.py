"""Exponential families."""

from __future__ import annotations

from .. import autograd
from .distribution import Distribution
from .utils import _sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """p(x) = exp(<t(x), eta> - F(eta) + k(x)) with natural parameters eta.

    Subclasses give `_natural_params`, the log-normalizer F as `_log_normalizer(*eta)` and, where it
    is a number, E[k(x)] as `_mean_carrier_measure`. E[t(x)] is the gradient of F, so that entropies
    and divergences need no more (Nielsen and Nock, 2010).
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def _mean_statistics(self):
        """eta, F(eta) and E[t(x)]; with gradients where the parameters have them."""
        parameters = self._natural_params
        is_recorded = any(p.requires_grad for p in parameters)
        with autograd.enable_grad():
            eta = [p if p.requires_grad else p.detach().requires_grad_() for p in parameters]
            log_normalizer = self._log_normalizer(*eta)
            statistics = autograd.grad(log_normalizer.sum(), eta, create_graph=is_recorded)
        if is_recorded:
            return eta, log_normalizer, statistics
        return parameters, log_normalizer.detach(), statistics

    def entropy(self):
        eta, log_normalizer, statistics = self._mean_statistics()
        result = log_normalizer - self._mean_carrier_measure
        for parameter, statistic in zip(eta, statistics):
            inner = parameter * statistic
            result = result - _sum_rightmost(inner, inner.dim() - len(self._batch_shape))
        return result
