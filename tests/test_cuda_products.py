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


# TF32 ---------------------------------------------------------------------------------------------


def rounded(x):
    """float32 with 10 bits of fraction, halves away from zero."""
    bits = x.numpy().view(np.uint32).astype(np.uint64) + 0x1000
    return cnn.from_numpy((bits & 0xFFFFE000).astype(np.uint32).view(np.float32))


@pytest.fixture
def restored():
    backends = cnn.backends
    yield backends
    cnn.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = False


def test_matrix_products_round_where_it_is_allowed(restored):
    cnn.manual_seed(0)
    a, b, bias = cnn.randn(7, 20), cnn.randn(20, 9), cnn.randn(9)
    wide, narrow = a @ b, rounded(a) @ rounded(b)
    assert (wide - narrow).abs().max() > 1e-4

    def near(got, want):
        np.testing.assert_allclose(got.cpu().numpy(), want.numpy(), 1e-5, 1e-5)

    a, b, bias = a.cuda(), b.cuda(), bias.cuda()
    near(a @ b, wide)
    matmul = restored.cuda.matmul
    for allow, forbid in (
        (lambda: setattr(matmul, "allow_tf32", True), lambda: setattr(matmul, "allow_tf32", False)),
        (
            lambda: setattr(matmul, "fp32_precision", "tf32"),
            lambda: setattr(matmul, "fp32_precision", "ieee"),
        ),
        (
            lambda: cnn.set_float32_matmul_precision("high"),
            lambda: cnn.set_float32_matmul_precision("highest"),
        ),
    ):
        allow()
        assert matmul.allow_tf32 and matmul.fp32_precision == "tf32"
        assert cnn.get_float32_matmul_precision() == "high"
        near(a @ b, narrow)
        near(cnn.addmm(bias, a, b), narrow + bias.cpu())
        near(a.double() @ b.double(), wide)
        forbid()
        near(a @ b, wide)


def test_convolutions_and_recurrence_round_where_it_is_allowed(restored):
    cnn.manual_seed(0)
    x, w = cnn.randn(2, 3, 6, 6), cnn.randn(4, 3, 3, 3)
    wide, narrow = (cnn.nn.functional.conv2d(f(x), f(w)) for f in (cnn.clone, rounded))
    lstm = cnn.nn.LSTM(5, 6)
    states = lstm(x.view(-1, 2, 6)[..., :5])[0].detach()
    lstm.cuda()
    xs = x.cuda()

    def outputs():
        recurrent = lstm(xs.view(-1, 2, 6)[..., :5])[0].detach().cpu()
        return cnn.nn.functional.conv2d(xs, w.cuda()).cpu(), recurrent

    conv, recurrent = outputs()
    assert (conv - wide).abs().max() < 1e-5 and (recurrent - states).abs().max() < 1e-5
    restored.cudnn.conv.fp32_precision = "tf32"
    conv, recurrent = outputs()
    assert (conv - narrow).abs().max() < 1e-5 < 1e-4 < (conv - wide).abs().max()
    assert (recurrent - states).abs().max() < 1e-5
    restored.cudnn.allow_tf32 = True
    assert restored.cudnn.rnn.fp32_precision == "tf32"
    _, recurrent = outputs()
    assert 1e-6 < (recurrent - states).abs().max() < 1e-2
    with restored.cudnn.flags(enabled=True, allow_tf32=False):
        assert restored.cudnn.conv.fp32_precision == "none"
    assert restored.cudnn.allow_tf32 is True


@pytest.mark.parametrize("layer", (cnn.nn.RNN, cnn.nn.GRU, cnn.nn.LSTM))
def test_all_products_of_recurrence_follow_its_switch(restored, layer):
    cnn.manual_seed(0)
    net, x = layer(5, 6).cuda(), cnn.randn(4, 3, 5, device="cuda", requires_grad=True)

    def results():
        y = net(x)[0]
        return y, *cnn.autograd.grad(y.square().sum(), (x, *net.parameters()))

    full = results()
    cnn.set_float32_matmul_precision("high")
    assert all(map(cnn.equal, results(), full))
    restored.cudnn.rnn.fp32_precision = "tf32"
    narrow = results()
    cnn.set_float32_matmul_precision("highest")
    assert all(map(cnn.equal, results(), narrow))
    for a, b in zip(narrow, full):
        assert 1e-6 < (a - b).abs().max() / b.abs().max() < 1e-2
