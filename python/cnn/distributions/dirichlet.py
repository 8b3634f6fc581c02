"""Dirichlet's distribution."""

from __future__ import annotations

from .. import _C
from ..autograd import Function
from ..autograd.function import once_differentiable
from ..nn import functional as F
from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class _Dirichlet(Function):
    """Draws, whose gradient is implicit.

    A change of one concentration moves its own x by dx, with the marginal Beta's quantile fixed,
    and takes dx from the others in proportion to them.
    """

    @staticmethod
    def forward(ctx, concentration):
        x = _C._sample_dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        x, concentration = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        change = _C._dirichlet_grad(x, concentration, total)
        return change * (grad - (x * grad).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """p(x) = Gamma(sum a) / prod Gamma(a_i) prod x_i^(a_i - 1) on the simplex, a = concentration of
    shape [..., k].
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _batched = ("concentration",)

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape=()):
        return _Dirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return _C.xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        """A corner of the simplex where all concentrations are below 1."""
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        corner = F.one_hot(mode.argmax(dim=-1), mode.shape[-1]).to(mode)
        is_corner = (self.concentration < 1).all(dim=-1, keepdim=True)
        return _C.where(is_corner, corner, mode)

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self):
        a, k = self.concentration, self.concentration.size(-1)
        total = a.sum(-1)
        log_normalizer = a.lgamma().sum(-1) - total.lgamma()
        return log_normalizer - (k - total) * total.digamma() - ((a - 1.0) * a.digamma()).sum(-1)

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return x.lgamma().sum(-1) - x.sum(-1).lgamma()
