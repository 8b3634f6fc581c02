"""When attention of float32 on a GPU rounds to TF32, and what it gives then."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F
from emulation import counted
from test_cuda_attention import Exact, as_array, attend, drawn, rounded, same

pytestmark = pytest.mark.cuda

# As there, but small: without TF32 the emulation is slow. In the last, rows are too long for tiles.
SHAPES = [
    (1, 2, 1, 9, 35, 24, 32),
    (1, 1, 1, 17, 20, 96, 128),
    (1, 2, 2, 5, 12, 136, 20),
]
OPTIONS = {
    "none": {},
    "causal": {"is_causal": True},
    "scale": {"scale": 0.2},
}


@pytest.fixture(autouse=True)
def restored():
    yield
    cnn.set_float32_matmul_precision("highest")


def operands(shape, dtype=cnn.float32):
    """q, k, v and a gradient of the result, of no rounded numbers."""
    batch, heads, kv_heads, rows, keys, width, value_width = shape
    shapes = (
        (batch, heads, rows, width),
        (batch, kv_heads, keys, width),
        (batch, kv_heads, keys, value_width),
        (batch, heads, rows, value_width),
    )
    return [cnn.from_numpy(drawn(*s, seed=i)).to(dtype).cuda() for i, s in enumerate(shapes)]


def by_tf32(*given, **options):
    cnn.set_float32_matmul_precision("high")
    got = attend(*given, **options)
    cnn.set_float32_matmul_precision("highest")
    return got


def error(got, right):
    """The largest, in units of each result's largest number."""
    return {
        name: float(np.abs(as_array(got[name]) - x).max() / np.abs(x).max())
        for name, x in right.values.items()
    }


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rounds_where_it_is_allowed_and_not_elsewhere(shape, options):
    given, options = operands(shape), OPTIONS[options]
    right = Exact(*given, **options)
    full, tf32 = attend(*given, **options), by_tf32(*given, **options)
    on_cpu = attend(*(x.cpu() for x in given), **options)
    for name in full:
        np.testing.assert_allclose(as_array(full[name]), as_array(on_cpu[name]), 1e-5, 1e-5)
    halves = error(attend(*(x.bfloat16() for x in given), **options), right)
    of_full, of_tf32 = error(full, right), error(tf32, right)
    for name in full:
        assert of_full[name] < 3e-6 < 3e-5 < of_tf32[name] < 3e-3, name
        assert 4 * of_tf32[name] < halves[name], name


@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_every_factor_is_rounded(shape):
    """Halves away from zero: rounding the operands before changes no bit."""
    given = operands(shape)
    for x in given:
        x[..., 0] = 1 + 2.0**-11 * (1 - 2 * (x[..., 0] > 0))
    assert same(
        by_tf32(*given),
        by_tf32(*(cnn.from_numpy(rounded(x.cpu().numpy())).cuda() for x in given)),
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_gradient_follows_the_forward_pass(shape):
    *inputs, dy = operands(shape)
    results = []
    for forward in ("high", "highest"):
        for backward in ("high", "highest"):
            q, k, v = (x.detach().requires_grad_() for x in inputs)
            cnn.set_float32_matmul_precision(forward)
            out = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
            cnn.set_float32_matmul_precision(backward)
            results.append(dict(zip("qkv", cnn.autograd.grad(out, (q, k, v), dy))))
    assert same(results[0], results[1]) and same(results[2], results[3])
    assert not any(cnn.equal(results[0][name], results[2][name]) for name in "qkv")


def test_every_switch():
    q, k, v, _ = operands(SHAPES[0])

    def out():
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)

    full = out()
    matmul = cnn.backends.cuda.matmul
    matmul.allow_tf32 = True
    tf32 = out()
    assert not cnn.equal(tf32, full)
    matmul.allow_tf32 = False
    assert cnn.equal(out(), full)
    matmul.fp32_precision = "tf32"
    assert cnn.equal(out(), tf32)
    matmul.fp32_precision = "ieee"
    assert cnn.equal(out(), full)
    cnn.set_float32_matmul_precision("medium")
    assert cnn.equal(out(), tf32)


def test_float64_is_not_rounded():
    given = operands(SHAPES[0], cnn.float64)
    assert same(by_tf32(*given), attend(*given))


def test_wide_rows_of_16_bits_follow():
    given = operands((1, 2, 2, 5, 9, 136, 130), cnn.bfloat16)
    wide = by_tf32(*(x.float() for x in given))
    assert same(by_tf32(*given), {name: x.bfloat16() for name, x in wide.items()})


def test_launches():
    q, k, v, _ = operands((1, 1, 1, 5, 6, 8, 8))
    cnn.set_float32_matmul_precision("high")
    tiles = counted(lambda: F.scaled_dot_product_attention(q, k, v))
    cnn.set_float32_matmul_precision("highest")
    products = counted(lambda: F.scaled_dot_product_attention(q, k, v))
    assert (tiles.launches, products.launches) == (1, 3)
