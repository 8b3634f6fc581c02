"""Images in other sizes: every value and gradient is that of the matrix of each axis, whichever way the kernel goes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F
from op_rows.resample import cubic_matrix, linear_matrix, smooth_matrix


def nearest_matrix(n, out, shift):
    """Positions are rounded to float32, as in PyTorch."""
    step, shift = np.float32(n / out), np.float32(shift)
    return np.eye(n)[[min(int((np.float32(i) + shift) * step), n - 1) for i in range(out)]]


RULES = {
    "nearest": lambda n, out: nearest_matrix(n, out, 0),
    "nearest-exact": lambda n, out: nearest_matrix(n, out, 0.5),
    "linear": lambda n, out: linear_matrix(n, out, False),
    "corners": lambda n, out: linear_matrix(n, out, True),
    "cubic": lambda n, out: cubic_matrix(n, out, False),
    "smooth linear": lambda n, out: smooth_matrix(n, out, 2),
    "smooth cubic": lambda n, out: smooth_matrix(n, out, 4),
}
EVERY_RANK = ("nearest", "nearest-exact", "linear", "corners")
EPSILON = {cnn.float64: 1e-12, cnn.float32: 1e-5, cnn.float16: 2e-3, cnn.bfloat16: 1e-2}
FORMATS = {3: None, 4: cnn.channels_last, 5: cnn.channels_last_3d}


def resize(x, size, rule):
    if rule in ("nearest", "nearest-exact"):
        return F.interpolate(x, size, mode=rule)
    mode = {3: "linear", 4: "bilinear", 5: "trilinear"}[x.dim()]
    return F.interpolate(
        x,
        size,
        mode="bicubic" if "cubic" in rule else mode,
        align_corners=rule == "corners",
        antialias=rule.startswith("smooth"),
    )


def along_axes(x, matrices):
    for axis, matrix in zip(range(2, x.ndim), matrices):
        x = np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)
    return x


def laid_out(x, last):
    return x.contiguous(memory_format=FORMATS[x.dim()]) if last and FORMATS[x.dim()] else x


def agree(shape, size, rule, last=False, dtype=cnn.float32):
    """The result and the gradient are the products with the axes' matrices, in the input's format."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal(shape), rng.standard_normal((*shape[:2], *size))
    t = laid_out(cnn.tensor(x).to(dtype), last).requires_grad_()
    d = laid_out(cnn.tensor(g).to(dtype), last)
    y = resize(t, size, rule)
    y.backward(d)
    matrices = [RULES[rule](n, out) for n, out in zip(shape[2:], size)]
    for found, from_, by in (
        (y, t.detach(), matrices),
        (t.grad, d, [m.T for m in matrices]),
    ):
        exact = along_axes(from_.double().numpy(), by)
        scale = along_axes(np.abs(from_.double().numpy()), [np.abs(m) for m in by])
        assert found.dtype == dtype and found.shape == exact.shape
        if last and FORMATS[t.dim()] and t.shape[1] > 1 and math.prod(t.shape[2:]) > 1:
            assert found.is_contiguous(memory_format=FORMATS[t.dim()])
        error = np.abs(found.detach().double().numpy() - exact)
        assert (error <= EPSILON[dtype] * (scale + 0.1)).all(), error.max()


SHAPES = [
    ((1, 1, 1, 1), (1, 1)),
    ((2, 3, 1, 1), (3, 5)),
    ((2, 3, 5, 7), (1, 1)),
    ((1, 2, 1, 9), (4, 1)),
    ((3, 5, 7, 6), (13, 17)),
    ((2, 16, 20, 33), (7, 19)),
    ((2, 17, 9, 40), (31, 11)),
    ((1, 3, 40, 50), (80, 100)),
    ((1, 33, 6, 5), (6, 5)),
    ((1, 1, 100, 700), (3, 20)),
    ((1, 2, 300, 8), (450, 8)),
]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_images(shape, size, rule, last):
    agree(shape, size, rule, last)


@pytest.mark.parametrize("dtype", [cnn.float64, cnn.float16, cnn.bfloat16])
@pytest.mark.parametrize("rule", RULES)
def test_other_floats(rule, dtype):
    for last in (False, True):
        agree((2, 5, 19, 23), (40, 12), rule, last, dtype)


