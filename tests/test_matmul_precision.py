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
    if _C._cpu_bf16() == "floats":
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


def test_16_bits_are_summed_in_float():
    ones = cnn.ones(3, 1000, dtype=cnn.bfloat16)  # in bfloat16 the sum would stop at 256
    assert (ones @ ones.t()).float().tolist() == [[1000.0] * 3] * 3
    large = cnn.full((2, 100), 60.0, dtype=cnn.float16)
    assert (large @ large.t()).float().tolist() == [[float("inf")] * 2] * 2
    a, b = (x.bfloat16() for x in operands())
    exact = (a.double() @ b.double()).numpy()
    np.testing.assert_allclose((a @ b).double().numpy(), exact, rtol=2**-8, atol=1e-3)
    assert (a @ b).dtype == cnn.bfloat16


def laid(x, layout):
    """The same matrix, dense along its rows, along its columns, or along neither."""
    if layout == "columns":
        return x.t().contiguous().t()
    if layout == "gaps":
        wide = cnn.zeros(x.shape[0] + 1, 2 * x.shape[1] + 3, dtype=x.dtype)
        wide[: x.shape[0], : 2 * x.shape[1] : 2] = x
        return wide[: x.shape[0], : 2 * x.shape[1] : 2]
    return x


def assert_is_product(y, a, b, extra=0.0):
    """y of 16 bits is a @ b + extra, summed in float32 and rounded once."""
    digits = {cnn.bfloat16: 8, cnn.float16: 11}[y.dtype]
    a, b, y = (x.double().numpy() for x in (a, b, y))
    exact = a @ b + extra
    limit = 2.0**-digits * np.abs(exact) + 1e-6 * (np.abs(a) @ np.abs(b)) + 1e-7
    assert y.shape == exact.shape
    assert (np.abs(y - exact) <= limit).all()


SHAPES = [
    (1, 1, 1),
    (1, 40, 64),
    (1, 1000, 77),
    (2, 2100, 33),
    (3, 7, 300),
    (4, 65, 31),
    (5, 130, 784),
    (8, 33, 96),
    (9, 96, 256),
    (16, 50, 160),
    (17, 64, 129),
    (33, 31, 65),
    (64, 10, 256),
    (70, 96, 640),
    (130, 131, 129),
    (40, 3, 2048),
    (2, 40, 9000),
]


HALVES = pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float16))


@HALVES
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_16_bits_of_any_shape_and_layout(m, n, k, dtype):
    cnn.manual_seed(m + n + k)
    a, b, bias = (cnn.randn(*shape).to(dtype) for shape in ((m, k), (k, n), (n,)))
    for left in ("rows", "columns", "gaps"):
        for right in ("rows", "columns", "gaps"):
            x, w = laid(a, left), laid(b, right)
            assert_is_product(x @ w, a, b)
            y = cnn.nn.functional.linear(x, w.t(), bias)
            assert_is_product(y, a, b, bias.double().numpy())
    three = cnn.stack([a, -a, a]) @ b
    assert_is_product(three[1], -a, b)
    assert_is_product(cnn.bmm(cnn.stack([a, -a]), cnn.stack([b, -b]))[1], a, b)


@HALVES
@pytest.mark.parametrize("m, n", [(1, 5), (5, 3), (5, 70), (40, 3), (40, 70)])
def test_16_bits_without_depth(m, n, dtype):
    y = cnn.zeros(m, 0, dtype=dtype) @ cnn.zeros(0, n, dtype=dtype)
    assert y.shape == (m, n) and not y.float().numpy().any()


@HALVES
@pytest.mark.parametrize(
    "m, n, k", [(1, 40, 96), (3, 70, 45), (12, 40, 96), (40, 2, 96), (65, 66, 70)]
)
@pytest.mark.parametrize("layout", ("rows", "columns"))
def test_16_bits_keep_infinities_and_nan(m, n, k, layout, dtype):
    cnn.manual_seed(0)
    a, b = cnn.randn(m, k).to(dtype), cnn.randn(k, n).to(dtype)
    a[0, 1] = float("inf")
    a[m - 1, k - 1] = float("nan")
    b[1, n - 1] = 0.0  # times infinity
    b[0, 0] = float("-inf")
    with np.errstate(invalid="ignore"):
        exact = a.double().numpy() @ b.double().numpy()
    y = (a @ laid(b, layout)).double().numpy()
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(y), kind(exact))


@HALVES
@pytest.mark.parametrize(
    "m, n, k", [(1, 3000, 800), (6, 3000, 800), (200, 2, 900), (300, 500, 200)]
)
@pytest.mark.parametrize("layout", ("rows", "columns"))
def test_16_bits_do_not_depend_on_threads(m, n, k, layout, dtype):
    cnn.manual_seed(0)
    a, b = cnn.randn(m, k).to(dtype), laid(cnn.randn(k, n).to(dtype), layout)
    before, found = cnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        cnn.set_num_threads(threads)
        found.append((a @ b).float().numpy())
    cnn.set_num_threads(before)
    for y in found[1:]:
        np.testing.assert_array_equal(y, found[0])


def run_with(capability, *command):
    env = dict(os.environ, CNN_CPU_CAPABILITY=capability, OPENBLAS_NUM_THREADS="1")
    return subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True)


def test_capability_chooses_what_multiplies_bfloat16():
    code = "from cnn import _C; print(_C._cpu_bf16())"
    for capability in ("baseline", "avx2", "avx512"):
        assert run_with(capability, "-c", code).stdout == "floats\n"
    assert run_with("avx512_bf16", "-c", code).stdout in ("floats\n", "pairs\n")
    ignored = run_with("avx9", "-c", code)
    assert ignored.stdout == run_with("", "-c", code).stdout
    assert "CNN_CPU_CAPABILITY=avx9 is ignored" in ignored.stderr


@pytest.mark.parametrize("capability", ("baseline", "avx2", "avx512", "avx512_bf16"))
def test_with_less_of_the_processor(capability):
    chosen = "(bfloat16 or 16_bits or medium or rounded_once) and not capability"
    done = run_with(
        capability, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", chosen
    )
    assert done.returncode == 0, done.stdout


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
