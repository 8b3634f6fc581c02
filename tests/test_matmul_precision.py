"""Products of bfloat16, and float32 products by set_float32_matmul_precision."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cnn
from cnn import _C


@pytest.fixture
def precision():
    """Restores the setting."""
    before = cnn.get_float32_matmul_precision()
    yield cnn.set_float32_matmul_precision
    cnn.set_float32_matmul_precision(before)


def operands(m=70, k=130, n=50):
    cnn.manual_seed(0)
    return cnn.randn(m, k), cnn.randn(k, n)


def test_names(precision):
    assert cnn.get_float32_matmul_precision() == "highest"
    for name in ("high", "medium", "highest"):
        precision(name)
        assert cnn.get_float32_matmul_precision() == name
    with pytest.warns(UserWarning, match="low is not one of 'highest', 'high', or 'medium'"):
        precision("low")
    assert cnn.get_float32_matmul_precision() == "highest"
    with pytest.raises(RuntimeError, match="expects a str, but got int"):
        precision(3)


def test_medium_rounds_the_operands(precision):
    a, b = operands()
    full = (a @ b).numpy()
    precision("high")
    np.testing.assert_array_equal((a @ b).numpy(), full)
    precision("medium")
    y = (a @ b).numpy()
    if not _C._cpu_has_tiles():
        np.testing.assert_array_equal(y, full)
        return
    rounded = (a.bfloat16().double() @ b.bfloat16().double()).numpy()
    np.testing.assert_allclose(y, rounded, rtol=1e-5, atol=1e-4)
    assert np.abs(y - full).max() > 1e-3


def test_medium_reaches_linear_and_gradients(precision):
    a, b = operands()
    weight, bias = b.t().contiguous().requires_grad_(), cnn.randn(50, requires_grad=True)
    x = a.clone().requires_grad_()
    precision("medium")
    cnn.nn.functional.linear(x, weight, bias).sum().backward()
    ones = np.ones((70, 50))
    np.testing.assert_allclose(x.grad.numpy(), ones @ weight.detach().numpy(), atol=0.2)
    np.testing.assert_allclose(weight.grad.numpy(), ones.T @ a.numpy(), atol=0.4)
    np.testing.assert_allclose(bias.grad.numpy(), np.full(50, 70.0))


def test_bfloat16_sums_in_float():
    ones = cnn.ones(3, 1000, dtype=cnn.bfloat16)  # in bfloat16 the sum would stop at 256
    assert (ones @ ones.t()).float().tolist() == [[1000.0] * 3] * 3
    a, b = (x.bfloat16() for x in operands())
    exact = (a.double() @ b.double()).numpy()
    np.testing.assert_allclose((a @ b).double().numpy(), exact, rtol=2**-8, atol=1e-3)
    assert (a @ b).dtype == cnn.bfloat16


def test_capability_switches_tiles_off():
    code = "from cnn import _C; print(_C._cpu_has_tiles())"
    env = dict(os.environ, CNN_CPU_CAPABILITY="avx512")
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert out.stdout.strip() == "False", out.stderr


@pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float16))
@pytest.mark.parametrize("beta, alpha", ((0.5, 3.0), (1, 1), (0, 3.0)))
def test_sums_with_products_are_rounded_once(dtype, beta, alpha):
    cnn.manual_seed(0)
    c, a, b = (cnn.randn(*shape).to(dtype) for shape in ((47, 96), (47, 64), (64, 96)))
    want = beta * c.double() + alpha * (a.double() @ b.double())
    for y in (
        cnn.addmm(c, a, b, beta=beta, alpha=alpha),
        cnn.baddbmm(c[None], a[None], b[None], beta=beta, alpha=alpha)[0],
    ):
        assert y.dtype == dtype
        assert (y != want.to(dtype)).sum() <= 3  # where the sum in float32 lies beside a tie


@pytest.mark.parametrize("n", [1, 15, 4096, 4097, 100_003, 3_000_001])
def test_a_long_sum_of_products_keeps_what_is_small(n):
    """Each of these loses what the sum of all is too large for, if it is added up in float32."""
    rng = np.random.default_rng(n)
    a, b = (rng.random(n).astype(np.float32) for _ in range(2))
    right = a.astype(np.float64) @ b.astype(np.float64)
    x, y = cnn.from_numpy(a), cnn.from_numpy(b)
    two = cnn.stack([y, 2 * y])
    found = [
        x.dot(y),
        x.vdot(y),
        x.inner(y),
        x @ y,
        (two @ x)[0],
        (x @ two.T)[0],
        (two @ two.T)[0, 0],
    ]
    expected = [right] * 6 + [b.astype(np.float64) @ b.astype(np.float64)]
    for value, exact in zip(found, expected):
        assert value.item() == pytest.approx(exact, rel=3e-7)


def test_a_long_sum_of_products_does_not_depend_on_threads():
    cnn.manual_seed(0)
    x, y = cnn.rand(1_000_003), cnn.rand(1_000_003)
    before, found = cnn.get_num_threads(), []
    for threads in (1, 2, 3):
        cnn.set_num_threads(threads)
        found.append(x.dot(y).item())
    cnn.set_num_threads(before)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "m, k, n", [(1, 50_000, 300), (3, 50_000, 300), (2, 100_000, 30), (10, 50_000, 7)]
)
def test_a_product_over_a_long_side_keeps_what_is_small(m, k, n):
    rng = np.random.default_rng(k)
    a, b = (rng.random(shape).astype(np.float32) for shape in ((m, k), (k, n)))
    right = a.astype(np.float64) @ b.astype(np.float64)
    x, y = cnn.from_numpy(a), cnn.from_numpy(b)
    for left, other in ((x, y), (x, y.t().contiguous().t()), (x.t().contiguous().t(), y)):
        np.testing.assert_allclose((left @ other).numpy(), right, rtol=3e-6)
        np.testing.assert_allclose((other.t() @ left.t()).numpy(), right.T, rtol=3e-6)
