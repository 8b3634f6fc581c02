"""Pools of planes wide enough for vectors, against loops over their windows."""

import itertools
import math

import numpy
import pytest

import cnn

F = cnn.nn.functional
WIDTHS = (1, 4, 7, 16, 17, 33, 40)
GEOMETRIES = [  # kernel, stride, padding, dilation
    (1, 1, 0, 1),
    (2, 1, 1, 1),
    (2, 2, 0, 1),
    (3, 1, 1, 1),
    (3, 2, 1, 1),
    (3, 2, 0, 1),
    (3, 3, 1, 1),
    (5, 2, 2, 1),
    (3, 1, 2, 2),
    (2, 2, 1, 3),
    (3, 5, 1, 1),
]


def out_size(size, kernel, stride, padding, dilation, ceil_mode):
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    out = (math.ceil if ceil_mode else math.floor)(reach / stride) + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= size + padding else out


def window(o, size, kernel, stride, padding, dilation):
    start = o * stride - padding
    return [i for i in range(start, start + kernel * dilation, dilation) if 0 <= i < size]


def windows_of(shape, geometry, ceil_mode):
    """For each output of a plane, row by row, the indices of its elements in ascending order."""
    outs = [out_size(size, *geometry, ceil_mode) for size in shape]
    if min(outs) < 1:
        return None, None
    windows = []
    for place in itertools.product(*map(range, outs)):
        axes = [window(o, n, *geometry) for o, n in zip(place, shape, strict=True)]
        windows.append([numpy.ravel_multi_index(at, shape) for at in itertools.product(*axes)])
    return outs, windows


def best_of(plane, window):
    """The first of the greatest elements; the last NaN, where there is one."""
    best = window[0]
    for i in window:
        if plane[i] > plane[best] or math.isnan(plane[i]):
            best = i
    return best


def filled(shape, seed):
    """Numbers with many ties, some NaN and a corner of -inf."""
    random = numpy.random.default_rng(seed)
    x = random.integers(-6, 6, shape).astype(float)
    x[random.random(shape) < 0.03] = math.nan
    x[..., :5, :5] = -math.inf
    return x


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64], ids=str)
def test_max_pool2d(dtype, geometry, ceil_mode):
    for width in WIDTHS:
        shape = (11, width)
        outs, windows = windows_of(shape, geometry, ceil_mode)
        if outs is None or not all(windows):
            continue
        x = filled((2, 3, *shape), width)
        y, indices = F.max_pool2d(
            cnn.tensor(x, dtype=dtype), *geometry, ceil_mode=ceil_mode, return_indices=True
        )
        planes = x.reshape(6, -1)
        expected = [[best_of(plane, window) for window in windows] for plane in planes]
        numpy.testing.assert_array_equal(indices.numpy().reshape(6, -1), expected)
        taken = numpy.take_along_axis(planes, numpy.array(expected), 1)
        numpy.testing.assert_array_equal(y.numpy().reshape(6, -1), taken)
        only = F.max_pool2d(cnn.tensor(x, dtype=dtype), *geometry, ceil_mode=ceil_mode)
        numpy.testing.assert_array_equal(only.numpy(), y.numpy())


@pytest.mark.parametrize("geometry", GEOMETRIES[:9], ids=str)
def test_max_pool3d(geometry):
    shape = (5, 6, 35)
    outs, windows = windows_of(shape, geometry, False)
    x = filled((1, 2, *shape), 0)
    y, indices = F.max_pool3d(cnn.tensor(x), *geometry, return_indices=True)
    planes = x.reshape(2, -1)
    expected = [[best_of(plane, window) for window in windows] for plane in planes]
    assert list(y.shape[2:]) == outs
    numpy.testing.assert_array_equal(indices.numpy().reshape(2, -1), expected)


