"""Reading and writing at indices: what PyTorch takes and refuses, and the same results, for shapes of every kind."""

from __future__ import annotations

import itertools
import warnings

import pytest

import cnn

torch = pytest.importorskip("torch")

SHAPES = [(), (0,), (1,), (2,), (5,), (1, 1), (0, 3), (5, 0), (3, 2)]
WITH_SOURCE = {
    "scatter": lambda t, x, i, s: x.scatter(0, i, s),
    "scatter, multiplied": lambda t, x, i, s: x.scatter(0, i, s, reduce="multiply"),
    "scatter_add": lambda t, x, i, s: x.scatter_add(0, i, s),
    "scatter_reduce": lambda t, x, i, s: x.scatter_reduce(0, i, s, "sum"),
    "index_add": lambda t, x, i, s: x.index_add(0, i, s),
    "index_copy": lambda t, x, i, s: x.index_copy(0, i, s),
    "index_reduce": lambda t, x, i, s: x.index_reduce(0, i, s, "prod"),
    "put": lambda t, x, i, s: x.put(i, s),
}
ALONE = {
    "gather": lambda t, x, i: x.gather(0, i),
    "scatter, number": lambda t, x, i: x.scatter(0, i, 2.0),
    "index_select": lambda t, x, i: x.index_select(0, i),
    "index_fill": lambda t, x, i: x.index_fill(0, i, 2.0),
    "take": lambda t, x, i: x.take(i),
    "x[i]": lambda t, x, i: x[i],
}


