"""Linear algebra through NumPy: QR."""

from __future__ import annotations

import pytest

import cnn
from cnn.autograd import gradcheck


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (3, 0)])
def test_qr_multiplies_back(shape):
    a = cnn.randn(*shape, dtype=cnn.float64)
    k = min(shape[-2:])
    q, r = cnn.linalg.qr(a)
    assert q.shape == (*shape[:-1], k) and r.shape == (*shape[:-2], k, shape[-1])
    assert cnn.allclose(q @ r, a)
    assert cnn.allclose(
        q.transpose(-1, -2) @ q, cnn.eye(k, dtype=cnn.float64).expand(*shape[:-2], k, k)
    )


def test_qr_modes():
    a = cnn.randn(5, 3)
    full = cnn.linalg.qr(a, mode="complete")
    assert full.Q.shape == (5, 5) and full.R.shape == (5, 3)
    only = cnn.linalg.qr(a, mode="r")
    assert only.Q.shape == (0,) and cnn.allclose(only.R, cnn.linalg.qr(a).R, atol=1e-5)
    with pytest.raises(RuntimeError, match="qr received unrecognized mode 'thin'"):
        cnn.linalg.qr(a, mode="thin")


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (2, 4, 3)])
def test_qr_has_gradients(shape):
    cnn.manual_seed(0)
    a = cnn.randn(*shape, dtype=cnn.float64, requires_grad=True)
    assert gradcheck(cnn.linalg.qr, (a,))


def test_qr_refuses():
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions. Got 1"):
        cnn.linalg.qr(cnn.ones(3))
    with pytest.raises(RuntimeError, match="float32 or float64"):
        cnn.linalg.qr(cnn.ones(3, 3, dtype=cnn.int64))
    with pytest.raises(NotImplementedError, match="at least as many rows as columns"):
        cnn.linalg.qr(cnn.ones(2, 3, requires_grad=True))
