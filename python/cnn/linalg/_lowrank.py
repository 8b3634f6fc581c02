"""Few singular or eigenvalues of large matrices, by iteration."""

from __future__ import annotations

from .. import _C
from .._number_info import finfo
from . import _checks
from ._triangles import solve_triangle
from .factorizations import cholesky, qr
from .spectral import eigh, svd


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


def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None,
    tracker=None, ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """E [..., k] and V [..., m, k] of A V = B V diag(E): the largest eigenvalues, or the smallest,
    of symmetric A [..., m, m] and positive definite B.

    The locally optimal block preconditioned conjugate gradients of Knyazev (2001), with bases made
    orthonormal by QR (Duersch et al., 2018), whatever `method` ('ortho', 'basic') and the `ortho_`
    parameters ask. X [..., m, n] is where it begins (by default drawn), iK the inverse that
    preconditions, tol how small the residuals of k columns become beside A and B, niter how many
    steps there are at most (by default 1000; -1: no limit). tracker is called after each step with
    an object that has A, B, X, E, R and the counts in `ivars`. Where A or B requires gradients, all
    eigenvalues are computed, by `linalg.eigh`.
    """
    _checks.require_square("lobpcg", A)
    _checks.require_kernel("lobpcg", A)
    m = A.shape[-1]
    k = (1 if X is None else X.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X.shape[-1]
    if m < 3 * n:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than "
            f"3 x the number of requested eigenpairs (={n})"
        )
    if method not in (None, "ortho", "basic"):
        raise ValueError(f"lobpcg: method must be 'ortho' or 'basic', got {method!r}")
    largest = True if largest is None else largest
    factor = None if B is None else cholesky(B)
    given = [t for t in (A, B) if t is not None and t.requires_grad]
    if given and _C.is_grad_enabled():
        values, vectors = eigh(_without_b(A, factor))
        if largest:
            values, vectors = values.flip(-1), vectors.flip(-1)
        return values[..., :k], _with_b(vectors[..., :k], factor)
    if X is None:
        X = _C.randn(*A.shape[:-2], m, n, dtype=A.dtype, device=A.device)
    tol = finfo(A.dtype).eps ** 0.5 if tol is None else tol
    niter = 1000 if niter is None else niter

    def one(i):
        a, b, start, inverse, own = (
            None if t is None else t.detach().expand(*A.shape[:-2], *t.shape[-2:])
            .reshape(-1, *t.shape[-2:])[i] for t in (A, B, X, iK, factor)
        )  # fmt: skip
        search = _Search(a, b, own, inverse, start, k, largest, tol)
        while search.ivars["istep"] != niter and search.ivars["converged_count"] < k:
            search.step()
            if tracker is not None:
                tracker(search)
        return search.E[:k], search.X[:, :k]

    count = A[..., 0, 0].numel()
    pairs = [one(i) for i in range(count)]
    values = _C.stack([e for e, _ in pairs]) if pairs else A.new_empty(0, k)
    vectors = _C.stack([x for _, x in pairs]) if pairs else A.new_empty(0, m, k)
    return values.reshape(*A.shape[:-2], k), vectors.reshape(*A.shape[:-2], m, k)


def _without_b(a, factor):
    """inv(L) A inv(L)' for B = L L', with the same eigenvalues."""
    if factor is None:
        return a
    left = solve_triangle(factor, a, False)
    return solve_triangle(factor.mT, left, True, left=False)


def _with_b(vectors, factor):
    return vectors if factor is None else solve_triangle(factor.mT, vectors, True)


class _Search:
    """One matrix's iteration: the best vectors of span(X, what precedes the residuals, the last
    directions)."""

    def __init__(self, a, b, factor, inverse, start, k, largest, tol):
        self.A, self.B = a, b
        self.ivars = {"istep": 0, "converged_count": 0, "k": k, "m": len(a), "n": start.shape[-1]}
        self._a = _without_b(a, factor)
        self._factor, self._inverse, self._largest, self._tol = factor, inverse, largest, tol
        self._size = float(a.norm()), 1.0 if b is None else float(b.norm())
        self._p = None
        x = start if factor is None else factor.mT @ start
        self._take(qr(x)[0], start.shape[-1])

    def _take(self, basis, n):
        """The n best vectors of a space with an orthonormal basis."""
        values, turn = eigh(basis.mT @ self._a @ basis)
        order = slice(None, None, -1) if self._largest else slice(None)
        places = list(range(len(values)))[order][:n]
        self.E, self._x = values[places], basis @ turn[:, places]
        self._residual = self._a @ self._x - self._x * self.E
        self.X = _with_b(self._x, self._factor)
        original = self._residual if self._factor is None else self._factor @ self._residual
        self.R = original
        weight = self._size[0] + self._size[1] * self.E.abs()
        errors = original.norm(2, 0) / (self.X.norm(2, 0) * weight)
        good = (errors < self._tol).tolist()
        self.ivars["converged_count"] = good.index(False) if False in good else len(good)

    def step(self):
        self.ivars["istep"] += 1
        n = self._x.shape[-1]
        w = self._residual
        if self._inverse is not None:
            w = self._inverse @ self.R
            w = w if self._factor is None else self._factor.mT @ w
        parts = [self._x, w] if self._p is None else [self._x, w, self._p]
        before = self._x
        basis = qr(_C.cat(parts, -1))[0]
        self._take(basis, n)
        self._p = self._x - before @ (before.mT @ self._x)
