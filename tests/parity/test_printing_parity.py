"""Printed forms against PyTorch's: every dtype, shape and option, random values."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "bool")
SHAPES = [
    *(
        (),
        (1,),
        (0,),
        (0, 3),
        (2, 0, 4),
        (3,),
        (7,),
        (30,),
        (200,),
        (1001,),
        (5000,),
        (3, 4),
        (2, 3, 4),
    ),
    *((40, 30), (7, 200), (2, 2, 2, 2), (1, 1, 1), (1200, 2), (11, 11, 11), (3, 5, 7, 11)),
]
OPTIONS = [
    {},
    {"precision": 2},
    {"precision": 0},
    {"profile": "short"},
    {"profile": "full"},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 3, "edgeitems": 0},
    {"linewidth": 40},
]


@pytest.fixture(params=OPTIONS, ids=str)
def options(request):
    for module in (torch, cnn):
        module.set_printoptions(profile="default")
        module.set_printoptions(**request.param)
    yield request.param
    for module in (torch, cnn):
        module.set_printoptions(profile="default")


def pair(values, name):
    """The same numbers in both libraries."""
    values = np.ascontiguousarray(values)
    return [
        lib.tensor(values.tolist(), dtype=getattr(lib, name)).reshape(values.shape)
        for lib in (cnn, torch)
    ]


def agree(ours, theirs):
    assert repr(ours) == repr(theirs)


def test_floats(options):
    draw = np.random.default_rng(0)
    for name in FLOATS:
        for shape in SHAPES:
            for scale in (1, 1e-6, 100, 1e4):
                values = draw.standard_normal(shape) * scale
                agree(*pair(values, name))
                agree(*pair(np.round(values), name))


def test_not_finite(options):
    draw = np.random.default_rng(1)
    for shape in SHAPES:
        if np.prod(shape) < 3:
            continue
        for scale in (1, 1e-6, 1e9):
            values = draw.standard_normal(shape) * scale
            values.reshape(-1)[[0, 1, -1]] = np.nan, 0, -np.inf
            agree(*pair(values, "float32"))
            agree(*pair(np.round(values), "float32"))
    agree(*pair([np.nan] * 3, "float64"))
    agree(*pair([0.0, -0.0], "float64"))


def test_integers(options):
    draw = np.random.default_rng(2)
    for name in INTEGERS:
        for shape in SHAPES:
            low, high = (0, 2) if name == "bool" else (0, 200) if name == "uint8" else (-100, 100)
            agree(*pair(draw.integers(low, high, shape), name))


def test_views_and_history(options):
    draw = np.random.default_rng(3)
    for shape in ((3, 4), (40, 30), (2, 3, 4)):
        ours, theirs = pair(draw.standard_normal(shape), "float32")
        agree(ours.transpose(0, -1), theirs.transpose(0, -1))
        agree(ours[::2], theirs[::2])
        agree(ours[0], theirs[0])
        agree(ours.requires_grad_(), theirs.requires_grad_())
        for change in (lambda t: t * 2, lambda t: t.exp(), lambda t: t.sum(), lambda t: t.view(-1)):
            agree(change(ours), change(theirs))
        agree(cnn.nn.Parameter(ours.detach()), torch.nn.Parameter(theirs.detach()))


def test_meta(options):
    for name in (*FLOATS, *INTEGERS):
        for shape in ((), (2,), (0, 3)):
            agree(
                *(lib.empty(shape, dtype=getattr(lib, name), device="meta") for lib in (cnn, torch))
            )


def test_default_dtype():
    for name in ("float64", "float32"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for lib in (cnn, torch):
                lib.set_default_dtype(getattr(lib, name))
        for kind in ("float32", "float64", "int64"):
            agree(*pair([1, 2], kind))
            agree(*(lib.empty(0, dtype=getattr(lib, kind)) for lib in (cnn, torch)))


def test_options_read_back():
    for given in OPTIONS:
        for module in (torch, cnn):
            module.set_printoptions(**given)
        assert cnn._tensor_str.get_printoptions() == torch._tensor_str.get_printoptions()
    for module in (torch, cnn):
        module.set_printoptions(profile="default")
