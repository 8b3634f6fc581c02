"""Errors against float64 are at most twice PyTorch's, or one rounding of the result and its inputs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

OFFSETS = (0.0, 1e3, 1e6, -1e7)
SHAPES = ((5,), (1000,), (33333,), (5, 7), (100, 9), (9, 100), (65, 1000), (20, 30, 5))


def axes(a):
    """Everything, each dimension, and two of them."""
    every = [None, *range(a.ndim)]
    return [*every, (0, a.ndim - 1)] if a.ndim > 2 else every


def spread(t, x, dim):
    return t.var(x) if dim is None else t.var(x, dim)


def deviation(t, x, dim):
    return t.std(x, correction=0) if dim is None else t.std(x, dim, correction=0)


def norm(t, x, dim):
    return t.linalg.vector_norm(x, 2, dim) if t is torch else t.norm(x, 2, dim)


def logsumexp(t, x, dim):
    return t.logsumexp(x, list(range(x.dim())) if dim is None else dim)


REFERENCES = {
    spread: lambda a, axis: a.var(axis, ddof=1),
    deviation: lambda a, axis: a.std(axis),
    norm: lambda a, axis: np.sqrt((a * a).sum(axis)),
    logsumexp: lambda a, axis: a.max() + np.log(np.exp(a - a.max()).sum(axis)),
}
VIEWS = {
    "dense": lambda x: x,
    "transposed": lambda x: x.swapaxes(0, 1) if x.ndim > 1 else x,
    "strided": lambda x: x[::3],
}
ROUNDINGS = 4 * 2.0**-24


def error(result, exact):
    gap = np.abs(result.double().numpy() - exact)
    return float(np.max(gap / np.maximum(np.abs(exact), 1e-30)))


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("op", REFERENCES, ids=lambda op: op.__name__)
def test_error_of_a_reduction(op, view, offset):
    for shape in SHAPES:
        rng = np.random.default_rng(len(shape))
        values = (rng.standard_normal(shape) + offset).astype(np.float32)
        exact, theirs, ours = (
            VIEWS[view](make(values)) for make in (np.float64, torch.from_numpy, cnn.from_numpy)
        )
        for axis in axes(exact):
            right = REFERENCES[op](exact, axis)
            bound = max(2 * error(op(torch, theirs, axis), right), ROUNDINGS)
            assert error(op(cnn, ours, axis), right) <= bound, (shape, axis)


def apply_norm(t, name, x, weight, bias):
    f = t.nn.functional
    if name == "norm":
        return t.norm(x, 2, -1, keepdim=True) * weight[0] + bias[0]
    if name == "rms_norm":
        return f.rms_norm(x, x.shape[-1:], weight) + bias
    arguments = {
        "batch_norm": (None, None, weight, bias, True),
        "layer_norm": (x.shape[-1:], weight, bias),
        "group_norm": (2, weight, bias),
        "instance_norm": (None, None, weight, bias),
    }[name]
    return getattr(f, name)(x, *arguments)


@pytest.mark.parametrize("offset", (0.0, 1e2, 1e3, 1e4, 1e6))
@pytest.mark.parametrize(
    "name", ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "norm")
)
def test_error_of_the_gradients_of_a_normalisation(name, offset):
    for shape in ((8, 6, 50), (50, 4, 3), (3, 2, 2000)):
        rng = np.random.default_rng(1)
        x = rng.standard_normal(shape) + offset
        up = rng.standard_normal((*shape[:-1], 1) if name == "norm" else shape)
        weight = rng.standard_normal(shape[-1] if name in ("layer_norm", "rms_norm") else shape[1])
        given = [a.astype(np.float32) for a in (x, weight, np.zeros_like(weight), up)]

        def run(t, dtype):
            *leaves, g = (t.from_numpy(a.astype(dtype)) for a in given)
            leaves = [leaf.requires_grad_() for leaf in leaves]
            y = apply_norm(t, name, *leaves)
            y.backward(g)
            return [v.detach().numpy() for v in (y, *(leaf.grad for leaf in leaves))]

        exact = run(torch, np.float64)
        theirs, ours = (
            [float(np.abs(a - right).max() / np.abs(right).max()) for a, right in zip(found, exact)]
            for found in (run(torch, np.float32), run(cnn, np.float32))
        )
        for mine, other in zip(ours, theirs):
            assert mine <= max(2 * other, 2 * ROUNDINGS), (shape, ours, theirs)


@pytest.mark.parametrize("kind", ("uniform", "normal"))
@pytest.mark.parametrize("n", (1000, 10_000, 1_000_000, 10_000_000))
def test_error_of_a_dot_product(n, kind):
    rng = np.random.default_rng(n)
    draw = rng.random if kind == "uniform" else rng.standard_normal
    a, b = (draw(n).astype(np.float32) for _ in range(2))
    terms = a.astype(np.float64) * b
    theirs, ours = (
        abs(float(t.from_numpy(a).dot(t.from_numpy(b))) - terms.sum()) for t in (torch, cnn)
    )
    assert ours <= max(theirs, 2.0**-23 * abs(terms.sum()), 2.0**-27 * np.abs(terms).sum())


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", ("batch_norm", "layer_norm", "group_norm", "instance_norm"))
def test_error_of_a_normalisation(name, offset):
    for shape in ((8, 6, 50), (50, 4, 3), (3, 2, 2000)):
        values = np.random.default_rng(1).standard_normal(shape) + offset
        floats = values.astype(np.float32)
        a = floats.astype(np.float64)
        axis = {"batch_norm": (0, 2), "layer_norm": 2, "instance_norm": 2}.get(name)
        rows = a.reshape(shape[0], 2, -1) if name == "group_norm" else a
        axis = 2 if axis is None else axis
        middle, var = rows.mean(axis, keepdims=True), rows.var(axis, keepdims=True)
        exact = ((rows - middle) / np.sqrt(var + 1e-5)).reshape(shape)
        errors = []
        for t in (torch, cnn):
            f = getattr(t.nn.functional, name)
            arguments = {
                "batch_norm": (None, None, None, None, True),
                "layer_norm": (shape[2:],),
                "group_norm": (2,),
                "instance_norm": (),
            }[name]
            result = f(t.from_numpy(floats), *arguments)
            errors.append(float(np.max(np.abs(result.double().numpy() - exact))))
        assert errors[1] <= max(2 * errors[0], 2e-6), shape
