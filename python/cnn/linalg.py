"""Linear algebra by NumPy's LAPACK, with gradients. On the CPU, float32 and float64."""

from __future__ import annotations

from collections import namedtuple

from . import _C, _absent, _faces
from ._refusals import require_string
from .autograd.function import Function, once_differentiable

__all__ = ["qr"]

QR = namedtuple("linalg_qr", ("Q", "R"))
QR.__module__ = "torch.return_types"


def qr(A, mode="reduced"):
    """Q, R of A = Q R for [..., m, n] matrices: Q has orthonormal columns, R is upper triangular.

    mode 'reduced': Q [..., m, k], R [..., k, n] with k = min(m, n); 'complete': Q [..., m, m],
    R [..., m, n]; 'r': an empty Q, R as in 'reduced'. The diagonal of R has LAPACK's signs.
    The gradient (Walter and Lehmann, 2010) is of first order, for 'reduced' with m >= n.
    """
    require_string("linalg_qr", "mode", mode)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    if A.dim() < 2:
        raise RuntimeError(
            f"linalg.qr: The input tensor A must have at least 2 dimensions. Got {A.dim()}"
        )
    if A.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"linalg.qr: expected a float32 or float64 tensor, got {A.dtype}")
    if _C.is_grad_enabled() and A.requires_grad:
        if mode != "reduced" or A.size(-2) < A.size(-1):
            raise NotImplementedError(
                "linalg.qr: gradients need mode='reduced' and at least as many rows as columns, "
                f"got mode={mode!r} and {tuple(A.shape)}; detach() the input where none is wanted"
            )
        return QR(*_QR.apply(A))
    return QR(*_factor(A, mode))


def _factor(A, mode):
    import numpy

    array = A.detach().numpy()
    if mode == "r":
        return A.new_empty(0), _C.from_numpy(numpy.linalg.qr(array, mode="r").copy())
    q, r = numpy.linalg.qr(array, mode=mode)
    return _C.from_numpy(q.copy()), _C.from_numpy(r.copy())


class _QR(Function):
    @staticmethod
    def forward(ctx, A):
        q, r = _factor(A, "reduced")
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_q, grad_r):
        # With M = R gR' - gQ' Q and S its lower triangle mirrored: gA = (gQ + Q S) inv(R)'.
        import numpy

        q, r = (t.numpy() for t in ctx.saved_tensors)
        gq, gr = grad_q.numpy(), grad_r.numpy()
        m = r @ gr.swapaxes(-1, -2) - gq.swapaxes(-1, -2) @ q
        lower = numpy.tril(m, -1)
        mirrored = lower + lower.swapaxes(-1, -2)
        mirrored += numpy.eye(m.shape[-1], dtype=m.dtype) * m
        right = gq + q @ mirrored
        return _C.from_numpy(numpy.linalg.solve(r, right.swapaxes(-1, -2)).swapaxes(-1, -2).copy())


_faces.let_override(globals(), __all__)
_absent.explain(__name__)