def outcome(t, call, *shapes):
    x = t.ones(shapes[0])
    index = t.zeros(shapes[1], dtype=t.int64)
    source = [t.full(s, 3.0) for s in shapes[2:]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = call(t, x, index, *source)
    except (IndexError, RuntimeError):
        return "raises"
    return list(y.shape), y.tolist()


def same(call, *shapes):
    """Where nothing is written PyTorch does not look at the index, which is out of range."""
    right, found = outcome(torch, call, *shapes), outcome(cnn, call, *shapes)
    looked = found == "raises" and 0 in shapes[0] and 0 not in shapes[1]
    assert found == right or looked, (shapes, right, found)


# T is the library, M makes a tensor of truth values, I is an index in which a place stands twice.
CALLS = """
    T.gather(T.ones(5), 0, T.zeros(0, dtype=T.uint8))
    T.gather(T.ones(5), 0, T.zeros(0))
    T.gather(T.ones(5), 0, T.zeros(1, dtype=T.uint8))
    T.scatter(T.ones(5), 0, T.zeros(0, dtype=T.int8), T.ones(5))
    T.scatter_add(T.ones(5), 0, T.zeros(0, dtype=T.bool), T.ones(5))
    T.scatter_reduce(T.ones(5), 0, T.zeros(0), T.ones(5), "amax")
    T.take(T.ones(5), T.zeros(0, dtype=T.uint8))
    T.index_select(T.ones(5), 0, T.zeros(0, dtype=T.uint8))
    T.index_select(T.ones(3, 6), 1, T.tensor([0, 1]), out=T.zeros(3, 1).expand(3, 2))
    T.index_select(T.ones(3, 6), 1, T.tensor([0, 1]), out=T.zeros(2, 1).expand(2, 6))
    T.gather(T.ones(3, 6), 1, T.zeros(3, 2, dtype=T.int64), out=T.zeros(3, 1).expand(3, 2))
    T.take(T.ones(6), T.tensor([0, 1]), out=T.zeros(1).expand(2))
    T.masked_select(T.ones(2), T.ones(2) > 0, out=T.zeros(1).expand(2))
    M(1, 0, 1, 0, 0).index_add(0, I, M(1, 1, 0))
    M(1, 0, 1, 0, 0).index_add(0, I, M(1, 1, 0), alpha=2)
    M(1, 0, 1, 0, 0).index_add(0, I, M(1, 1, 0), alpha=False)
    M(1, 0, 1, 0, 0).index_add(0, I, M(1, 1, 0), alpha=0.5)
    T.tensor(True).index_add(0, T.tensor([0]), T.tensor(False))
    T.tensor(1, dtype=T.int8).index_add(0, T.tensor([0]), T.tensor(2, dtype=T.int8))
    T.ones(3, dtype=T.int64).index_add(0, T.tensor([0, 0]), T.tensor([3, 4]), alpha=0.5)
    T.ones(3, dtype=T.int64).index_add(0, T.tensor([0, 0]), T.tensor([3, 4]), alpha=1.6)
    M(1, 1, 1, 0, 0).index_put((I,), M(0, 0, 1), accumulate=True)
    M(1, 1, 1, 0, 0).index_put((I,), M(0, 0, 1))
    M(1, 1, 1, 0, 0).put(I, M(0, 0, 1), accumulate=True)
    M(1, 0, 1, 0, 0).scatter_add(0, I, M(1, 1, 0))
    M(1, 0, 1, 0, 0).scatter(0, I, M(1, 1, 0), reduce="add")
    M(1, 1, 1, 1, 1).scatter(0, I, M(1, 0, 1), reduce="multiply")
    M(1, 0, 1, 0, 0).scatter(0, I, True, reduce="add")
    M(1, 0, 1, 0, 0).scatter_reduce(0, I, M(1, 0, 0), "sum")
    M(1, 1, 1, 0, 0).scatter_reduce(0, I, M(0, 0, 1), "sum", include_self=False)
    M(1, 1, 1, 0, 0).scatter_reduce(0, I, M(1, 0, 1), "prod")
    M(1, 0, 1, 0, 0).scatter_reduce(0, I, M(1, 1, 1), "prod", include_self=False)
    M(1, 1, 1, 0, 0).scatter_reduce(0, I, M(1, 0, 1), "amin")
    M(1, 0, 1, 0, 0).scatter_reduce(0, I, M(1, 0, 1), "mean")
    T.zeros(5).index_put((T.tensor([0, 1]),), T.ones(1, 2))
    T.zeros(5).index_put((T.tensor([0, 1]),), T.ones(1, 1))
    T.zeros(5).index_put((T.tensor([0, 1]),), T.ones(1))
    T.tensor(5.0).masked_scatter(T.tensor(True), T.tensor([7.0]))
    T.tensor(5.0).masked_scatter(T.tensor(False), T.tensor([7.0]))
    T.tensor(5.0).masked_scatter(T.tensor(True), T.zeros(0))
    T.tensor(5.0).masked_scatter(M(1), T.tensor([7.0, 8.0]))
    T.tensor(5.0).masked_scatter_(T.tensor(True), T.tensor(7.0))
    T.tensor(5.0).masked_scatter_(M(1), T.tensor([7.0]))
    T.tensor([5.0, 6.0]).masked_scatter(T.tensor(True), T.tensor([7.0, 8.0]))
""".strip().splitlines()


@pytest.mark.parametrize("call", [c.strip() for c in CALLS])
def test_the_same_call(call):
    def outcome(t):
        index = t.tensor([1, 1, 3])
        names = {"T": t, "M": lambda *values: t.tensor(values) > 0, "I": index}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y = eval(call, names)
        except Exception as e:
            return type(e).__name__
        return str(y.dtype).split(".")[-1], y.tolist()

    assert outcome(cnn) == outcome(torch)


@pytest.mark.parametrize("name", WITH_SOURCE)
def test_shapes_of_input_index_and_source(name):
    for shapes in itertools.product(SHAPES, repeat=3):
        same(WITH_SOURCE[name], *shapes)


@pytest.mark.parametrize("name", ALONE)
def test_shapes_of_input_and_index(name):
    for shapes in itertools.product(SHAPES, repeat=2):
        same(ALONE[name], *shapes)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
def test_gradients_of_index_reduce(reduce, include_self):
    """Without ties with what does not count, where PyTorch counts it."""

    def run(t):
        x = t.tensor([1.0, 2.5, 0.5, 4.0], dtype=t.float64, requires_grad=True)
        s = t.tensor([5.0, 0.0, 2.0, 2.0, 0.25], dtype=t.float64, requires_grad=True)
        y = x.index_reduce(0, t.tensor([0, 0, 1, 1, 3]), s, reduce, include_self=include_self)
        (y * t.tensor([1.0, 2.0, 3.0, 4.0], dtype=t.float64)).sum().backward()
        return y.tolist(), x.grad.tolist(), s.grad.tolist(), y.grad_fn.name()

    assert run(cnn) == run(torch)


@pytest.mark.parametrize("accumulate", [True, False])
def test_gradients_of_put(accumulate):
    def run(t):
        x, s = t.zeros(2, 3, requires_grad=True), t.ones(2, 2, requires_grad=True)
        y = x.put(t.tensor([[0, 4], [-1, 2]]), s, accumulate)
        (y * t.arange(6.0).view(2, 3)).sum().backward()
        return y.tolist(), x.grad.tolist(), s.grad.tolist(), y.grad_fn.name()

    assert run(cnn) == run(torch)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0), (3, 0, 2), (), (0, 0)])
@pytest.mark.parametrize("name", ["unique", "unique_consecutive"])
def test_unique_of_nothing(name, shape):
    def run(t, **dim):
        try:
            out = getattr(t, name)(t.zeros(shape), return_inverse=True, return_counts=True, **dim)
            return [(list(o.shape), o.tolist()) for o in out]
        except Exception as e:
            return type(e).__name__, str(e)

    assert run(cnn) == run(torch)
    for dim in (0, 1, -1):
        assert run(cnn, dim=dim) == run(torch, dim=dim)
