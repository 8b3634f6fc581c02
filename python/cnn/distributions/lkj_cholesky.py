"""Lewandowski, Kurowicka and Joe's distribution of matrices of correlations."""

from __future__ import annotations

import math

from .. import _C
from .._number_info import finfo
from ..autograd import no_grad
from . import constraints
from ._multigamma import log_multigamma
from .beta import Beta
from .distribution import Distribution, Size
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors L of dim x dim matrices of correlations R = L L', p(R) ~ det(R)^(eta - 1),
    eta = concentration: uniform for eta = 1, near the identity for large eta.

    Drawn row by row (the onion of Lewandowski et al. 2009, section 3): what a row has off the
    diagonal is a direction times a length, the length's square Beta.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _batched = ("concentration", "_beta")
    _kept = ("dim",)

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        options = {"dtype": self.concentration.dtype, "device": self.concentration.device}
        # Of the first row nothing is off the diagonal; its draw is not used.
        offset = _C.arange(-1, dim - 1, **options).clamp(min=0)
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    @no_grad()
    def sample(self, sample_shape=()):
        squares = self._beta.sample(sample_shape).unsqueeze(-1)
        shape = self._extended_shape(sample_shape)
        normal = _C.randn(shape, dtype=squares.dtype, device=squares.device).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :] = 0.0
        rows = squares.sqrt() * direction
        left = (1 - (rows**2).sum(dim=-1)).clamp(min=finfo(rows.dtype).tiny)
        return rows + left.sqrt().diag_embed()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        # The Jacobian of L -> L L' is prod L_kk^(dim - k) (k from 1 on); the normalizer is that of
        # Lewandowski et al. (2009), page 1999.
        k = _C.arange(2, self.dim + 1, device=self.concentration.device)
        power = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - k
        log_density = (power * value.diagonal(dim1=-1, dim2=-2)[..., 1:].log()).sum(dim=-1)
        p = self.dim - 1
        alpha = self.concentration + 0.5 * p
        log_normalizer = log_multigamma(alpha - 0.5, p) - p * alpha.lgamma()
        return log_density - (0.5 * p * math.log(math.pi) + log_normalizer)
