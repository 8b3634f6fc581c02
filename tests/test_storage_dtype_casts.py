"""Conversions of the dtypes that are only stored: floats of 8 bits, and unsigned integers of 16, 32
and 64 bits. The right values are formulas in float64 NumPy.
"""

from __future__ import annotations

import numpy as np
import pytest

import cnn

# Bits of the fraction, bias of the exponent, code of the largest number, what lies beyond it.
FORMATS = {
    "float8_e4m3fn": (3, 7, 0x7E, "largest"),
    "float8_e5m2": (2, 15, 0x7B, "infinity"),
    "float8_e4m3fnuz": (3, 8, 0x7F, "nan"),
    "float8_e5m2fnuz": (2, 16, 0x7F, "nan"),
}
FLOATS = (*FORMATS, "float8_e8m0fnu")
INTS = ("uint16", "uint32", "uint64")
STORED = (*FLOATS, *INTS)
CODES = np.arange(256, dtype=np.uint8)


def dtype_of(name):
    return getattr(cnn, name)


def decoded(name):
    """The numbers of all 256 codes."""
    if name == "float8_e8m0fnu":
        return np.where(CODES == 255, np.nan, 2.0 ** (CODES.astype(int) - 127))
    fraction, bias, largest, _ = FORMATS[name]
    code = CODES.astype(int) & 0x7F
    exponent, part = code >> fraction, (code & ((1 << fraction) - 1)) / (1 << fraction)
    value = np.where(exponent == 0, part * 2.0 ** (1 - bias), (1 + part) * 2.0 ** (exponent - bias))
    if name == "float8_e5m2":
        value = np.where(code == 0x7C, np.inf, np.where(code > 0x7C, np.nan, value))
    elif name == "float8_e4m3fn":
        value = np.where(code == 0x7F, np.nan, value)
    value = np.where(CODES >= 128, -value, value)
    return np.where(CODES == 0x80, np.nan, value) if name.endswith("fnuz") else value


def encoded(name, x):
    """The codes of floats: the nearest number, of two the even code."""
    x = x.astype(np.float64)
    if name == "float8_e8m0fnu":
        size = np.abs(x)
        with np.errstate(all="ignore"):
            fraction, exponent = np.frexp(size)  # size = fraction 2^exponent, 0.5 <= fraction < 1
        code = np.where(fraction >= 0.75, exponent + 127, exponent + 126)
        code = np.where(size < 2.0**-126, np.where(size > 2.0**-127, 1, 0), code)
        return np.where(np.isfinite(x), code, 255).astype(np.uint8)
    _, _, largest, beyond = FORMATS[name]
    steps = np.append(decoded(name)[: largest + 1], 0)  # and the number that would come next
    steps[-1] = 2 * steps[-2] - steps[-3]
    size = np.where(np.isnan(x), 0, np.abs(x))
    high = np.clip(np.searchsorted(steps, size), 1, largest + 1)
    low = high - 1
    up = size - steps[low] > steps[high] - size
    tie = size - steps[low] == steps[high] - size
    code = np.where(up | (tie & (high % 2 == 0)), high, low)
    sign = np.where(np.signbit(x), 0x80, 0)
    if beyond == "largest":
        return np.where(np.isnan(x), 0x7F | sign, np.minimum(code, largest) | sign).astype(np.uint8)
    if beyond == "infinity":
        return np.where(np.isnan(x), 0x7F | sign, code | sign).astype(np.uint8)
    code = np.where(np.isnan(x) | (code > largest), 0x80, np.where(code == 0, 0, code | sign))
    return code.astype(np.uint8)


def floats_to_round(name):
    """Floats of every kind: of all bits, each number, the middles of two and their neighbours."""
    known = decoded(name)
    known = np.unique(known[np.isfinite(known)])
    middles = ((known[1:] + known[:-1]) / 2).astype(np.float32)
    near = [np.nextafter(middles, np.float32(side)) for side in (-np.inf, np.inf)]
    some = np.arange(0, 2**32, 65521, dtype=np.uint64).astype(np.uint32).view(np.float32)
    ends = np.float32([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38])
    return np.concatenate([some, middles, *near, known.astype(np.float32), ends])


def code_of(t):
    return t.view(cnn.uint8).numpy()


@pytest.mark.parametrize("name", FLOATS)
def test_every_code_is_its_number(name):
    t = cnn.from_numpy(CODES).view(dtype_of(name))
    want = decoded(name)
    for wide in (cnn.float32, cnn.float64, cnn.bfloat16):
        np.testing.assert_array_equal(t.to(wide).double().numpy(), want)
    signs = np.signbit(t.float().numpy())
    np.testing.assert_array_equal(signs[~np.isnan(want)], np.signbit(want)[~np.isnan(want)])
    np.testing.assert_array_equal(np.array(t.tolist()), want)
    assert [t[i].item() for i in (1, 77)] == [want[1], want[77]]
    strided = cnn.from_numpy(np.repeat(CODES, 2)).view(dtype_of(name))[::2]
    np.testing.assert_array_equal(strided.float().numpy(), want)
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_array_equal(t.half().numpy(), want.astype(np.float16))


