"""The multivariate normal distribution with few directions of its own."""

from __future__ import annotations

import math

from .. import _C, linalg
from . import constraints
from .distribution import Distribution
from .multivariate_normal import _batch_mahalanobis, _batch_mv, _half_log_det
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _plus_identity(matrices):
    identity = _C.eye(matrices.size(-1), dtype=matrices.dtype, device=matrices.device)
    return matrices + identity


def _batch_capacitance_tril(W, D):
    """The Cholesky factor of the capacitance I + W' D^-1 W."""
    return linalg.cholesky(_plus_identity((W.mT / D.unsqueeze(-2)) @ W))


def _batch_lowrank_logdet(W, D, capacitance_tril):
    """log det (W W' + D), by the determinant lemma."""
    return 2 * _half_log_det(capacitance_tril) + D.log().sum(-1)


def _batch_lowrank_mahalanobis(W, D, x, capacitance_tril):
    """x' (W W' + D)^-1 x, by Woodbury's identity."""
    projected = _batch_mv(W.mT / D.unsqueeze(-2), x)
    return (x.pow(2) / D).sum(-1) - _batch_mahalanobis(capacitance_tril, projected)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors [..., n] of covariance W W' + diag(D), W = cov_factor [..., n, m], D =
    cov_diag [..., n].

    With m far below n this needs m x m systems alone (Woodbury), and no n x n matrix.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = ("loc", "cov_factor", "cov_diag")
    _kept = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            loc_column, self.cov_factor, diag_column = _C.broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as e:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from e
        self.loc, self.cov_diag = loc_column[..., 0], diag_column[..., 0]
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = _batch_capacitance_tril(cov_factor, cov_diag)
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    @property
    def _covariance(self):
        """W, D and the factor of the capacitance, not broadcast."""
        return (
            self._unbroadcasted_cov_factor,
            self._unbroadcasted_cov_diag,
            self._capacitance_tril,
        )

    def _over_events(self, matrices):
        return matrices.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        factor, diag, _ = self._covariance
        return (factor.pow(2).sum(-1) + diag).expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        # W W' + D = D^1/2 (I + V V') D^1/2 with V = D^-1/2 W
        factor, diag, _ = self._covariance
        root = diag.sqrt().unsqueeze(-1)
        scaled = factor / root
        return self._over_events(root * linalg.cholesky(_plus_identity(scaled @ scaled.mT)))

    @lazy_property
    def covariance_matrix(self):
        """W W' + diag(D)"""
        factor, diag, _ = self._covariance
        return self._over_events(factor @ factor.mT + diag.diag_embed())

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        factor, diag, capacitance_tril = self._covariance
        scaled = factor.mT / diag.unsqueeze(-2)
        solved = linalg.solve_triangular(capacitance_tril, scaled, upper=False)
        return self._over_events(diag.reciprocal().diag_embed() - solved.mT @ solved)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        options = self.loc.dtype, self.loc.device
        of_factor = _standard_normal(shape[:-1] + self.cov_factor.shape[-1:], *options)
        of_diag = _standard_normal(shape, *options)
        factor, diag, _ = self._covariance
        return self.loc + _batch_mv(factor, of_factor) + diag.sqrt() * of_diag

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        factor, diag, capacitance_tril = self._covariance
        squares = _batch_lowrank_mahalanobis(factor, diag, value - self.loc, capacitance_tril)
        log_det = _batch_lowrank_logdet(factor, diag, capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + squares)

    def entropy(self):
        log_det = _batch_lowrank_logdet(*self._covariance)
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return entropy.expand(self._batch_shape)
