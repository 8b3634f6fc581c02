"""Divergences between multivariate normal distributions:

KL(p || q) = (log det S_q / S_p + tr(S_q^-1 S_p) + d' S_q^-1 d - n) / 2, d the difference of means.
"""

from __future__ import annotations

from .. import linalg
from .kl import register_kl
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_logdet,
    _batch_lowrank_mahalanobis,
)
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis, _half_log_det


def _log_det(p):
    if isinstance(p, LowRankMultivariateNormal):
        return _batch_lowrank_logdet(*p._covariance)
    return 2 * _half_log_det(p._unbroadcasted_scale_tril)


def _squares(matrices):
    """tr(A A')"""
    return matrices.pow(2).sum([-2, -1])


def _roots(p):
    """Matrices F_i with S_p = sum F_i F_i'."""
    if isinstance(p, LowRankMultivariateNormal):
        factor, diag, _ = p._covariance
        return factor, diag.sqrt().diag_embed()
    return (p._unbroadcasted_scale_tril,)


def _trace_and_distance(p, q):
    """tr(S_q^-1 S_p) and d' S_q^-1 d"""
    difference = q.loc - p.loc
    if not isinstance(q, LowRankMultivariateNormal):
        factor = q._unbroadcasted_scale_tril
        trace = sum(
            _squares(linalg.solve_triangular(factor, root, upper=False)) for root in _roots(p)
        )
        return trace, _batch_mahalanobis(factor, difference)
    factor, diag, capacitance_tril = q._covariance
    scaled = factor.mT / diag.unsqueeze(-2)
    solved = linalg.solve_triangular(capacitance_tril, scaled, upper=False)
    of_diag = diag.rsqrt().unsqueeze(-1)
    trace = sum(_squares(root * of_diag) - _squares(solved @ root) for root in _roots(p))
    return trace, _batch_lowrank_mahalanobis(factor, diag, difference, capacitance_tril)


def _normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two (Low Rank) Multivariate Normals with different event "
            "shapes cannot be computed"
        )
    trace, distance = _trace_and_distance(p, q)
    return 0.5 * (_log_det(q) - _log_det(p) + trace + distance - p.event_shape[0])


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_p, _q)(_normal)
