"""Numbers travel in a kernel's arguments, 16-bit floats in vectors; and what both cost."""

import math

import numpy as np
import pytest

import cnn
from emulation import Counts, counted
from op_cases import to_array

pytestmark = pytest.mark.cuda
F = cnn.nn.functional
FLOATS = (cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16)

CALLS = {
    "x * 2": lambda x: x * 2,
    "2 - x": lambda x: 2 - x,
    "x / 3": lambda x: x / 3,
    "1 / x": lambda x: 1 / x,
    "x > 0": lambda x: x > 0,
    "x + 1e-5": lambda x: x + 1e-5,
    "x ** 1.5": lambda x: x.abs() ** 1.5,
    "2.0 ** x": lambda x: 2.0**x,
    "x % 0.3": lambda x: x % 0.3,
    "clamp": lambda x: x.clamp(-0.5, 0.25),
    "where": lambda x: cnn.where(x > 0, x, 0.0),
    "where both": lambda x: cnn.where(x > 0, 1.5, -1.0),
    "masked_fill": lambda x: x.masked_fill(x < 0, -math.inf),
    "maximum": lambda x: cnn.maximum(x, cnn.tensor(0.25)),
    "lerp": lambda x: x.lerp(x.flip(0), 0.3),
    "a tensor of one": lambda x: x * cnn.tensor(0.7, dtype=cnn.float64),
    "a tensor of one on the GPU": lambda x: x * x[:1].sum(),
    "heaviside": lambda x: cnn.heaviside(x, cnn.tensor(0.5, dtype=x.dtype)),
}


@pytest.mark.parametrize("n", (1, 7, 8, 1003))
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_the_cpus(call, dtype, n):
    x = (cnn.arange(n, dtype=cnn.float64) * 0.77).sin().add(0.001).to(dtype)
    got, expected = call(x.cuda()), call(x)
    assert got.dtype == expected.dtype and got.device.type == "cuda"
    rtol = 1e-6 if dtype in (cnn.float32, cnn.float64) else 1e-2
    np.testing.assert_allclose(to_array(got.cpu()), to_array(expected), rtol=rtol, atol=1e-6)


def test_integers_by_value():
    k = cnn.arange(-5, 6)
    for call in (
        lambda k: k * 3, lambda k: k // 2, lambda k: k % 4, lambda k: 2**62 + k, lambda k: k + 0.5,
        lambda k: k == 2, lambda k: k & 6, lambda k: k << 2, lambda k: k.where(k > 0, -7),
        lambda k: k.to(cnn.uint8) + 250, lambda k: (k > 0) ^ True,
        lambda k: k.masked_fill(k > 1, 9),
    ):  # fmt: skip
        got, expected = call(k.cuda()), call(k)
        assert got.dtype == expected.dtype and cnn.equal(got.cpu(), expected)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        k.cuda() // 0
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        k.to(cnn.uint8).cuda() % 256


def test_numbers_of_other_shapes_and_layouts():
    x = cnn.arange(24.0).view(4, 6)
    for call in (
        lambda x: x[:, ::2] * 2,
        lambda x: x.t() + 1,
        lambda x: cnn.where(x[:, :1] > 6, x, -1),
        lambda x: x[1:, 1] - 0.5,
        lambda x: x.view(-1)[1:] * 2,
    ):
        assert cnn.equal(call(x.cuda()).cpu(), call(x))
    y = x.cuda()
    y[1] = 5
    y[:, 2] = cnn.tensor([[7.0]])
    y[y > 20] = -1
    y.fill_(cnn.tensor(3))[0, 0] = True
    assert y.sum().item() == 3 * 23 + 1
    assert cnn.tensor(2.5).cuda().item() == 2.5
    assert cnn.tensor(300).to("cuda", cnn.uint8).item() == 44
    assert cnn.tensor(float("nan")).cuda().isnan().item()


