"""Functions of matrices [..., m, n] that orthogonal ones are made of, by elementary ops."""

from __future__ import annotations

import math

from ... import _C
from ...autograd import no_grad


def inverse(a):
    """The inverse of [..., n, n] by halves (Banachiewicz), without a choice of pivots.

    For matrices whose leading blocks all have one: triangular, or of positive symmetric part.
    """
    n = a.size(-1)
    if n == 1:
        return a.reciprocal()
    half = n // 2
    top, bottom = a.split([half, n - half], dim=-2)
    a11, a12 = top.split([half, n - half], dim=-1)
    a21, a22 = bottom.split([half, n - half], dim=-1)
    first = inverse(a11)
    right, below = first @ a12, a21 @ first
    second = inverse(a22 - a21 @ right)
    corner = second @ below
    top = _C.cat([first + right @ corner, -(right @ second)], dim=-1)
    return _C.cat([top, _C.cat([-corner, second], dim=-1)], dim=-2)


def matrix_exp(a):
    """exp(a) of [..., n, n]: Taylor's series of a / 2 ** k, squared k times."""
    with no_grad():
        size = float(a.abs().sum(-2).max()) if a.numel() else 0.0
    squarings = max(0, math.ceil(math.log2(size)) + 1) if size > 0 and math.isfinite(size) else 0
    a = a * 0.5**squarings  # of norm 1/2 at most: 14 terms are exact in double precision
    identity = _C.eye(a.size(-1), dtype=a.dtype, device=a.device)
    result = identity + a / 14
    for i in range(13, 0, -1):
        result = identity + (a @ result) / i
    for _ in range(squarings):
        result = result @ result
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
