"""Products on a GPU go to cuBLASLt with the right descriptors: the emulation's is strict about them."""

import ctypes

import numpy as np
import pytest

import cnn
from emulation import plugin

pytestmark = pytest.mark.cuda


def products():
    """So far: products; those with a bias, in batches, added to what was there, of 16-bit floats."""
    if plugin() is None:
        pytest.skip("only the emulation counts")
    numbers = (ctypes.c_int64 * 5)()
    plugin().cnn_emulation_products(numbers)
    return np.array(numbers)


class Cases:
    """Random operands, as tensors on the GPU that may be views of larger ones, and as NumPy's float64."""

    def __init__(self, seed):
        self.draw = np.random.default_rng(seed)
        self.dtype = cnn.float64 if self.draw.random() < 0.3 else cnn.float32

    def chance(self, p):
        return self.draw.random() < p

    def tensor(self, *shape):
        """Dense, or a part of a larger one in any dimension, at any offset."""
        whole = [n + int(self.draw.integers(0, 4)) * self.chance(0.3) for n in shape]
        first = [int(self.draw.integers(0, w - n + 1)) for w, n in zip(whole, shape)]
        part = tuple(slice(f, f + n) for f, n in zip(first, shape))
        values = self.draw.standard_normal(whole)
        if self.dtype == cnn.float32:
            values = values.astype(np.float32).astype(np.float64)
        return cnn.tensor(values, dtype=self.dtype, device="cuda")[part], values[part]

    def matrix(self, *shape):
        """In rows or in columns."""
        if self.chance(0.5):
            return self.tensor(*shape)
        x, values = self.tensor(*shape[:-2], shape[-1], shape[-2])
        return x.transpose(-1, -2), values.swapaxes(-1, -2)

    def near(self, got, want):
        rtol = 1e-12 if self.dtype == cnn.float64 else 2e-5
        np.testing.assert_allclose(got.cpu().numpy(), want, rtol=rtol, atol=rtol * 10)


def linear(c, m, k, n):
    x, x_values = c.matrix(m, k)
    w, w_values = c.matrix(n, k)
    b, b_values = c.tensor(n)
    return cnn.nn.functional.linear(x, w, b), x_values @ w_values.T + b_values


def product(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(m, k), c.matrix(k, n)
    return x @ y, x_values @ y_values


def added(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(m, k), c.matrix(k, n)
    z, z_values = c.matrix(m, n)
    alpha, beta = float(c.draw.integers(-2, 3)), float(c.draw.integers(0, 3))
    got = cnn.addmm(z, x, y, alpha=alpha, beta=beta)
    return got, alpha * (x_values @ y_values) + beta * z_values


def added_in_place(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(m, k), c.matrix(k, n)
    z, z_values = c.matrix(m, n)
    return z.addmm_(x, y), x_values @ y_values + z_values


def batch(c, m, k, n):
    count = int(c.draw.integers(1, 4))
    (x, x_values), (y, y_values) = c.matrix(count, m, k), c.matrix(count, k, n)
    return cnn.bmm(x, y), x_values @ y_values


def batch_of_one(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(3, m, k), c.matrix(k, n)
    return x @ y, x_values @ y_values


def batch_added(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(2, m, k), c.matrix(2, k, n)
    z, z_values = c.matrix(2, m, n)
    return cnn.baddbmm(z, x, y), x_values @ y_values + z_values


def into_given(c, m, k, n):
    (x, x_values), (y, y_values) = c.matrix(m, k), c.matrix(k, n)
    out, _ = c.matrix(m, n)
    return cnn.mm(x, y, out=out), x_values @ y_values


CALLS = (linear, product, added, added_in_place, batch, batch_of_one, batch_added, into_given)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_random_products(call):
    before = products()
    for seed in range(80):
        c = Cases([seed, CALLS.index(call)])
        m, k, n = (int(s) for s in c.draw.integers(1, 12, 3))
        got, want = call(c, m, k, n)
        c.near(got, want)
    done = products() - before
    assert done[0] >= 20  # the rest has strides in both dimensions
    if call is linear:
        assert done[1] >= 10
    if call in (batch, batch_added):
        assert done[2] >= 10


def test_bias_that_is_a_view():
    weight = cnn.arange(32.0, device="cuda").view(4, 8)
    bias = cnn.arange(9.0, device="cuda")
    x = cnn.ones(2, 8, device="cuda")
    for first in range(5):
        got = cnn.nn.functional.linear(x, weight, bias[first : first + 4])
        want = cnn.nn.functional.linear(x.cpu(), weight.cpu(), bias[first : first + 4].cpu())
        assert cnn.equal(got.cpu(), want)