@pytest.mark.parametrize("rule", EVERY_RANK)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((2, 3, 1), (4,)),
        ((2, 3, 5), (1,)),
        ((4, 9, 30), (77,)),
        ((1, 1, 5000), (12000,)),
        ((1, 2, 12000), (17,)),
        ((1, 2, 1, 1, 1), (2, 3, 4)),
        ((2, 3, 4, 5, 6), (7, 9, 11)),
        ((2, 3, 7, 9, 11), (4, 5, 6)),
        ((1, 17, 3, 8, 20), (9, 4, 10)),
        ((1, 2, 9, 4, 5), (2, 8, 20)),
        ((1, 3, 4, 1, 1), (9, 1, 1)),
    ],
)
def test_lines_and_volumes(shape, size, rule):
    for last in (False, True):
        agree(shape, size, rule, last)


@pytest.mark.parametrize("rule", ["nearest", "linear", "cubic", "smooth linear"])
def test_images_of_many_tasks(rule):
    agree((1, 3, 200, 220), (430, 510), rule)
    agree((1, 3, 200, 220), (430, 510), rule, True)
    agree((2, 24, 120, 90), (50, 44), rule, True)
    agree((2, 4, 410, 390), (50, 144), rule)


@pytest.mark.parametrize("last", [False, True])
def test_results_past_the_cache(last):
    """Of 16 MiB and more, in rows that are aligned to vectors and in rows that are not."""
    for shape, size in (((2, 64, 96, 96), (192, 192)), ((2, 67, 90, 95), (191, 187))):
        for rule in ("nearest", "linear"):
            agree(shape, size, rule, last)
    agree((1, 70, 4, 40, 50), (9, 81, 99), "linear", last)


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 1.3, 2.5])
@pytest.mark.parametrize("last", [False, True])
def test_scales(scale, last):
    """The given factor, not the ratio of sizes, is the step."""
    x = laid_out(cnn.randn(2, 3, 11, 13), last)
    y = F.interpolate(x, scale_factor=scale, mode="bilinear")
    matrices = []
    for n in (11, 13):
        m = np.zeros((int(n * scale), n))
        for i in range(len(m)):
            at = max((i + 0.5) / scale - 0.5, 0.0)
            low = min(int(at), n - 1)
            part = min(at - low, 1.0)
            m[i, low] += 1 - part
            m[i, min(low + 1, n - 1)] += part
        matrices.append(m)
    assert np.allclose(y.numpy(), along_axes(x.double().numpy(), matrices), atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rule", ["nearest", "cubic", "smooth linear"])
def test_threads_change_nothing(rule, threads):
    images = [cnn.randn(2, 3, 150, 130), laid_out(cnn.randn(1, 20, 90, 80), True)]
    volume = cnn.randn(1, 4, 10, 40, 50)

    def run():
        results = []
        for x in images:
            for size in ((301, 270), (31, 44)):
                t = x.detach().requires_grad_()
                y = resize(t, size, rule)
                y.backward(cnn.linspace(-1, 1, y.numel()).view(y.shape))
                results += [y.detach(), t.grad]
        return [*results, F.interpolate(volume, scale_factor=1.7, mode="trilinear")]

    before = cnn.get_num_threads()
    expected = run()
    try:
        cnn.set_num_threads(threads)
        assert all(cnn.equal(a, b) for a, b in zip(run(), expected))
    finally:
        cnn.set_num_threads(before)


def test_an_image_is_the_same_alone_and_in_a_batch():
    x = cnn.randn(5, 3, 21, 18)
    for rule in RULES:
        for size in ((50, 40), (9, 7)):
            whole = resize(x, size, rule)
            assert cnn.equal(whole[3:4], resize(x[3:4], size, rule))
            assert cnn.equal(whole[:, 1:2], resize(x[:, 1:2], size, rule))


def test_the_nearest_keep_their_bits():
    """Signs of zeros, infinities and subnormal numbers; NaN stays in its place."""
    values = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -1e-310, 1.5]
    x = cnn.tensor(values, dtype=cnn.float64).view(1, 1, 2, 4)
    for last in (False, True):
        t = laid_out(x.expand(1, 3, 2, 4), last)
        for mode in ("nearest", "nearest-exact"):
            y = F.interpolate(t, (4, 12), mode=mode)
            expected = t.numpy().repeat(2, 2).repeat(3, 3)
            assert y.contiguous().numpy().tobytes() == np.ascontiguousarray(expected).tobytes()


