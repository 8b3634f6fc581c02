"""Rows too short to fill vectors: every length around a vector's, every number of rows around a block's."""

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

LENGTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 80, 100, 119, 121, 127, 128, 129]
ROWS = [1, 7, 8, 9, 63, 64, 65, 130]
SHAPES = [(r, 17) for r in ROWS] + [(65, n) for n in LENGTHS]
TOLERANCE = {cnn.float32: 2e-6, cnn.float64: 1e-14}


@pytest.fixture(params=[cnn.float32, cnn.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def rows(shape, dtype):
    values = np.random.default_rng(shape[0] * 1000 + shape[1]).normal(size=shape)
    return cnn.tensor(values, dtype=dtype)


def double(x):
    return x.detach().numpy().astype(np.float64)


def check(actual, expected, dtype):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(double(actual), expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax(shape, dtype):
    x = rows(shape, dtype).requires_grad_()
    g = rows(shape, dtype).flip(0)
    a, dy = double(x), double(g)
    p = softmax(a)

    y = F.softmax(x, 1)
    check(y, p, dtype)
    y.backward(g)
    check(x.grad, p * (dy - (dy * p).sum(1, keepdims=True)), dtype)

    x.grad = None
    y = F.log_softmax(x, 1)
    check(y, np.log(p), dtype)
    y.backward(g)
    check(x.grad, dy - p * dy.sum(1, keepdims=True), dtype)

    check(cnn.logsumexp(x, 1), np.log(np.exp(a).sum(1)), dtype)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1] > 2])  # of two, only rounding is left
def test_layer_norm(shape, affine, dtype):
    x = rows(shape, dtype).requires_grad_()
    g = rows(shape, dtype).flip(0)
    n = shape[1]
    w, b = (rows((1, n), dtype)[0], rows((2, n), dtype)[1]) if affine else (None, None)
    a, dy = double(x), double(g)
    rstd = 1 / np.sqrt(a.var(1, keepdims=True) + 1e-5)
    xhat = (a - a.mean(1, keepdims=True)) * rstd

    y = F.layer_norm(x, (n,), w, b)
    check(y, xhat * double(w) + double(b) if affine else xhat, dtype)
    y.backward(g)
    gw = dy * double(w) if affine else dy
    check(
        x.grad,
        rstd * (gw - gw.mean(1, keepdims=True) - xhat * (gw * xhat).mean(1, keepdims=True)),
        dtype,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_reductions(shape, dtype):
    x = rows(shape, dtype)
    a = double(x)
    check(x.sum(1), a.sum(1), dtype)
    check(x.mean(1), a.mean(1), dtype)
    check(x.norm(dim=1), np.sqrt((a * a).sum(1)), dtype)
    check(x.var(1, correction=0), a.var(1), dtype)
    check(x.amin(1), a.min(1), dtype)
    values, indices = x.max(1)
    check(values, a.max(1), dtype)
    assert indices.tolist() == a.argmax(1).tolist() == x.argmax(1).tolist()
    check(x[:, ::2].sum(1), a[:, ::2].sum(1), dtype)  # not dense


@pytest.mark.parametrize("shape", [(65, 10), (9, 65), (130, 17)])
def test_nan_and_ties(shape):
    x = cnn.zeros(shape)
    x[3, 5] = float("nan")
    x[4] = float("-inf")
    assert x.argmax(1).tolist() == [5 if r == 3 else 0 for r in range(shape[0])]
    for y in (F.softmax(x, 1), F.log_softmax(x, 1)):
        assert y.isnan().all(1).tolist() == [r in (3, 4) for r in range(shape[0])]
    lse = cnn.logsumexp(x, 1)
    assert lse[3].isnan() and lse[4] == float("-inf")
    assert lse[0].item() == pytest.approx(np.log(shape[1]))


def test_one_result_in_any_company():
    """A row's result is the same in few rows and in many, whatever block it stands in."""
    x = rows((200, 37), cnn.float32)
    for f in (
        lambda t: F.softmax(t, 1),
        lambda t: F.layer_norm(t, (37,)),
        lambda t: t.sum(1),
        lambda t: t.var(1),
    ):
        whole = f(x)
        for begin, end in [(0, 64), (5, 130), (64, 200), (190, 200)]:
            assert (f(x[begin:end].contiguous()) == whole[begin:end]).all()


# Rows that stand side by side are worked on together: as many as vectors hold, and what is left over.
@pytest.mark.parametrize("columns", [8, 9, 15, 17, 31, 33, 48, 49, 63, 64, 65, 77])
def test_columns_do_not_know_of_their_neighbours(columns, dtype):
    n = 130
    x, g = rows((n, columns), dtype), rows((columns, n), dtype).transpose(0, 1).contiguous()
    x[:, 1] = 1e4 + x[:, 1]
    x[3, 4], x[5, 6], x[:, 7] = float("nan"), float("inf"), -float("inf")

    def results(x, g):
        statistics = cnn.zeros(x.shape[1]).to(dtype) + 0.3, cnn.ones(x.shape[1]).to(dtype)
        affine = [cnn.ones(x.shape[1]).to(dtype).requires_grad_() for _ in range(2)]
        found = []
        for f in (
            lambda t: F.softmax(t, 0),
            lambda t: F.log_softmax(t, 0),
            lambda t: F.batch_norm(t, *statistics, *affine),
        ):
            leaf = x.clone().requires_grad_()
            y = f(leaf)
            y.backward(g)
            found += [y.detach().numpy(), leaf.grad.numpy()]
        return found + [t.grad[None].numpy() for t in affine]

    whole = results(x, g)
    for first in range(0, columns - 7, 5):  # the same columns beside others, in other lanes
        few = slice(first, first + 8)
        part = results(x[:, few].contiguous(), g[:, few].contiguous())
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_array_equal(a[:, few], b)
    got, finite = whole[0], np.isfinite(double(x)).all(0)
    np.testing.assert_allclose(
        got[:, finite], softmax(double(x)[:, finite].T).T, atol=TOLERANCE[dtype]
    )
    assert np.isnan(got[:, ~finite]).all()
