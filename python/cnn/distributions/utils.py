"""What distributions share: numbers as tensors, probabilities and logits, triangles as vectors."""

from __future__ import annotations

import math
from functools import update_wrapper

from .. import _C
from .._number_info import finfo
from ..autograd import enable_grad
from ..nn import functional as F
from ..overrides import is_tensor_like
from ..types import _Number

__all__ = [
    "broadcast_all", "logits_to_probs", "clamp_probs", "probs_to_logits", "lazy_property",
    "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip

euler_constant = 0.57721566490153286060  # Euler and Mascheroni's


def broadcast_all(*values):
    """Tensors of one shape. Numbers take the dtype and the device of the first tensor, or the
    defaults.
    """
    if not all(is_tensor_like(v) or isinstance(v, _Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects "
            "implementing __torch_function__."
        )
    first = next((v for v in values if isinstance(v, _C.Tensor)), None)
    options = {"dtype": _C.get_default_dtype()}
    if first is not None:
        options = {"dtype": first.dtype, "device": first.device}
    return _C.broadcast_tensors(
        *(v if is_tensor_like(v) else _C.tensor(v, **options) for v in values)
    )


def _standard_normal(shape, dtype, device):
    return _C.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value, dim):
    """The sum over the last `dim` dimensions."""
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1) if dim else value


def logits_to_probs(logits, is_binary=False):
    """Probabilities: the logistic function of log odds when `is_binary`, else softmax."""
    return logits.sigmoid() if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs):
    """Probabilities at least one eps of their dtype away from 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """Log odds when `is_binary`, else log probabilities; both of clamped probabilities."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


class lazy_property:
    """A property that is computed once, with gradients, and is an attribute from then on."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)

    def __get__(self, instance, obj_type=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def _triangle(n, diag, device):
    """The mask of what lies on and below a diagonal of an n x n matrix."""
    return _C.ones(n, n, dtype=_C.bool, device=device).tril(diag)


def tril_matrix_to_vec(mat, diag=0):
    """The lower triangles of [..., n, n] matrices as [..., m] vectors, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _triangle(n, diag, mat.device)]


def vec_to_tril_matrix(vec, diag=0):
    """The [..., n, n] matrices whose lower triangles are the [..., m] vectors, zero elsewhere."""
    length = vec.shape[-1]
    # A triangle of n rows below diagonal d <= 0 has (n + d)(n + d + 1) / 2 elements; above, for
    # d > 0, the whole lower triangle and d diagonals more. Solved for n:
    square = (1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1)
    root = math.isqrt(square)
    if root * root != square or (root - 1 - 2 * diag) % 2:
        raise ValueError(
            f"The size of last dimension is {length} which cannot be expressed as the lower "
            "triangular part of a square D x D matrix."
        )
    n = (root - 1 - 2 * diag) // 2
    mat = vec.new_zeros(vec.shape[:-1] + (n, n))
    mat[..., _triangle(n, diag, vec.device)] = vec
    return mat
