"""Integrals, derivatives and histograms of samples, beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import cnn

RNG = np.random.default_rng(3)
Y = RNG.uniform(-2, 2, (3, 5))
X = np.sort(RNG.uniform(0, 4, 5))
trapezoid = getattr(np, "trapezoid", None) or np.trapz


def tensor(x):
    return cnn.from_numpy(np.array(x))


def cumulative(y, x=None, dx=1.0, axis=-1):
    steps = dx if x is None else np.diff(x)
    y = np.moveaxis(y, axis, -1)
    return np.moveaxis(np.cumsum((y[..., 1:] + y[..., :-1]) * steps / 2, -1), -1, axis)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_integrals_with_equal_steps(dim):
    y = tensor(Y)
    np.testing.assert_allclose(cnn.trapezoid(y, dim=dim).numpy(), trapezoid(Y, axis=dim))
    np.testing.assert_allclose(
        cnn.trapz(y, dx=0.3, dim=dim).numpy(), trapezoid(Y, dx=0.3, axis=dim)
    )
    np.testing.assert_allclose(
        cnn.cumulative_trapezoid(y, dx=0.3, dim=dim).numpy(), cumulative(Y, dx=0.3, axis=dim)
    )


def test_integrals_at_given_places():
    y, x = tensor(Y), tensor(X)
    np.testing.assert_allclose(cnn.trapezoid(y, x).numpy(), trapezoid(Y, X))
    np.testing.assert_allclose(cnn.trapezoid(y, tensor(X + 0 * Y)).numpy(), trapezoid(Y, X))
    np.testing.assert_allclose(cnn.cumulative_trapezoid(y, x).numpy(), cumulative(Y, X))
    np.testing.assert_allclose(cnn.trapezoid(y.t(), x, dim=0).numpy(), trapezoid(Y, X))


def test_integrals_of_few_samples():
    assert cnn.trapezoid(cnn.ones(2, 0)).tolist() == [0, 0]
    assert cnn.trapezoid(cnn.ones(2, 1)).tolist() == [0, 0]
    assert cnn.cumulative_trapezoid(cnn.ones(2, 1)).shape == (2, 0)


def test_gradients_of_integrals():
    y, x = tensor(Y).requires_grad_(), tensor(X).requires_grad_()
    for f in (cnn.trapezoid, cnn.cumulative_trapezoid):
        assert cnn.autograd.gradcheck(f, (y, x))
        assert cnn.autograd.gradgradcheck(f, (y, x))
        assert cnn.autograd.gradcheck(lambda y, f=f: f(y, dx=0.4, dim=0), (y,))


@pytest.mark.parametrize("f", [cnn.trapezoid, cnn.cumulative_trapezoid])
def test_integrals_refuse(f):
    with pytest.raises(RuntimeError, match="one `x` value for each sample point"):
        f(cnn.ones(3), cnn.ones(2))
    with pytest.raises(RuntimeError, match="bool input"):
        f(cnn.ones(3, dtype=cnn.bool))
    with pytest.raises(RuntimeError, match="bool input"):
        f(cnn.ones(3), cnn.ones(3, dtype=cnn.bool))
    with pytest.raises(TypeError):
        f(cnn.ones(3), cnn.ones(3), dx=1)
    with pytest.raises(IndexError):
        f(cnn.ones(3), dim=1)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_derivatives(edge_order):
    wide = RNG.uniform(-1, 1, (4, 6))
    rows, columns = np.array([0.0, 0.5, 2.0, 2.2]), np.array([0.0, 1.0, 1.5, 3.0, 3.1, 5.0])
    for spacing, places in (
        (None, ()),
        (0.5, (0.5,)),
        ((0.5, 2.0), (0.5, 2.0)),
        ((tensor(rows), tensor(columns)), (rows, columns)),
    ):
        got = cnn.gradient(tensor(wide), spacing=spacing, edge_order=edge_order)
        want = np.gradient(wide, *places, edge_order=edge_order)
        assert isinstance(got, tuple) and len(got) == 2
        for g, w in zip(got, want):
            np.testing.assert_allclose(g.numpy(), w, atol=1e-12)
    (one,) = cnn.gradient(tensor(wide), spacing=2.0, dim=1, edge_order=edge_order)
    np.testing.assert_allclose(one.numpy(), np.gradient(wide, 2.0, axis=1, edge_order=edge_order))
    whole = cnn.gradient(cnn.arange(5) ** 2, edge_order=edge_order)[0]
    want = np.gradient(np.arange(5.0) ** 2, edge_order=edge_order)
    np.testing.assert_allclose(whole.numpy(), want, atol=1e-6)
    assert whole.dtype == cnn.float32


def test_gradients_of_derivatives():
    y, x = tensor(Y).requires_grad_(), tensor(X).requires_grad_()
    for order in (1, 2):
        f = lambda y, x, order=order: cnn.gradient(y, spacing=(x,), dim=1, edge_order=order)[0]  # noqa: E731
        assert cnn.autograd.gradcheck(f, (y, x))
        assert cnn.autograd.gradgradcheck(f, (y, x))


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("uint8", {"input": cnn.ones(3, dtype=cnn.uint8)}),
        ("length 2", {"input": cnn.ones(3), "spacing": [1, 2]}),
        ("same length", {"input": cnn.ones(3, 3), "spacing": [1, 2, 3], "dim": (0, 1)}),
        ("edge_order=1", {"input": cnn.ones(3), "edge_order": 3}),
        ("at least edge_order", {"input": cnn.ones(2), "edge_order": 2}),
        ("multiple times", {"input": cnn.ones(3, 3), "dim": (0, -2)}),
        ("one dimension", {"input": cnn.ones(3), "spacing": (cnn.ones(3, 1),)}),
        ("spacing", {"input": cnn.ones(3), "spacing": (cnn.ones(2),)}),
    ],
)
def test_derivatives_refuse(match, arguments):
    with pytest.raises(RuntimeError, match=match):
        cnn.gradient(**arguments)


# Histograms --------------------------------------------------------------------------------------

DATA = np.concatenate([RNG.normal(size=400), [-1.0, 0.0, 2.0, 2.0]])
EDGES = np.array([-1.0, -0.25, 0.0, 0.5, 2.0])


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_histogram(density, weighted):
    weight = RNG.uniform(0, 1, DATA.shape) if weighted else None
    w = None if weight is None else tensor(weight)
    for bins, limits in ((7, None), (7, (-1.0, 2.0)), (EDGES, None)):
        given = tensor(bins) if isinstance(bins, np.ndarray) else bins
        got = cnn.histogram(tensor(DATA), given, range=limits, weight=w, density=density)
        hist, edges = np.histogram(DATA, bins, limits, density=density, weights=weight)
        np.testing.assert_allclose(got.hist.numpy(), hist, atol=1e-12)
        np.testing.assert_allclose(got.bin_edges.numpy(), edges, atol=1e-12)
    assert cnn.histogram(tensor(DATA.reshape(4, -1)), 3).hist.sum() == DATA.size


def test_histogram_of_points():
    points = RNG.normal(size=(200, 2))
    got = cnn.histogramdd(tensor(points), [3, 5])
    hist, edges = np.histogramdd(points, [3, 5])
    np.testing.assert_array_equal(got.hist.numpy(), hist)
    for g, w in zip(got.bin_edges, edges):
        np.testing.assert_allclose(g.numpy(), w, atol=1e-12)
    weight, limits = RNG.uniform(size=200), [-1.0, 1.0, -2.0, 0.5]
    got = cnn.histogramdd(tensor(points), 4, limits, tensor(weight), True)
    hist, _ = np.histogramdd(points, 4, [limits[:2], limits[2:]], density=True, weights=weight)
    np.testing.assert_allclose(got.hist.numpy(), hist)
    got = cnn.histogramdd(tensor(points), [tensor(EDGES), tensor(EDGES)])
    np.testing.assert_array_equal(got.hist.numpy(), np.histogramdd(points, [EDGES, EDGES])[0])


def test_histograms_at_the_ends():
    assert cnn.histogram(cnn.tensor([float("nan"), 1.0]), 2, range=(0, 2)).hist.tolist() == [0, 1]
    assert cnn.histogram(cnn.ones(3), 2).bin_edges.tolist() == [0.5, 1.0, 1.5]
    empty = cnn.histogram(cnn.ones(0), 2)
    assert empty.hist.tolist() == [0, 0] and empty.bin_edges.tolist() == [0, 0.5, 1]
    out = cnn.empty(2), cnn.empty(3)
    assert cnn.histogram(cnn.ones(3), 2, out=out).hist is out[0] and out[0].tolist() == [0, 3]


@pytest.mark.parametrize(
    ("kind", "match", "call"),
    [
        (RuntimeError, "bins must be > 0", lambda: cnn.histogram(cnn.ones(3), 0)),
        (RuntimeError, "min should not exceed max", lambda: cnn.histogram(cnn.ones(3), 2, range=(1, 0))),
        (RuntimeError, "not finite", lambda: cnn.histogram(cnn.tensor([float("inf")]), 2)),
        (RuntimeError, "same dtype", lambda: cnn.histogram(cnn.ones(3), cnn.ones(3).double())),
        (RuntimeError, "one dimension", lambda: cnn.histogram(cnn.ones(3), cnn.ones(3, 1))),
        (RuntimeError, "weight", lambda: cnn.histogram(cnn.ones(3), 2, weight=cnn.ones(2))),
        (RuntimeError, "weight", lambda: cnn.histogram(cnn.ones(3), 2, weight=cnn.ones(3).double())),
        (NotImplementedError, "Long", lambda: cnn.histogram(cnn.arange(3), 2)),
        (RuntimeError, "at least 2 dimensions", lambda: cnn.histogramdd(cnn.ones(3), 2)),
        (RuntimeError, "innermost dimension", lambda: cnn.histogramdd(cnn.ones(3, 2), [2])),
        (RuntimeError, "elements", lambda: cnn.histogramdd(cnn.ones(3, 2), 2, [0.0, 1.0])),
    ],
)  # fmt: skip
def test_histograms_refuse(kind, match, call):
    with pytest.raises(kind, match=match):
        call()