@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_rounded_to_the_nearest(name):
    x = floats_to_round(name)
    want = encoded(name, x)
    assert len(np.unique(want)) >= 250
    t = cnn.from_numpy(x)
    np.testing.assert_array_equal(code_of(t.to(dtype_of(name))), want)
    np.testing.assert_array_equal(code_of(t.double().to(dtype_of(name))), want)
    pairs = cnn.stack([t, t], 1)[:, 0]
    np.testing.assert_array_equal(code_of(pairs.to(dtype_of(name)).contiguous()), want)
    back = cnn.from_numpy(CODES).view(dtype_of(name))
    known = ~np.isnan(decoded(name))
    np.testing.assert_array_equal(code_of(back.float().to(dtype_of(name)))[known], CODES[known])


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("wide", ["float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"])
def test_other_dtypes_become_floats_first(name, wide):
    every = cnn.arange(65536).to(cnn.int16)
    x = every.view(dtype_of(wide)) if wide.endswith("float16") else (every - 500).to(dtype_of(wide))
    want = encoded(name, x.float().numpy())
    np.testing.assert_array_equal(code_of(x.to(dtype_of(name))), want)
    if wide in ("int64", "int32"):
        finite = decoded(name)[np.abs(decoded(name)) < 2**31]
        t = cnn.from_numpy(encoded(name, finite)).view(dtype_of(name))
        np.testing.assert_array_equal(t.to(dtype_of(wide)).numpy(), np.trunc(finite))


@pytest.mark.parametrize("a", FLOATS)
@pytest.mark.parametrize("b", FLOATS)
def test_between_floats_of_8_bits(a, b):
    t = cnn.from_numpy(CODES).view(dtype_of(a)).to(dtype_of(b))
    want = CODES if a == b else encoded(b, decoded(a))
    nan = np.isnan(decoded(a)) & np.isnan(t.float().numpy())  # its sign is nobody's
    np.testing.assert_array_equal(code_of(t)[~nan], want[~nan])


@pytest.mark.parametrize("name", INTS)
def test_unsigned_integers_to_and_from_all(name):
    bits = np.iinfo(name).bits
    rng = np.random.default_rng(3)
    values = rng.integers(0, 2**bits, 1000, dtype=np.uint64).astype(name)
    values[:6] = [0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 2, 2**bits - 1]
    t = cnn.from_numpy(values)
    assert t.dtype == dtype_of(name) and t.tolist() == values.tolist()
    for other in ("uint8", "int8", "int16", "int32", "int64", "bool", "float32", "float64", *INTS):
        to = t.to(dtype_of(other))
        np.testing.assert_array_equal(to.numpy(), values.astype(other), err_msg=other)
        np.testing.assert_array_equal(
            cnn.from_numpy(np.repeat(values, 2))[::2].to(dtype_of(other)).numpy(),
            values.astype(other),
        )
    for other in ("int8", "int16", "int32", "int64", "bool", *INTS):
        low = rng.integers(-(2**62), 2**62, 1000).astype(other)
        np.testing.assert_array_equal(
            cnn.from_numpy(low).to(dtype_of(name)).numpy(), low.astype(np.int64).astype(name)
        )
    for other in ("float16", "bfloat16"):
        np.testing.assert_array_equal(
            t.to(dtype_of(other)).double().numpy(), t.float().to(dtype_of(other)).double().numpy()
        )
    for other in FLOATS:
        want = encoded(other, values.astype(np.float32))
        np.testing.assert_array_equal(code_of(t.to(dtype_of(other))), want)


@pytest.mark.parametrize("name", INTS)
def test_floats_to_unsigned_integers_are_cut(name):
    bits = np.iinfo(name).bits
    for wide in ("float32", "float64"):
        top = np.nextafter(np.array(2.0**bits, wide), 0)
        x = np.array(
            [0.0, 0.9, 1.5, 2.0 ** (bits - 1), 2.0 ** (bits - 1) + 2.0 ** (bits - 5), top], wide
        )
        x = np.tile(x, 9)
        assert cnn.from_numpy(x).to(dtype_of(name)).tolist() == [int(v) for v in x]
        assert cnn.from_numpy(x)[::2].to(dtype_of(name)).tolist() == [int(v) for v in x[::2]]
    wrapped = cnn.tensor([-1.0, -2.7, -300.0]).to(dtype_of(name))
    assert wrapped.tolist() == [2**bits - 1, 2**bits - 2, 2**bits - 300]
    assert cnn.tensor([1.5, 250.0]).half().to(dtype_of(name)).tolist() == [1, 250]


def test_long_rows_are_converted_in_parts_of_any_length():
    x = cnn.arange(5000) % 97
    for name in STORED:
        want = x.float().to(dtype_of(name))
        for n in (0, 1, 255, 256, 257, 511, 512, 513, 1025, 5000):
            part = x[:n].double().to(dtype_of(name))
            assert cnn.equal(part.float(), want[:n].float()), (name, n)
            assert cnn.equal(part.short().float(), want[:n].float().trunc()), (name, n)
