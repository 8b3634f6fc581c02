"""Depthwise convolutions whose channels lie side by side, against sums over taps in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F


def taps(x, w, stride, padding, dilation, size):
    """Of each tap: its index, the outputs of an image that it reaches, and what they read."""
    for tap in itertools.product(*map(range, w.shape[2:])):
        outs, reads = [], []
        for i, t in enumerate(tap):
            at = np.arange(size[i]) * stride[i] + t * dilation[i] - padding[i]
            inside = np.flatnonzero((at >= 0) & (at < x.shape[2 + i]))
            outs.append(inside), reads.append(at[inside])
        yield tap, (..., *np.ix_(*outs)), (..., *np.ix_(*reads))


def convolve(x, w, stride, padding, dilation):
    size = [
        (x.shape[2 + i] + 2 * padding[i] - dilation[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1
        for i in range(len(stride))
    ]
    y = np.zeros((*x.shape[:2], *size))
    for tap, outs, reads in taps(x, w, stride, padding, dilation, size):
        y[outs] += x[reads] * w[(slice(None), 0, *tap)].reshape(-1, *[1] * len(size))
    return y


def gradients(x, w, dy, stride, padding, dilation):
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for tap, outs, reads in taps(x, w, stride, padding, dilation, dy.shape[2:]):
        dx[reads] += dy[outs] * w[(slice(None), 0, *tap)].reshape(-1, *[1] * (dy.ndim - 2))
        dw[(slice(None), 0, *tap)] = (dy[outs] * x[reads]).sum((0, *range(2, dy.ndim)))
    return dx, dw


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check(x_shape, kernel, stride, padding, dilation, bias=True):
    n, channels = len(kernel), x_shape[1]
    conv, back = (F.conv2d, F.conv_transpose2d) if n == 2 else (F.conv3d, F.conv_transpose3d)
    memory_format = cnn.channels_last if n == 2 else cnn.channels_last_3d
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": channels}
    x, w, b = numbers(0, *x_shape), numbers(1, channels, 1, *kernel), numbers(2, channels)
    wide = x.astype(np.float64), w.astype(np.float64)
    y = convolve(*wide, stride, padding, dilation)
    dy = numbers(3, *y.shape)
    dx, dw = gradients(*wide, dy.astype(np.float64), stride, padding, dilation)
    if bias:
        y += b.astype(np.float64).reshape(-1, *[1] * n)

    leaves = [
        cnn.tensor(x).to(memory_format=memory_format).requires_grad_(),
        cnn.tensor(w).requires_grad_(),
    ]
    out = conv(*leaves, cnn.tensor(b) if bias else None, **options)
    g = cnn.tensor(dy).to(memory_format=memory_format)
    results = [out.detach(), *cnn.autograd.grad(out, leaves, g)]
    for result, right in zip(results, (y, dx, dw)):
        error = np.abs(result.numpy() - right).max(initial=0)
        assert result.shape == right.shape and error <= 2e-6 * np.abs(right).max(initial=1e-30)

    # A transposed convolution is the gradient; its result is smaller where a stride leaves a rest.
    small = back(g, leaves[1].detach(), cnn.tensor(b), **options).numpy()
    right = dx[(..., *map(slice, small.shape[2:]))] + b.reshape(-1, *[1] * n)
    assert small.size and np.abs(small - right).max() <= 2e-6 * np.abs(right).max()


@pytest.mark.parametrize(
    "channels", [2, 4, 7, 8, 9, 15, 16, 17, 23, 24, 31, 32, 33, 40, 96, 128, 129, 136, 150, 272]
)
def test_channels(channels):
    check((2, channels, 6, 7), (3, 3), (1, 1), (1, 1), (1, 1))
    check((2, channels, 7, 6), (3, 3), (2, 2), (1, 1), (1, 1), bias=False)
    check((2, channels, 3, 70), (3, 3), (1, 1), (1, 1), (1, 1))
    check((1, channels, 5, 70), (3, 5), (2, 2), (1, 2), (1, 1))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6, 7, 11])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_taps_and_strides(kernel, stride):
    for dilation in (1, 2, 3):
        for padding in {0, kernel // 2, dilation * (kernel // 2)}:
            if 9 + 2 * padding > dilation * (kernel - 1):
                check(
                    (2, 201, 9, 11), (kernel,) * 2, (stride,) * 2, (padding,) * 2, (dilation,) * 2
                )


@pytest.mark.parametrize(
    "shape, kernel, stride, padding, dilation",
    [
        ((1, 204, 1, 1), (3, 3), (1, 1), (1, 1), (1, 1)),  # one pixel
        ((1, 204, 1, 9), (1, 3), (1, 1), (0, 1), (1, 1)),  # one row
        ((2, 204, 9, 1), (3, 1), (1, 1), (1, 0), (1, 1)),
        ((2, 200, 4, 2), (5, 5), (1, 1), (2, 2), (1, 1)),  # images narrower than the taps
        ((2, 200, 3, 3), (3, 3), (1, 1), (5, 6), (1, 1)),  # outputs that read the padding alone
        ((2, 200, 3, 3), (3, 3), (2, 1), (4, 7), (1, 1)),
        ((2, 200, 3, 3), (3, 3), (2, 3), (4, 7), (3, 2)),
        (
            (2, 20, 3, 2),
            (3, 4),
            (1, 1),
            (7, 9),
            (5, 6),
        ),  # taps further apart than the image is wide
        ((2, 200, 9, 8), (2, 2), (4, 4), (0, 0), (1, 1)),  # elements that no output reads
        ((2, 200, 9, 8), (1, 1), (3, 2), (2, 2), (1, 1)),
        ((1, 200, 30, 5), (16, 2), (1, 2), (8, 1), (1, 1)),
        ((1, 200, 8, 40), (2, 21), (2, 1), (1, 10), (1, 1)),
        ((2, 198, 4, 5, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        ((1, 220, 5, 4, 7), (2, 3, 5), (2, 1, 2), (1, 3, 2), (1, 2, 1)),
    ],
    ids=str,
)
def test_edges(shape, kernel, stride, padding, dilation):
    check(shape, kernel, stride, padding, dilation)
    check(shape, kernel, stride, padding, dilation, bias=False)


def test_what_is_not_finite_stays_where_it_is_read():
    x, w = cnn.ones(1, 17, 5, 8), cnn.ones(17, 1, 3, 3)
    x[0, 3, 2, 0], x[0, 16, 4, 7] = float("nan"), float("inf")
    y = F.conv2d(x.to(memory_format=cnn.channels_last), w, padding=1, groups=17)
    right = cnn.zeros(17, 5, 8, dtype=cnn.bool)
    right[3, 1:4, :2] = right[16, 3:, 6:] = True
    assert cnn.equal(~cnn.isfinite(y[0]), right)


@pytest.mark.parametrize("shape", [(1, 40, 5, 6), (3, 300, 9, 9), (8, 96, 30, 28)], ids=str)
def test_threads_change_nothing(shape):
    x = cnn.tensor(numbers(0, *shape)).to(memory_format=cnn.channels_last).requires_grad_()
    w = cnn.tensor(numbers(1, shape[1], 1, 3, 3)).requires_grad_()
    before, results = cnn.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            cnn.set_num_threads(threads)
            y = F.conv2d(x, w, padding=1, groups=shape[1])
            results.append([y.detach(), *cnn.autograd.grad(y, (x, w), y.detach())])
    finally:
        cnn.set_num_threads(before)
    for other in results[1:]:
        assert all(cnn.equal(a, b) for a, b in zip(results[0], other))
