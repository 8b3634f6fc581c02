"""Flags that others wrote: NumPy's `view(bool)`, a buffer or a file may hold any byte but 0 for True."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
from cnn.nn import functional as F

BYTES = np.array([2, 3, 0, 255, 1, 0, 128] * 60, np.uint8)
RIGHT = BYTES != 0
TRUE = int(RIGHT.sum())


def flags(copies=1):
    return cnn.from_numpy(np.tile(BYTES, copies).view(bool))


SOURCES = {
    "from_numpy": flags,
    "as_tensor": lambda: cnn.as_tensor(BYTES.view(bool)),
    "tensor": lambda: cnn.tensor(BYTES.view(bool)),
    "frombuffer": lambda: cnn.frombuffer(bytearray(BYTES.tobytes()), dtype=cnn.bool),
    "view": lambda: cnn.tensor(BYTES).view(cnn.bool),
    "clone": lambda: flags().clone(),
    "step": lambda: cnn.from_numpy(np.repeat(BYTES, 2).view(bool))[::2],
    "cat": lambda: cnn.cat([flags()[:100], flags()[100:]]),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_any_byte_but_zero_is_one_true(source):
    x = source()
    assert x.tolist() == RIGHT.tolist()
    assert x.sum() == TRUE and x.count_nonzero() == TRUE and x.float().sum() == TRUE
    assert x.long().max() == 1 and x.to(cnn.uint8).max() == 1 and x.half().sum() == TRUE
    assert x.nonzero().flatten().tolist() == RIGHT.nonzero()[0].tolist()
    assert x.cumsum(0)[-1] == TRUE
    assert x.any() and not x.all() and x[RIGHT].all()


BINARY = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "mul": lambda a, b: a * b,
    "add": lambda a, b: a + b,
}


@pytest.mark.parametrize("op", BINARY.values(), ids=BINARY)
@pytest.mark.parametrize("other", [True, False, "flags", "one", "step"], ids=str)
def test_two_flags_are_compared_as_truths(op, other):
    b = {"flags": flags().flip(0), "one": flags()[:1], "step": flags(2)[1::2]}.get(other, other)
    right = op(RIGHT, np.array(b.tolist()) if isinstance(b, cnn.Tensor) else b)
    y = op(flags(), b)
    assert y.dtype == cnn.bool and y.tolist() == right.tolist()
    assert y.view(cnn.uint8).max() <= 1


def test_not_of_a_flag():
    assert (~flags()).view(cnn.uint8).tolist() == (~RIGHT).astype(int).tolist()
    assert cnn.logical_not(flags()).sum() == len(BYTES) - TRUE


def test_flags_choose():
    x = cnn.arange(float(len(BYTES)))
    for mask in (
        flags(),
        flags(2)[: 2 * len(BYTES) : 1][: len(BYTES)],
        cnn.from_numpy(np.repeat(BYTES, 2).view(bool))[::2],
    ):
        assert x[mask].tolist() == RIGHT.nonzero()[0].tolist()
        assert x.masked_select(mask).numel() == TRUE
        assert cnn.where(mask, 1.0, 0.0).sum() == TRUE
        assert cnn.where(mask, x, x[:1]).tolist() == np.where(RIGHT, x.numpy(), 0).tolist()
        assert x.masked_fill(mask, 0.0).tolist() == np.where(RIGHT, 0, x.numpy()).tolist()
        assert cnn.zeros_like(x).masked_scatter(mask, cnn.ones(TRUE)).sum() == TRUE
        assert cnn.zeros_like(x).index_put((mask,), cnn.tensor(1.0)).sum() == TRUE


def test_flags_mask_attention():
    mask = flags()[:49].view(7, 7)
    q, k, v = (cnn.randn(1, 7, 4) for _ in range(3))
    right = F.scaled_dot_product_attention(q, k, v, cnn.tensor(mask.tolist()))
    assert (F.scaled_dot_product_attention(q, k, v, mask) == right).all()


@pytest.mark.parametrize("n", [1, 5, 16, 40, 200, 5000])
def test_all_of_true_bytes(n):
    x = cnn.from_numpy(np.full((3, n), 2, np.uint8).view(bool))
    assert x.all() and x.all(0).all() and x.all(1).all() and x.any(0).all()
    assert x.all(1).view(cnn.uint8).tolist() == [1, 1, 1]


def test_flags_that_are_added():
    x, index = cnn.tensor([True, True, False, False]), cnn.tensor([0, 2, 0])
    added = cnn.tensor([False, True, False])
    assert x.index_add(0, index, added).tolist() == [True, True, True, False]
    assert x.index_add(0, index, ~added, alpha=0).tolist() == x.tolist()
    assert x.index_put((index,), added, accumulate=True).tolist() == [True, True, True, False]
    spread = cnn.ones(1, dtype=cnn.bool).expand(4)
    assert spread.index_add(0, index, added).tolist() == [True] * 4
    many = cnn.zeros(600, dtype=cnn.int64)
    assert cnn.zeros(2, dtype=cnn.bool).index_add(
        0, many, cnn.ones(600, dtype=cnn.bool)
    ).tolist() == [True, False]


def test_one_flag():
    x = flags()
    assert float(x[0]) == 1 and int(x[1]) == 1 and x[3].item() is True and x[2].item() is False
    assert (cnn.ones(2) * x[0]).tolist() == [1, 1]
    assert (cnn.zeros(2, dtype=cnn.int64) + x[1]).tolist() == [1, 1]
    assert (x == x[0]).tolist() == RIGHT.tolist()
