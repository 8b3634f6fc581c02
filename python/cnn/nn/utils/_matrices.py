"""Functions of matrices [..., m, n] that orthogonal ones are made of, by elementary ops, which
every device has: those of `linalg` need the CPU.
"""

from __future__ import annotations

from ... import _C
from ...autograd import no_grad
from ...autograd.function import Function


def inverse(a):
    """The inverse of [..., n, n], without a choice of pivots.

    For matrices whose leading blocks all have one: triangular, or of positive symmetric part.
    """
    return _Inverse.apply(a)


class _Inverse(Function):
    @staticmethod
    def forward(ctx, a):
        result = _by_halves(a)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return -(result.mT @ grad_output @ result.mT)


def _by_halves(a):
    """The inverse from those of a block and of what is left without it (Banachiewicz, 1937)."""
    n = a.size(-1)
    if n == 1:
        return a.reciprocal()
    half = n // 2
    a11, a12 = a[..., :half, :half], a[..., :half, half:]
    a21, a22 = a[..., half:, :half], a[..., half:, half:]
    first = _by_halves(a11)
    right, below = first @ a12, a21 @ first
    second = _by_halves(a22 - a21 @ right)
    corner = second @ below
    result = a.new_empty(a.shape)
    result[..., :half, :half] = first + right @ corner
    result[..., :half, half:] = -(right @ second)
    result[..., half:, :half] = -corner
    result[..., half:, half:] = second
    return result


@no_grad()
def geqrf(a):
    """(h, tau) of the QR factors of [..., m, n] as LAPACK's geqrf gives them, without gradient.

    R is the upper triangle of h. Reflection i is I - tau[i] v v', where v is zeros, a one at i, and
    column i of h below the diagonal.
    """
    h = a.clone()
    taus = []
    for i in range(min(h.shape[-2:])):
        alpha, rest = h[..., i, i].clone(), h[..., i + 1 :, i]
        norm = rest.norm(2, -1)
        beta = -_C.hypot(alpha, norm).copysign(alpha)
        is_zero = norm == 0  # there is nothing to reflect
        tau = ((beta - alpha) / beta).masked_fill(is_zero, 0)
        v = rest / (alpha - beta).masked_fill(is_zero, 1).unsqueeze(-1)
        rest.copy_(v)
        v = _C.cat([_C.ones_like(alpha).unsqueeze(-1), v], dim=-1).unsqueeze(-1)
        trailing = h[..., i:, i + 1 :]
        trailing -= tau[..., None, None] * v @ (v.mT @ trailing)
        h[..., i, i] = _C.where(is_zero, alpha, beta)
        taus.append(tau)
    return h, _C.stack(taus, -1)


def householder_product(h, tau):
    """The first n columns of the product of n reflections, given as by geqrf: [..., m, n].

    As I - v t v' at once (Schreiber and Van Loan, 1989), t upper triangular.
    """
    m, n = h.shape[-2:]
    identity = _C.eye(m, n, dtype=h.dtype, device=h.device)
    v = h.tril(-1) + identity
    scaled = v * tau.unsqueeze(-2)
    unit = _C.eye(n, dtype=h.dtype, device=h.device) + (v.mT @ scaled).triu(1)
    return identity - scaled @ inverse(unit) @ v[..., :n, :].mT
