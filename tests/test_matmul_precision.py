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
