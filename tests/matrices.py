"""Matrices, and what they are compared by, for the tests of linear algebra."""

from __future__ import annotations

import numpy as np

import cnn
from cnn.autograd import gradcheck, gradgradcheck

F64 = cnn.float64


def draw(*shape, dtype=F64, requires_grad=False, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return cnn.tensor(values, dtype=dtype).requires_grad_(requires_grad)


def near(a, b, tolerance=1e-10):
    assert a.shape == b.shape and a.dtype == b.dtype
    assert a.numel() == 0 or (a - b).abs().max().item() <= tolerance


def eye(*shape, dtype=F64):
    return cnn.eye(shape[-2], shape[-1], dtype=dtype).expand(*shape)


def positive(a):
    """A positive definite matrix for each square one."""
    return a @ a.mT + a.shape[-1] * cnn.eye(a.shape[-1], dtype=a.dtype)


def layouts(a):
    """The same values as they may lie in memory."""
    gaps = a.new_full((*a.shape[:-2], 2 * a.shape[-2], 3 * a.shape[-1]), float("nan"))
    gaps[..., ::2, ::3] = a
    return [a, a.mT.contiguous().mT, gaps[..., ::2, ::3]]


def differentiates(f, *tensors):
    assert gradcheck(f, tensors) and gradgradcheck(f, tensors)


SQUARES = [(0, 0), (1, 1), (3, 3), (32, 32), (33, 33), (100, 100), (4, 5, 5), (2, 0, 3, 3)]
TOLERANCE = {F64: 1e-9, cnn.float32: 2e-3}
