"""Convolutions of bfloat16: against float64 on the same rounded operands, whatever multiplies them."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

# channels, outputs, size, kernel, stride, padding, dilation, groups
SHAPES = [
    (64, 64, (14, 14), (3, 3), 1, 1, 1, 1),
    (3, 64, (37, 41), (7, 7), 2, 3, 1, 1),
    (32, 48, (15, 9), (3, 3), 2, 1, 1, 1),
    (64, 128, (13, 13), (1, 1), 1, 0, 1, 1),
    (64, 40, (28, 28), (1, 1), 2, 0, 1, 1),
    (33, 47, (11, 7), (3, 2), 1, 1, 2, 1),
    (40, 64, (9, 9), (3, 3), (2, 3), (0, 2), (3, 1), 2),
    (96, 96, (7, 7), (5, 5), 1, 2, 1, 3),
    (128, 20, (3, 3), (3, 3), 1, 0, 1, 1),
    (16, 16, (1, 65), (1, 5), (1, 4), (0, 3), 1, 1),
    (8, 8, (6, 6), (3, 3), 1, 1, 1, 8),
    (6, 4, (5, 5), (2, 2), 1, 0, 1, 2),
    (24, 32, (20,), (3,), 1, 2, 2, 1),
    (17, 33, (5, 6, 7), (3, 2, 3), (1, 2, 1), 1, 1, 1),
    (256, 64, (4, 4), (3, 3), 5, 4, 1, 1),
    (32, 32, (1, 1), (2, 2), 2, 1, 1, 1),
    (32, 64, (1, 40), (1, 3), 3, (0, 1), 1, 1),
]
OPS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def random(*shape, seed=0):
    values = np.random.default_rng(seed + sum(shape)).standard_normal(shape)
    return cnn.from_numpy(values).to(cnn.bfloat16)


def laid(x, last):
    if not last or x.dim() < 4:
        return x
    return x.to(memory_format=cnn.channels_last if x.dim() == 4 else cnn.channels_last_3d)


def close(found, exact, size):
    """One rounding to bfloat16, and sums in float32 of products whose sizes sum up to `size`."""
    assert found.dtype == cnn.bfloat16
    y, exact, size = found.double().numpy(), exact.numpy(), size.numpy()
    assert (np.abs(y - exact) <= np.abs(exact) * 2.0**-8 + size * 2e-6 + 1e-30).all()


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("batch", (1, 3))
def test_convolution_and_its_gradients(shape, batch, last):
    channels, outputs, size, kernel, stride, padding, dilation, groups = shape
    x = laid(random(batch, channels, *size), last)
    w = laid(random(outputs, channels // groups, *kernel), last)
    bias = random(outputs)
    op, options = OPS[len(size)], (stride, padding, dilation, groups)

    operands = [t.detach().requires_grad_() for t in (x, w, bias)]
    y = op(*operands, *options)
    g = random(*y.shape, seed=1)
    y.backward(laid(g, last))

    exact = [t.double().detach().requires_grad_() for t in (x, w, bias)]
    sizes = [t.double().detach().abs().requires_grad_() for t in (x, w, bias)]
    right, size_of = op(*exact, *options), op(*sizes, *options)
    right.backward(g.double())
    size_of.backward(g.double().abs())
    close(y.detach(), right.detach(), size_of.detach())
    for found, true, bound in zip(operands[:2], exact, sizes):
        assert found.grad.shape == found.shape
        close(found.grad, true.grad, bound.grad)
    if last and len(size) == 2:
        assert y.is_contiguous(memory_format=cnn.channels_last)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_transposed_convolution(shape):
    channels, outputs, size, kernel, stride, padding, dilation, groups = shape
    ops = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
    if isinstance(padding, int) and padding > 2 or size == (1, 1):  # or nothing would be left
        padding = 0
    x, w = random(2, outputs, *size), random(outputs, channels // groups, *kernel)
    bias = random(channels)

    def op(*of):
        return ops[len(size)](*of, stride, padding, 0, groups, dilation)

    of = [t.double() for t in (x, w, bias)]
    close(op(x, w, bias), op(*of), op(*(t.abs() for t in of)))


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
def test_operands_of_any_strides(last):
    x = random(2, 30, 30, 64).permute(0, 3, 1, 2)[:, ::2, 3:21:2, 1:]
    w = random(1, 32, 3, 3).expand(48, 32, 3, 3)
    if last:
        x = laid(x, True)
    exact = F.conv2d(x.double(), w.double(), padding=1)
    close(F.conv2d(x, w, padding=1), exact, F.conv2d(x.double().abs(), w.double().abs(), padding=1))


@pytest.mark.parametrize("batch, height", [(0, 8), (2, 8)])
def test_empty(batch, height):
    x = cnn.zeros(batch, 32, height, 8, dtype=cnn.bfloat16, requires_grad=True)
    w = random(32, 32, 3, 3).requires_grad_()
    y = F.conv2d(x, w)
    assert y.shape == (batch, 32, height - 2, 6)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert (w.grad == 0).all()


def test_what_is_not_finite_stays_where_it_is_read():
    """Rows that are filled up with zeros, and zero padding, spread no NaN."""
    x, w = random(1, 40, 12, 12), random(33, 40, 5, 5)  # no taps for Winograd
    x[0, 5, 0, 0] = float("nan")
    x[0, 7, 11, 11] = float("inf")
    for last in (False, True):
        y = F.conv2d(laid(x, last), w, padding=2).float().numpy()
        exact = F.conv2d(x.double(), w.double(), padding=2).numpy()
        np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
        np.testing.assert_array_equal(np.isinf(y), np.isinf(exact))


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
@pytest.mark.parametrize("batch, size", [(1, 7), (2, 30)])
def test_same_bits_for_any_number_of_threads(batch, size, last):
    x, w = laid(random(batch, 64, size, size), last), random(96, 64, 3, 3)
    before, found = cnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        cnn.set_num_threads(threads)
        a, b = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = F.conv2d(a, b, padding=1)
        y.backward(y.detach())
        found.append([t.detach().float().numpy() for t in (y, a.grad, b.grad)])
    cnn.set_num_threads(before)
    for these in found[1:]:
        for one, other in zip(these, found[0]):
            np.testing.assert_array_equal(one, other)


def in_autocast(conv, x):
    with cnn.no_grad(), cnn.autocast("cpu", dtype=cnn.bfloat16):
        return conv(x)


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
@pytest.mark.parametrize("groups, size", [(1, 9), (4, 9), (64, 9), (1, 3)])
def test_autocast_without_gradients_rounds_the_weights(groups, size, last):
    """The kernels do, and keep what they made of them; the numbers are those of rounded weights."""
    conv = cnn.nn.Conv2d(64, 64, 3, padding=1, groups=groups)
    if last:
        conv = conv.to(memory_format=cnn.channels_last)
    x = laid(cnn.randn(2, 64, size, size), last)

    def right():
        half = (t.detach().bfloat16() for t in (x, conv.weight, conv.bias))
        return F.conv2d(*half, 1, 1, 1, groups)

    for _ in range(3):
        y = in_autocast(conv, x)
        assert y.dtype == cnn.bfloat16
        assert cnn.equal(y, right())
    with cnn.no_grad():
        conv.weight.mul_(-3)
    assert cnn.equal(in_autocast(conv, x), right())
    assert cnn.equal(in_autocast(conv, x), right())
    conv.weight.data = cnn.randn(64, 64 // groups, 3, 3)
    assert cnn.equal(in_autocast(conv, x), right())


def test_autocast_checks_operands_as_it_does_with_gradients():
    x, w = cnn.randn(1, 3, 8, 8), cnn.randn(4, 5, 3, 3)
    with cnn.autocast("cpu", dtype=cnn.bfloat16):
        for mode in (cnn.no_grad, cnn.enable_grad):
            with (
                mode(),
                pytest.raises(RuntimeError, match="to have 5 channels, but got 3 channels"),
            ):
                F.conv2d(x, w)
            with mode(), pytest.raises(RuntimeError, match="4-dimensional weight"):
                F.conv2d(x, w[0])
            with mode(), pytest.raises(RuntimeError, match="should be the same"):
                F.conv2d(x, cnn.randn(4, 3, 3, 3).double())
            with mode(), pytest.raises(RuntimeError, match="should be the same"):
                F.conv2d(x, cnn.randn(4, 3, 3, 3), cnn.randn(4).double())


NORM_SHAPES = [(4, 40, 9, 9), (1, 64, 30, 31), (2, 7, 5, 5), (3, 16, 4, 4, 5)]


@pytest.mark.parametrize("last", (False, True), ids=("planes", "pixels"))
@pytest.mark.parametrize("shape", NORM_SHAPES, ids=str)
@pytest.mark.parametrize("training", (False, True))
@pytest.mark.parametrize("parameters", (cnn.float32, cnn.bfloat16), ids=str)
def test_batch_norm(shape, last, training, parameters):
    channels = shape[1]
    weight, bias, mean = (random(channels, seed=i).to(parameters) for i in range(3))
    var = random(channels, seed=4).abs().to(parameters) + 1
    x, g = (laid(random(*shape, seed=i), last) for i in (5, 6))

    def run(t):
        a, w, b = (v.detach().to(t(v)).requires_grad_() for v in (x, weight, bias))
        y = F.batch_norm(a, mean.to(t(mean), copy=True), var.to(t(var), copy=True), w, b, training)
        y.backward(g.to(t(x)))
        return y.detach(), a.grad, w.grad, b.grad

    found, exact = run(lambda v: v.dtype), run(lambda v: cnn.float64)
    for one, right in zip(found, exact):
        bound = np.abs(right.numpy()) * 2.0**-7 + 2e-5 * np.abs(right.numpy()).max() + 1e-6
        assert (np.abs(one.double().numpy() - right.numpy()) <= bound).all()


@pytest.mark.parametrize("capability", ("avx2", "avx512", "avx512_bf16"))
def test_with_less_of_the_processor(capability):
    env = dict(os.environ, CNN_CPU_CAPABILITY=capability, OPENBLAS_NUM_THREADS="1")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not less_of"]
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