def test_a_call_is_a_launch():
    one = Counts(launches=1, copies=0, waits=0, blocks=1)
    for dtype in FLOATS:
        x = cnn.ones(64, dtype=dtype, device="cuda")
        m = x > 0
        for call in (
            lambda: x * 2, lambda: x + 1e-5, lambda: x > 0, lambda: 2 - x, lambda: x / 3,
            lambda: cnn.where(m, x, 0.0), lambda: x.masked_fill(m, 0), lambda: x.pow(1.5),
            lambda: x.clamp(0, 1), lambda: x.lerp(x, 0.5), lambda: x * cnn.tensor(2.0),
        ):  # fmt: skip
            assert counted(call) == one
        assert counted(lambda: x.mul_(2)) == one._replace(blocks=0)
        assert counted(lambda: x.fill_(cnn.tensor(2.0))) == one._replace(blocks=0)
    k = cnn.arange(9, device="cuda")
    assert counted(lambda: k // 2) == one and counted(lambda: k % 4) == one
    assert counted(lambda: cnn.tensor(1.0).cuda()) == one
    assert counted(lambda: k.add_(1)) == one._replace(blocks=0)


# 16-bit floats in vectors of 16 bytes ----------------------------------------------------------


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16))
@pytest.mark.parametrize("n", (1, 8, 9, 1000, 1003))
def test_sixteen_bits(dtype, n):
    x = (cnn.arange(n, dtype=cnn.float64) * 0.37).sin().mul(3).to(dtype)
    y = x.flip(0)
    m = x > 0
    for call in (
        lambda x, y, m: x + y,
        lambda x, y, m: x * y - x,
        lambda x, y, m: x.exp(),
        lambda x, y, m: x.sigmoid() * y,
        lambda x, y, m: x.erf(),
        lambda x, y, m: x.gt(y),
        lambda x, y, m: cnn.where(m, x, y),
        lambda x, y, m: x.float(),
        lambda x, y, m: x.float().to(cnn.float16),
        lambda x, y, m: x.float().to(cnn.bfloat16),
        lambda x, y, m: x.to(cnn.bfloat16).to(cnn.float16),
        lambda x, y, m: x.float() * y,
        lambda x, y, m: x.float() + y.double(),
        lambda x, y, m: x.long().to(x.dtype),
        lambda x, y, m: cnn.addcmul(x, x, y, value=0.5),
        lambda x, y, m: x.clone().mul_(y.float()),
        lambda x, y, m: x[1:] + y[1:],
    ):
        got, expected = call(x.cuda(), y.cuda(), m.cuda()), call(x, y, m)
        assert got.dtype == expected.dtype
        a, b = to_array(got.cpu()), to_array(expected)
        np.testing.assert_allclose(a, b, rtol=2e-2 if dtype == cnn.bfloat16 else 2e-3, atol=1e-6)
    big = cnn.tensor([70000.0, -1e-9, math.inf, math.nan, 1.0] * 3)
    for to in (cnn.float16, cnn.bfloat16):
        np.testing.assert_array_equal(to_array(big.cuda().to(to).cpu()), to_array(big.to(to)))


def test_flags_of_any_byte():
    raw = cnn.arange(16, dtype=cnn.uint8)
    flags = raw.view(cnn.bool)
    x = cnn.arange(16.0)
    assert cnn.equal(cnn.where(flags.cuda(), x.cuda(), -1).cpu(), cnn.where(raw != 0, x, -1))
    assert cnn.equal(flags.cuda().logical_not().cpu(), raw == 0)


@pytest.mark.parametrize("dtype", (cnn.float8_e5m2, cnn.float8_e8m0fnu, cnn.uint16, cnn.uint64))
@pytest.mark.parametrize("shape", ((), (1,), (3,)))
def test_elements_that_are_only_stored_travel(dtype, shape):
    x = cnn.ones(shape).to(dtype)
    for there in (x.cuda(), cnn.ones(shape).to("cuda", dtype), cnn.ones(shape).cuda().to(dtype)):
        assert there.dtype == dtype and there.is_cuda
        assert there.cpu().double().tolist() == cnn.ones(shape).tolist()
    filled = cnn.zeros(3, dtype=dtype, device="cuda").copy_(x)
    assert filled.cpu().double().tolist() == [1.0] * 3


def test_a_number_beside_elements_that_are_only_stored():
    large = cnn.tensor([2**63 + 5, 2**64 - 1, 3], dtype=cnn.uint64)
    number = cnn.tensor(2**63 + 5, dtype=cnn.uint64)
    for call in (
        lambda x: x == number,
        lambda x: x.bitwise_and(number),
        lambda x: x ^ 3,
        lambda x: cnn.where(cnn.tensor([True, False, True], device=x.device), x, number),
        lambda x: x.masked_fill(cnn.tensor([True, False, True], device=x.device), number),
        lambda x: x.clone().copy_(number),
        lambda x: cnn.zeros(3, dtype=cnn.int64, device=x.device).copy_(number),
    ):
        assert call(large.cuda()).tolist() == call(large).tolist()
    small = cnn.tensor([1.5, 2.0, 448.0]).to(cnn.float8_e4m3fn)
    assert (small.cuda() == cnn.tensor(2.0).to(small.dtype)).tolist() == [False, True, False]
