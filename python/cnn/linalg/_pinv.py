"""The pseudo-inverse, and how small a singular value must be to count as zero."""

from __future__ import annotations

from .. import _C
from .._number_info import finfo
from ..autograd.function import Function
from . import _checks
from ._checks import into


def pinv(input, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The pseudo-inverse (Moore and Penrose) of A [..., m, n].

    Singular values up to max(atol, rtol times the largest) count as zeros; by default atol is 0 and
    rtol the dtype's eps times the larger side, or 0 where atol is given and greater than 0. `rcond`
    is rtol. `hermitian`: by the eigenvalues of a symmetric matrix. Gradient (Golub and Pereyra,
    1973): for a rank that does not change nearby.
    """
    op = "linalg.pinv"
    if rcond is not None:
        atol, rtol = 0.0, rcond
    _checks.require_tensor(op, input)
    if input.dim() < 2 or input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(
            f"{op}({_checks.type_name(input.dtype)}{{{list(input.shape)}}}): expected a tensor "
            "with 2 or more dimensions of float, double, cfloat or cdouble types"
        )
    atol, rtol = tolerances(op, input, atol, rtol)
    if hermitian:
        _checks.require_square("linalg.eigh", input)
    if input.numel() == 0:
        result = input.mT.clone()
    elif _C.is_grad_enabled() and input.requires_grad:
        result = LinalgPinv.apply(input, atol, rtol, hermitian)
    else:
        result = _pinv(input, atol, rtol, hermitian)
    return into(out, result, op)


def tolerances(op, a, atol, rtol):
    """Both as tensors of a's dtype."""
    for name, given in (("atol", atol), ("rtol", rtol)):
        if isinstance(given, _C.Tensor) and given.is_complex():
            raise RuntimeError(f"{op}: {name} tensor of complex type is not supported.")
    like = {"dtype": a.dtype, "device": a.device}

    def as_tensor(value):
        return value.to(**like) if isinstance(value, _C.Tensor) else _C.tensor(value, **like)

    given_atol = _C.zeros(a.shape[:-2], **like) if atol is None else as_tensor(atol)
    if rtol is not None:
        return given_atol, as_tensor(rtol)
    default = _C.full_like(given_atol, finfo(a.dtype).eps * max(a.shape[-2:]))
    if atol is None:
        return given_atol, default
    return given_atol, _C.where(given_atol > 0, _C.zeros_like(default), default)


def _pinv(a, atol, rtol, hermitian):
    from .spectral import eigh, svd

    if hermitian:
        values, left = eigh(a.detach())
        right = left.mT
        largest = values.abs().amax(-1, keepdim=True)
    else:
        left, values, right = svd(a.detach(), full_matrices=False)
        largest = values[..., :1]
    limit = _C.maximum(atol.unsqueeze(-1), rtol.unsqueeze(-1) * largest)
    counts = values.abs() > limit
    inverses = _C.where(counts, values, 1).reciprocal() * counts
    return (right.mT * inverses.unsqueeze(-2)) @ left.mT


class LinalgPinv(Function):
    @staticmethod
    def forward(ctx, a, atol, rtol, hermitian):
        p = _pinv(a, atol, rtol, hermitian)
        ctx.save_for_backward(a, p)
        return p

    @staticmethod
    def backward(ctx, grad):
        # dP = -P dA P + P P' dA' (I - A P) + (I - P A) dA' P' P
        a, p = ctx.saved_tensors
        pt, gt = p.mT, grad.mT
        left = gt @ p @ pt  # times I - A P from the left
        right = pt @ p @ gt  # times I - P A from the right
        result = -(pt @ grad @ pt) + (left - a @ (p @ left)) + (right - (right @ p) @ a)
        return result, None, None, None
