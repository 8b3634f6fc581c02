"""Few singular or eigenvalues of large matrices, by iteration."""

from __future__ import annotations

from .. import _C
from .factorizations import qr
from .spectral import svd


def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S, V of the q largest singular values of A [..., m, n], approximately; of A - M where M is
    given.

    Randomised subspace iteration (Halko, Martinsson and Tropp, 2009, algorithm 5.1), with q normal
    numbers for each column drawn from cnn's generator, `niter` times.
    """
    q = 6 if q is None else q
    if M is not None:
        A = A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    tall = A.mT if wide else A
    basis = _range_of(tall, q, niter)
    u, s, vh = svd(basis.mT @ tall, full_matrices=False)
    u, v = basis @ u, vh.mT
    return (v, s, u) if wide else (u, s, v)


def _range_of(a, q, niter):
    """q orthonormal columns that span what a does to most vectors."""
    drawn = _C.randn(a.shape[-1], q, dtype=a.dtype, device=a.device)
    basis = qr(a @ drawn)[0]
    for _ in range(niter):
        basis = qr(a.mT @ basis)[0]
        basis = qr(a @ basis)[0]
    return basis


def pca_lowrank(A, q=None, center=True, niter=2):
    """U, S, V of `svd_lowrank` of A [..., m, n] without the mean of its rows: V's columns are the
    principal directions. q is by default min(6, m, n); `center=False` keeps the mean."""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not A.is_floating_point():
        raise ValueError(f"input expected to be floating point tensor, but got {A.dtype}")
    if center:
        A = A - A.mean(-2, keepdim=True)
    return svd_lowrank(A, q, niter=niter)
