"""Wishart's distribution."""

from __future__ import annotations

import math
import warnings

from .. import _C, linalg
from .._composite import tril_indices
from .._number_info import finfo
from ..functional import broadcast_shapes
from ..linalg._older import cholesky_inverse, cholesky_solve
from ..types import _Number
from . import constraints
from ._multigamma import log_multigamma, multidigamma
from .chi2 import Chi2
from .distribution import Size
from .exp_family import ExponentialFamily
from .multivariate_normal import _factor_of, _given_matrix, _half_log_det
from .utils import lazy_property

__all__ = ["Wishart"]


class Wishart(ExponentialFamily):
    """p(X) = det X^((df - n - 1) / 2) exp(-tr(S^-1 X) / 2) / (2^(df n / 2) det S^(df / 2)
    Gamma_n(df / 2)) for positive definite X [..., n, n], df > n - 1: for integer df, the sum of df
    squares x x' of normal vectors of covariance S.

    S is given as for MultivariateNormal. Drawn as L A A' L' for the Cholesky factor L of S, A lower
    triangular with roots of chi-squared numbers on the diagonal and normal ones below (Bartlett).
    """

    support = constraints.positive_definite
    has_rsample = True
    _batched = (
        "df", "covariance_matrix", "precision_matrix", "scale_tril", "_dist_chi2",
    )  # fmt: skip
    _kept = ("_unbroadcasted_scale_tril",)
    _mean_carrier_measure = 0

    def __init__(
        self,
        df,
        covariance_matrix=None,
        precision_matrix=None,
        scale_tril=None,
        validate_args=None,
    ):
        name, matrix = _given_matrix(scale_tril, covariance_matrix, precision_matrix)
        if name is None:
            raise AssertionError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        if isinstance(df, _Number):
            df = _C.tensor(df, dtype=matrix.dtype, device=matrix.device)
        batch_shape = broadcast_shapes(matrix.shape[:-2], df.shape)
        event_shape, n = matrix.shape[-2:], matrix.shape[-1]
        self.df = df.expand(batch_shape)
        if self.df.le(n - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {n - 1}.")
        if self.df.lt(n).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for "
                "ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_scale_tril = _factor_of(name, matrix)
        rows = _C.arange(n, dtype=matrix.dtype, device=matrix.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - rows)

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor L of S = L L'."""
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def covariance_matrix(self):
        """S"""
        factor = self._unbroadcasted_scale_tril
        return (factor @ factor.mT).expand(self._batch_shape + self._event_shape)

    @lazy_property
    def precision_matrix(self):
        """S^-1"""
        inverse = cholesky_inverse(self._unbroadcasted_scale_tril)
        return inverse.expand(self._batch_shape + self._event_shape)

    @property
    def _df_of_matrices(self):
        return self.df[..., None, None]

    @property
    def mean(self):
        return self._df_of_matrices * self.covariance_matrix

    @property
    def mode(self):
        factor = self._df_of_matrices - self._event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan) * self.covariance_matrix

    @property
    def variance(self):
        diagonal = self.covariance_matrix.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self._df_of_matrices * (self.covariance_matrix.pow(2) + products)

    def _bartlett_sampling(self, sample_shape):
        n = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = roots.clamp(min=finfo(roots.dtype).eps).diag_embed()
        below_shape = Size(sample_shape) + self._batch_shape + (n * (n - 1) // 2,)
        i, j = tril_indices(n, n, offset=-1)
        noise[..., i, j] = _C.randn(below_shape, dtype=noise.dtype, device=noise.device)
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def _any_of_batch(self, of_matrices):
        """For each draw: is it so of any matrix of the batch?"""
        if not self._batch_shape:
            return of_matrices
        return of_matrices.flatten(-len(self._batch_shape)).any(-1)

    def _drawn_anew(self, sample, chosen, tries):
        """The draws with those chosen replaced by others, until they are not singular."""
        for _ in range(tries):
            if not chosen.any():
                break
            new = self._bartlett_sampling(chosen[chosen].shape)
            sample[chosen] = new
            is_singular = self._any_of_batch(~self.support.check(new))
            chosen = chosen.masked_scatter(chosen, is_singular)
        return sample

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Draws. A draw that is singular in its dtype is repeated up to `max_try_correction` times,
        10 by default, with a warning.
        """
        tries = 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(Size(sample_shape))
        # PyTorch draws a second time what is not singular. So does this, for the same numbers.
        is_regular = self._any_of_batch(self.support.check(sample))
        if not is_regular.all():
            warnings.warn("Singular sample detected.", stacklevel=2)
        sample = self._drawn_anew(sample, is_regular, tries)
        return self._drawn_anew(sample, ~is_regular, tries)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        df, n, factor = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        log_normalizer = df * (n * math.log(2) / 2 + _half_log_det(factor))
        log_normalizer = log_normalizer + log_multigamma(df / 2, n)
        log_power = (df - n - 1) / 2 * linalg.slogdet(value).logabsdet
        trace = cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        return log_power - trace / 2 - log_normalizer

    def entropy(self):
        df, n = self.df, self._event_shape[-1]
        log_size = (n + 1) * (n * math.log(2) / 2 + _half_log_det(self._unbroadcasted_scale_tril))
        spread = (df - n - 1) / 2 * multidigamma(df / 2, n)
        return log_size + log_multigamma(df / 2, n) - spread + df * n / 2

    @property
    def _natural_params(self):
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x, y):
        n = self._event_shape[-1]
        half_df = y + (n + 1) / 2
        log_det = linalg.slogdet(-2 * x).logabsdet
        return half_df * (math.log(2) * n - log_det) + log_multigamma(half_df, n)
