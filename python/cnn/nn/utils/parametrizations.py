"""Parametrizations: weights of unit norm, of orthogonal rows or columns, of norm and direction."""

from __future__ import annotations

from enum import Enum, auto

from ... import _C
from ..._number_info import finfo
from ...autograd import no_grad
from .. import functional as F
from ..modules.module import Module
from . import parametrize
from ._matrices import geqrf, householder_product, inverse
from .spectral_norm import _output_dim
from .weight_norm import _weight_norm, norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _is_orthogonal(Q, eps=None):
    """Whether Q' Q is the identity but for rounding."""
    n, k = Q.shape[-2:]
    identity = _C.eye(k, dtype=Q.dtype, device=Q.device)
    return _C.allclose(Q.mH @ Q, identity, atol=10.0 * n * finfo(Q.dtype).eps)


def _make_orthogonal(A):
    """The factor Q of A = Q R in which R has a positive diagonal."""
    h, tau = geqrf(A)
    signs = h.diagonal(dim1=-2, dim2=-1).sgn()
    return householder_product(h, tau) * signs.unsqueeze(-2)


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


class _Orthogonal(Module):
    """A matrix as an orthogonal one: exponential or Cayley map, or product of reflections.

    With the buffer `base`, that times the map: the map starts at the identity (trivialization;
    Lezcano-Casado, 2019).
    """

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            # Its value comes with the first right_inverse.
            self.register_buffer("base", None)

    def forward(self, X):
        """[..., m, n] of orthonormal columns, or rows where there are fewer of them."""
        transposed = X.size(-2) < X.size(-1)
        if transposed:
            X = X.mT
        if self.orthogonal_map == _OrthMaps.householder:
            Q = self._reflected(X)
        else:
            Q = self._rotated(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if transposed else Q

    def _rotated(self, X):
        """A map of the antisymmetric matrix with the lower triangle of X; the first columns."""
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = _C.cat([X, X.new_zeros(*X.shape[:-1], n - k)], dim=-1)
        A = X - X.mH
        if self.orthogonal_map == _OrthMaps.matrix_exp:
            from ...linalg import matrix_exp

            return matrix_exp(A)[..., :k]
        half = A * 0.5
        identity = _C.eye(n, dtype=A.dtype, device=A.device)
        return (inverse(identity - half) @ (identity + half))[..., :k]

    @staticmethod
    def _reflected(X):
        """The product of reflections by the columns below the diagonal, with the diagonal's signs.

        The gradient leaves the signs alone, which are 1 and -1.
        """
        A = X.tril(-1)
        tau = 2.0 / (1.0 + (A * A).sum(-2))
        signs = X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        return householder_product(A, tau) * signs

    @no_grad()
    def right_inverse(self, Q):
        """What the map takes to Q, which is made orthogonal: minus the identity with `base`."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        given = Q
        transposed = Q.size(-2) < Q.size(-1)
        if transposed:
            Q = Q.mT
        if not hasattr(self, "base"):
            X = self._reflections_of(Q)
            return X.mT if transposed else X
        n, k = Q.shape[-2:]
        if n != k:
            others = _C.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
            Q = _make_orthogonal(_C.cat([Q, others], dim=-1))
        else:
            Q = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        self.base = Q
        # The signs of the reflections undo theirs; the other maps do not look at the diagonal.
        X = _C.zeros_like(given)
        X.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return X

    def _reflections_of(self, Q):
        if self.orthogonal_map != _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        X, tau = geqrf(Q)
        diagonal = X.diagonal(dim1=-2, dim2=-1)
        # Where LAPACK does not reflect, the map does.
        diagonal.copy_(_C.where(tau == 0, -diagonal.sign(), diagonal.sign()))
        return X


def _tensor_of(module, name):
    weight = getattr(module, name, None)
    if not isinstance(weight, _C.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Makes a parameter [..., m, n] an orthogonal matrix, or a batch of them; returns the module.

    Its columns are orthonormal, or its rows where m < n. `orthogonal_map` is 'matrix_exp', 'cayley'
    (both for square ones at their best) or 'householder'; without `use_trivialization` only the
    last can be assigned to.
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        is_square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if is_square or weight.is_complex() else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    parametrization = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, parametrization, unsafe=True)


class _WeightNorm(Module):
    """A weight from lengths along dim and directions. Salimans and Kingma, 2016."""

    def __init__(self, dim=0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return _weight_norm(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Splits a parameter into its length along `dim`, original0, and its direction, original1.

    dim None is one length for the whole. State of `nn.utils.weight_norm` loads too. Returns the
    module.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_names_of_the_hook(state_dict, prefix, *args):
        old = [f"{prefix}{name}{suffix}" for suffix in ("_g", "_v")]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_names_of_the_hook)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value. Miyato et al., 2018.

    The buffers `_u` and `_v` are near the singular vectors and take steps of the power method in
    training. A vector is divided by its norm.
    """

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got "
                f"{dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            for name, size in zip(("_u", "_v"), matrix.shape):
                start = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        """The weight as a matrix whose rows run along dim: [size of dim, the rest]."""
        if weight.ndim <= 1:
            raise AssertionError(
                f"Expected weight to have more than 1 dimension, got {weight.ndim}"
            )
        return weight.movedim(self.dim, 0).flatten(1)

    @no_grad()
    def _power_method(self, weight_mat, n_power_iterations):
        if weight_mat.ndim <= 1:
            raise AssertionError(
                f"Expected weight_mat to have more than 1 dimension, got {weight_mat.ndim}"
            )
        for _ in range(n_power_iterations):
            # In place: the buffers may be shared by the copies of several devices.
            F.normalize(_C.mv(weight_mat, self._v), dim=0, eps=self.eps, out=self._u)
            F.normalize(_C.mv(weight_mat.H, self._u), dim=0, eps=self.eps, out=self._v)

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Another forward before the backward changes the buffers, but not these.
        u, v = self._u.clone(), self._v.clone()
        return weight / _C.vdot(u, _C.mv(matrix, v))

    def right_inverse(self, value):
        # Assumed to be of norm one already.
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divides a parameter by its largest singular value; returns the module.

    The value is that of the matrix whose rows run along `dim`, by default the outputs, by steps of
    the power method.
    """
    weight = _tensor_of(module, name)
    dim = _output_dim(module) if dim is None else dim
    parametrization = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, parametrization)
