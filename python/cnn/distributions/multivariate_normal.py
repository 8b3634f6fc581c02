"""The multivariate normal distribution."""

from __future__ import annotations

import math

from .. import _C, linalg
from ..functional import broadcast_shapes
from ..linalg._older import cholesky_inverse
from . import constraints
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(bmat, bvec):
    """Matrices times vectors."""
    return (bmat @ bvec.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(bL, bx):
    """|L^-1 x|^2 for triangles L of shape [..., n, n] and vectors x of [..., n], whose batch is at
    least that of L.

    Vectors of one triangle are columns of one system, so that no triangle is repeated.
    """
    last = bx.dim() - 1
    first = last - (bL.dim() - 2)  # where the batch of L begins in that of x
    own = [first + i for i, size in enumerate(bL.shape[:-2]) if size > 1]
    shared = [dim for dim in range(last) if dim not in own]
    own_shape, shared_shape = ([bx.shape[dim] for dim in dims] for dims in (own, shared))
    n = bx.shape[last]
    columns = bx.permute(own + [last] + shared).reshape(own_shape + [n, math.prod(shared_shape)])
    solved = linalg.solve_triangular(bL.reshape(own_shape + [n, n]), columns, upper=False)
    squares = solved.pow(2).sum(-2).reshape(own_shape + shared_shape)
    order = own + shared
    return squares.permute([order.index(dim) for dim in range(last)])


def _half_log_det(tril):
    """log det L of triangles L: half of log det L L'."""
    return tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _precision_to_scale_tril(P):
    """The Cholesky factor of P^-1: with P turned upside down, the inverse of its factor is lower
    triangular once more when turned back.
    """
    upper = linalg.cholesky(P.flip(-2, -1)).flip(-2, -1).mT
    identity = _C.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    return linalg.solve_triangular(upper, identity, upper=False)


def _given_matrix(scale_tril, covariance_matrix, precision_matrix):
    """Name and value of the one matrix that is given."""
    given = {
        "scale_tril": scale_tril,
        "covariance_matrix": covariance_matrix,
        "precision_matrix": precision_matrix,
    }
    given = {name: matrix for name, matrix in given.items() if matrix is not None}
    return given.popitem() if len(given) == 1 else (None, None)


def _factor_of(name, matrix):
    """The Cholesky factor of the covariance, by what is given."""
    if name == "scale_tril":
        return matrix
    return linalg.cholesky(matrix) if name[0] == "c" else _precision_to_scale_tril(matrix)


class MultivariateNormal(Distribution):
    """p(x) = exp(-(x - loc)' S^-1 (x - loc) / 2) / sqrt((2 pi)^n det S) for vectors [..., n].

    S is given as `covariance_matrix`, as its inverse `precision_matrix` or as its Cholesky factor
    `scale_tril`, which is what computing uses; the others follow when they are asked for.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _batched = ("loc", "covariance_matrix", "precision_matrix", "scale_tril")
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(
        self,
        loc,
        covariance_matrix=None,
        precision_matrix=None,
        scale_tril=None,
        validate_args=None,
    ):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, matrix = _given_matrix(scale_tril, covariance_matrix, precision_matrix)
        if name is None:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch_shape = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = _factor_of(name, matrix)

    def _over_events(self, matrices):
        return matrices.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor L of S = L L'."""
        return self._over_events(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """S"""
        factor = self._unbroadcasted_scale_tril
        return self._over_events(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self):
        """S^-1"""
        return self._over_events(cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        standard = _standard_normal(shape, self.loc.dtype, self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, standard)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        squares = _batch_mahalanobis(self._unbroadcasted_scale_tril, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + squares) - _half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self):
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        entropy = constant + _half_log_det(self._unbroadcasted_scale_tril)
        return entropy.expand(self._batch_shape)