@pytest.mark.parametrize("divisor", [None, 7])
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("geometry", [g for g in GEOMETRIES if g[3] == 1], ids=str)
def test_avg_pool2d(geometry, ceil_mode, count_include_pad, divisor):
    kernel, stride, padding, _ = geometry
    for width in WIDTHS:
        shape = (11, width)
        outs, windows = windows_of(shape, geometry, ceil_mode)
        if outs is None:
            continue
        x = numpy.random.default_rng(width).standard_normal((2, 3, *shape))
        y = F.avg_pool2d(
            cnn.tensor(x), kernel, stride, padding, ceil_mode, count_include_pad, divisor
        )
        starts = [[o * stride - padding for o in range(out)] for out in outs]
        padded = [
            [min(s + kernel, size + padding) - s for s in axis]
            for axis, size in zip(starts, shape, strict=True)
        ]
        counts = [
            divisor or (rows * columns if count_include_pad else len(window))
            for (rows, columns), window in zip(itertools.product(*padded), windows, strict=True)
        ]
        sums = [[plane[window].sum() for window in windows] for plane in x.reshape(6, -1)]
        numpy.testing.assert_allclose(
            y.numpy().reshape(6, -1), numpy.array(sums) / counts, rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("out", [(1, 1), (3, 1), (1, 9), (2, 9), (6, 18), (4, 5)], ids=str)
def test_adaptive_pools_that_divide_evenly_and_not(out):
    x = numpy.random.default_rng(0).standard_normal((2, 3, 12, 36))
    edges = [
        [(o * size // n, -(-(o + 1) * size // n)) for o in range(n)]
        for size, n in zip((12, 36), out, strict=True)
    ]
    parts = [x[:, :, a:b, c:d] for (a, b), (c, d) in itertools.product(*edges)]
    for pool, reduced in (
        (F.adaptive_avg_pool2d, [p.mean((2, 3)) for p in parts]),
        (F.adaptive_max_pool2d, [p.max((2, 3)) for p in parts]),
    ):
        expected = numpy.stack(reduced, -1).reshape(2, 3, *out)
        numpy.testing.assert_allclose(pool(cnn.tensor(x), out).numpy(), expected, rtol=1e-12)


def test_the_maximum_of_a_long_window():
    x = cnn.zeros(1, 2, 10_000)
    x[0, 0, 7_777], x[0, 1, 9_999] = 3.0, math.nan
    y, indices = F.max_pool1d(x, 10_000, return_indices=True)
    assert y[0, 0, 0] == 3 and y[0, 1, 0].isnan() and indices.flatten().tolist() == [7_777, 9_999]


@pytest.mark.parametrize("dtype", [cnn.int32, cnn.float32], ids=str)
@pytest.mark.parametrize("kernel", [(15, 714156689, 1722007169), (2**22, 2**21, 2**21)], ids=str)
def test_windows_with_more_elements_than_an_integer_counts(kernel, dtype):
    padding = tuple(size // 2 for size in kernel)
    x = cnn.full((1, 1, 1, 1, 1), 3, dtype=dtype)
    assert (F.max_pool3d(x, kernel, 1, padding) == 3).all()
    with pytest.raises(RuntimeError, match="too many elements in a window"):
        F.avg_pool3d(x.to(cnn.int64 if dtype == cnn.int32 else dtype), kernel, 1, padding)


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
@pytest.mark.parametrize(
    "shape, options",
    [
        ((2, 24, 15, 18), (3, 2, 1)),
        ((1, 5, 9, 9), (2,)),
        ((3, 33, 7, 8), (3, 1, 1, 2)),
        ((0, 3, 6, 6), (2,)),
    ],
)
def test_maxima_of_bfloat16_are_those_of_float32(shape, options, last):
    values = numpy.random.default_rng(0).standard_normal(shape).round(1)
    if values.size:
        values[0, 0, 3, 3] = float("nan")
    half = cnn.from_numpy(values).bfloat16()
    if last:
        half = half.to(memory_format=cnn.channels_last)
    wide = half.float().requires_grad_()
    half.requires_grad_()
    y, at = F.max_pool2d(half, *options, return_indices=True)
    right, places = F.max_pool2d(wide, *options, return_indices=True)
    assert cnn.equal(at, places)
    numpy.testing.assert_array_equal(y.detach().float().numpy(), right.detach().numpy())
    assert y.stride() == right.stride()
    g = cnn.from_numpy(numpy.random.default_rng(1).standard_normal(y.shape)).bfloat16()
    y.backward(g)
    right.backward(g.float())
    assert cnn.equal(half.grad, wide.grad.bfloat16())
