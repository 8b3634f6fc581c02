"""Images in other sizes, as PyTorch makes them: values, gradients, strides, the names of nodes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

MODES = {
    3: ("nearest", "nearest-exact", "linear"),
    4: ("nearest", "nearest-exact", "bilinear", "bicubic"),
    5: ("nearest", "nearest-exact", "trilinear"),
}
TARGETS = (
    {"size": 1},
    {"size": 5},
    {"size": 23},
    {"scale_factor": 2},
    {"scale_factor": 0.4},
    {"scale_factor": 1.37},
    {"scale_factor": 1.37, "recompute_scale_factor": True},
)


def calls(rank):
    for mode, target in itertools.product(MODES[rank], TARGETS):
        if "near" in mode:
            yield {"mode": mode, **target}
            continue
        for corners in (False, True):
            yield {"mode": mode, "align_corners": corners, **target}
            if mode in ("bilinear", "bicubic"):
                yield {"mode": mode, "align_corners": corners, "antialias": True, **target}


def run(lib, values, memory_format, options):
    x = lib.tensor(values)
    if memory_format:
        x = x.contiguous(memory_format=getattr(lib, memory_format))
    x.requires_grad_()
    y = lib.nn.functional.interpolate(x, **options)
    g = lib.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)
    if memory_format:
        g = g.contiguous(memory_format=getattr(lib, memory_format))
    y.backward(g)
    return y, x.grad


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "memory_format"),
    [
        ((2, 3, 9), None),
        ((1, 2, 1), None),
        ((2, 3, 9, 14), None),
        ((2, 3, 9, 14), "channels_last"),
        ((1, 17, 6, 5), "channels_last"),
        ((2, 4, 1, 1), None),
        ((2, 3, 4, 9, 6), None),
        ((2, 5, 4, 9, 6), "channels_last_3d"),
    ],
)
def test_interpolate(shape, memory_format, dtype):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    tolerance = 1e-10 if dtype == "float64" else 3e-5
    for options in calls(len(shape)):
        if min(int(n * options.get("scale_factor", 1)) for n in shape[2:]) < 1:
            continue
        found = run(cnn, values, memory_format, options)
        wanted = run(torch, values, memory_format, options)
        assert type(found[0].grad_fn).__name__ == type(wanted[0].grad_fn).__name__, options
        for a, b in zip(found, wanted):
            assert a.shape == b.shape and a.stride() == b.stride(), options
            assert np.allclose(
                a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance
            ), options


@pytest.mark.parametrize("antialias", [False, True])
def test_a_photograph_shrinks(antialias):
    values = np.random.default_rng(0).random((1, 3, 270, 480), dtype=np.float32)
    for mode, memory_format in itertools.product(("bilinear", "bicubic"), (None, "channels_last")):
        options = {"size": (56, 56), "mode": mode, "antialias": antialias}
        found, wanted = (run(lib, values, memory_format, options) for lib in (cnn, torch))
        for a, b in zip(found, wanted):
            assert np.allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-4)