def test_infinity_stays_where_it_has_weight():
    x = cnn.zeros(1, 1, 20, 60)
    x[0, 0, 10, 30] = math.inf
    for last in (False, True):
        y = resize(laid_out(x.expand(1, 2, 20, 60), last), (10, 20), "smooth linear")
        assert y[0, 0, 5, 10] == math.inf
        assert y[0, :, :3].abs().max() == 0 and y[0, :, :, 13:].abs().max() == 0


def test_strides_of_any_order():
    x = cnn.randn(9, 4, 2, 11).permute(2, 1, 0, 3)[:, :, ::2]
    for rule in RULES:
        assert cnn.equal(resize(x, (7, 9), rule), resize(x.contiguous(), (7, 9), rule))
    t = cnn.randn(1, 2, 3, 4, requires_grad=True)
    y = resize(t, (6, 8), "linear")
    y.backward(cnn.ones(()).expand(y.shape))
    assert np.allclose(t.grad.numpy().sum(), 96, atol=1e-4)


def test_gradients_of_gradients():
    x = cnn.randn(1, 2, 5, 4, dtype=cnn.float64, requires_grad=True)
    for rule in RULES:
        for last in (False, True):
            assert cnn.autograd.gradcheck(lambda x: resize(laid_out(x, last), (7, 3), rule), x)
            assert cnn.autograd.gradgradcheck(lambda x: resize(laid_out(x, last), (7, 3), rule), x)


def test_padding_of_every_dtype():
    """Floats go through the kernel, the rest through indices."""
    values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    pads = ((0, 0), (0, 0), (2, 1), (1, 3))
    for dtype in (cnn.float32, cnn.float64, cnn.float16, cnn.int64, cnn.uint8, cnn.bool):
        for last in (False, True):
            x = laid_out(cnn.tensor(values).to(dtype), last)
            for mode, name in (("reflect", "reflect"), ("replicate", "edge")):
                y = F.pad(x, (1, 3, 2, 1), mode=mode)
                assert y.dtype == dtype
                expected = np.pad(x.contiguous().numpy(), pads, mode=name)
                assert np.array_equal(y.contiguous().numpy(), expected)


@pytest.mark.parametrize(
    "scales", [[1e-300, 1.0], [math.inf, 1e300], [math.nan, -1.0], [1e-9, 1e9]]
)
def test_scales_that_do_not_fit_the_size(scales):
    """Taps stay inside the image whatever the factors are."""
    x = cnn.rand(1, 2, 6, 5)
    factors = cnn.tensor(scales, dtype=cnn.float64)
    for name in ("upsample_bilinear2d", "upsample_bicubic2d", "_upsample_bilinear2d_aa",
                 "_upsample_bicubic2d_aa"):  # fmt: skip
        assert getattr(cnn._C, name)(x, [4, 9], False, factors).shape == (1, 2, 4, 9)
    for name in ("upsample_nearest2d", "_upsample_nearest_exact2d"):
        y = getattr(cnn._C, name)(x, [4, 9], factors)
        assert 0 <= y.min() and y.max() < 1


def test_smoothing_needs_images():
    x = cnn.ones(1, 1, 4, 4)
    for mode, image in (("nearest", x), ("linear", x[0]), ("trilinear", x[None])):
        with pytest.raises(ValueError, match="Anti-alias option is restricted"):
            F.interpolate(image, scale_factor=2, mode=mode, antialias=True)
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        F.interpolate(x.long(), scale_factor=2, mode="bilinear", antialias=True)
    assert F.interpolate(x.to("meta"), (2, 3), mode="bicubic", antialias=True).shape == (1, 1, 2, 3)


@pytest.mark.parametrize("dtype", [cnn.float16, cnn.bfloat16, cnn.float32])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_images_of_many_elements_in_few_bits(dtype, mode):
    """33 * 33 places are counted exactly in any dtype; the points are exact in all of them."""
    x = cnn.rand(2, 3, 33, 33).to(dtype)
    line = (cnn.arange(33) / 16 - 1).to(dtype)
    grid = cnn.stack(cnn.meshgrid(line, line, indexing="xy"), -1).expand(2, 33, 33, 2)
    y = cnn.nn.functional.grid_sample(x, grid, mode, align_corners=True)
    assert cnn.equal(y, x)
