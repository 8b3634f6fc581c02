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
