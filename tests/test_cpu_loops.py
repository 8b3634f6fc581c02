"""The CPU's loops: polynomials within their bounds, and the same values whichever loop ran.

CNN_CPU_CAPABILITY=baseline or avx2 runs them for the lower instruction sets.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn

inf, nan = math.inf, math.nan
SPECIAL = [0.0, -0.0, inf, -inf, nan, 1.0, -1.0, 0.5, 2.0, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38]


def ulps(got, want):
    """Distance in units of the last place of float32."""
    exponent = np.maximum(np.frexp(want)[1], -125)
    return np.abs(got.astype(np.float64) - want) / np.ldexp(1.0, exponent - 24)


def spread(low, high):
    """Numbers of every magnitude between the two."""
    near = np.geomspace(1e-30, max(abs(low), abs(high)), 50_000)
    both = np.concatenate([near, -near, np.linspace(low, high, 50_000)])
    return both[(both >= low) & (both <= high)].astype(np.float32)


def vectorised(function):
    """Of the C library in double precision, element by element."""
    return np.vectorize(function, otypes=[np.float64])


# Name, reference in float64, the range, and the bound in ulp.
FUNCTIONS = [
    ("exp", np.exp, -103, 88, 1.5),
    ("exp2", np.exp2, -148, 127, 1.5),
    ("expm1", np.expm1, -100, 88, 2),
    ("log", np.log, 1e-45, 3e38, 1.5),
    ("log2", np.log2, 1e-45, 3e38, 1.5),
    ("log10", np.log10, 1e-45, 3e38, 2),
    ("log1p", np.log1p, -0.999, 3e38, 2),
    ("sin", np.sin, -1e5, 1e5, 2),
    ("cos", np.cos, -1e5, 1e5, 2),
    ("tan", np.tan, -1e5, 1e5, 4),
    ("asin", np.arcsin, -1, 1, 2.5),
    ("acos", np.arccos, -1, 1, 1.5),
    ("atan", np.arctan, -1e30, 1e30, 2.5),
    ("sinh", np.sinh, -89, 89, 2),
    ("cosh", np.cosh, -89, 89, 2),
    ("tanh", np.tanh, -20, 20, 3),
    ("asinh", np.arcsinh, -1e30, 1e30, 2.5),
    ("acosh", np.arccosh, 1, 1e30, 3),
    ("atanh", np.arctanh, -0.9999, 0.9999, 3),
    ("erf", vectorised(math.erf), -5, 5, 2),
    ("erfc", vectorised(math.erfc), -5, 9, 3.5),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), -80, 80, 3),
]


@pytest.mark.parametrize("name, reference, low, high, bound", FUNCTIONS, ids=lambda v: str(v)[:8])
def test_polynomials_keep_their_bounds(name, reference, low, high, bound):
    x = spread(low, high)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64))
    got = getattr(cnn, name)(cnn.from_numpy(x)).numpy()
    assert ulps(got, want).max() <= bound


def test_gelu_keeps_its_digits_where_it_is_small():
    x = spread(-5, 10)
    want = [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x.astype(np.float64)]
    got = cnn.nn.functional.gelu(cnn.from_numpy(x)).numpy()
    assert np.allclose(got, want, rtol=4e-6, atol=1e-45)
    assert np.allclose(got[x > 0], np.array(want)[x > 0], rtol=2e-7, atol=1e-45)


def test_subnormal_numbers_count_as_zero_on_request():
    x = cnn.full((1 << 18,), 1e-39)  # enough for every thread
    try:
        assert cnn.set_flush_denormal(True)
        assert (x * 0.5).count_nonzero() == 0
    finally:
        cnn.set_flush_denormal(False)
    assert (x * 0.5).count_nonzero() == x.numel()
    with pytest.raises(TypeError, match="expects a bool"):
        cnn.set_flush_denormal(1)


@pytest.mark.parametrize("name", [row[0] for row in FUNCTIONS])
def test_special_values_are_numpys(name):
    if name == "sigmoid":
        want = [0.5, 0.5, 1, 0, nan, 1 / (1 + math.exp(-1)), 1 / (1 + math.e)]
        got = cnn.sigmoid(cnn.tensor(SPECIAL[:7])).numpy()
        assert np.allclose(got, want, equal_nan=True)
        return
    reference = next(row[1] for row in FUNCTIONS if row[0] == name)
    x = np.array(SPECIAL, np.float32)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64)).astype(np.float32)
    got = getattr(cnn, name)(cnn.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=3e-45, equal_nan=True)
    zeros = (want == 0) & (x == 0)
    assert (np.signbit(got) == np.signbit(want))[zeros].all()


PAIRS = [
    ("pow", np.power, 3.0),
    ("atan2", np.arctan2, 2.5),
    ("hypot", np.hypot, 1.0),
    ("fmod", np.fmod, 0.5),
    ("remainder", np.mod, 1.0),
    ("floor_divide", np.floor_divide, 0.5),
]


@pytest.mark.parametrize("name, reference, bound", PAIRS, ids=lambda v: str(v)[:8])
def test_functions_of_two_numbers(name, reference, bound):
    random = np.random.default_rng(0)
    a = (np.exp(random.uniform(-8, 8, 60_000)) * random.choice([-1, 1], 60_000)).astype(np.float32)
    b = random.uniform(-9, 9, 60_000).astype(np.float32)
    b[::3] = np.rint(b[::3])
    b[b == 0] = 1
    with np.errstate(all="ignore"):
        want = reference(a.astype(np.float64), b.astype(np.float64))
    got = getattr(cnn, name)(cnn.from_numpy(a), cnn.from_numpy(b)).numpy()
    assert (np.isnan(got) == np.isnan(want)).all()
    known = np.isfinite(want) & (np.abs(want) < 3.4e38)
    if name == "remainder":  # the sum of a negative rest and b is rounded
        assert np.abs(got - want)[known].max() <= 1e-6
    else:
        assert ulps(got[known], want[known]).max() <= bound


def test_hypot_in_double_is_rounded_once_at_any_size():
    random = np.random.default_rng(0)
    a = np.exp2(random.uniform(-1020, 1022, 20_000)) * random.choice([-1, 1], 20_000)
    b = a * np.exp2(random.uniform(-30, 1, 20_000))
    b[::7] = np.exp2(random.uniform(-1020, 1022, b[::7].size))
    wide = np.sqrt(a.astype(np.longdouble) ** 2 + b.astype(np.longdouble) ** 2)
    got = cnn.hypot(cnn.from_numpy(a), cnn.from_numpy(b)).numpy()
    finite = wide < np.finfo(np.float64).max
    off = np.abs(got[finite] - wide[finite]) / np.spacing(got[finite])
    assert off.max() <= 0.51
    assert (got[~finite] == inf).all()

    x = np.array([0.0, -0.0, inf, -inf, nan, 3.0, -4.0, 5e-324, 1e-310, 1.7e308])
    x, y = (v.ravel() for v in np.meshgrid(x, x))
    with np.errstate(over="ignore"):
        want = np.hypot(x, y)
    np.testing.assert_array_equal(cnn.hypot(cnn.from_numpy(x), cnn.from_numpy(y)).numpy(), want)


@pytest.mark.parametrize("name", ["fmod", "remainder"])
def test_quotients_of_any_size(name):
    a = np.array([1e30, 5.0, inf, 1.0, 1.0, -7.0, 3e38, nan], np.float32)
    b = np.array([3.0, inf, 2.0, 0.0, nan, inf, 1e-38, 1.0], np.float32)
    with np.errstate(all="ignore"):
        want = getattr(np, name if name == "fmod" else "mod")(a, b)
    if name == "remainder":
        want[5] = inf  # -7 + inf: NumPy says so too
    got = getattr(cnn, name)(cnn.from_numpy(a), cnn.from_numpy(b)).numpy()
    np.testing.assert_array_equal(got, want)


def test_sines_of_large_numbers_are_the_librarys():
    x = np.float32([1e6, 1e7, -3e20, 3e38, 100.0] * 5)
    for name in ("sin", "cos", "tan"):
        got = getattr(cnn, name)(cnn.from_numpy(x)).numpy()
        assert ulps(got, getattr(np, name)(x.astype(np.float64))).max() <= 4


UNARY = [row[0] for row in FUNCTIONS] + ["relu", "sqrt", "abs", "round", "digamma", "erfinv"]


@pytest.mark.parametrize("name", UNARY)
def test_values_do_not_depend_on_the_loop(name):
    """Dense, strided, transposed, one by one, and any length: vector body and tail agree bit by bit."""
    function = getattr(cnn, name)
    x = cnn.rand(37, 29) * 0.98 + 0.01
    whole = function(x).numpy()
    apart = np.array([[function(v).item() for v in row] for row in x[:3]], np.float32)
    np.testing.assert_array_equal(whole[:3], apart)
    np.testing.assert_array_equal(function(x.t()).numpy(), whole.T)
    wide = cnn.zeros(37, 58)
    wide[:, ::2] = x
    np.testing.assert_array_equal(function(wide[:, ::2]).numpy(), whole)
    for n in (1, 7, 15, 16, 17, 31, 33, 63, 65):
        np.testing.assert_array_equal(function(x.flatten()[:n]).numpy(), whole.ravel()[:n])


@pytest.mark.parametrize("dtype", [cnn.uint8, cnn.int16, cnn.float16, cnn.float32, cnn.float64])
@pytest.mark.parametrize("shape", [(9, 8), (64, 64), (65, 130), (3, 70, 41), (2, 3, 67, 9)])
def test_transposed_copies(dtype, shape):
    a = np.arange(math.prod(shape)).reshape(shape) % 251
    x = cnn.tensor(a).to(dtype)
    for order in (tuple(reversed(range(len(shape)))), (*range(1, len(shape)), 0)):
        got = x.permute(order).contiguous()
        assert got.is_contiguous()
        np.testing.assert_array_equal(got.double().numpy(), a.transpose(order))
        y = cnn.zeros(shape, dtype=dtype).permute(order)
        y.copy_(x.permute(order).contiguous())
        np.testing.assert_array_equal(y.double().numpy(), a.transpose(order))


def test_operands_along_different_dimensions():
    a, b = np.random.rand(130, 75), np.random.rand(75, 130)
    x, y = cnn.tensor(a), cnn.tensor(b)
    np.testing.assert_array_equal((x + y.t()).numpy(), a + b.T)
    np.testing.assert_array_equal((y.t() * x).numpy(), b.T * a)
    np.testing.assert_array_equal((x < y.t()).numpy(), a < b.T)
    np.testing.assert_array_equal(cnn.where(x < y.t(), x, y.t()).numpy(), np.minimum(a, b.T))
    z = x.clone()
    z += y.t()
    np.testing.assert_array_equal(z.numpy(), a + b.T)


def test_large_results_pass_the_cache():
    """Of 4 MiB and more, dense, by rows, copied, filled, from any start."""
    a = np.random.rand(1100, 1025).astype(np.float32)
    x, row = cnn.tensor(a), cnn.tensor(a[0])
    np.testing.assert_array_equal((x + x).numpy(), a + a)
    np.testing.assert_array_equal((x + row).numpy(), a + a[0])
    np.testing.assert_array_equal(x.clone().numpy(), a)
    np.testing.assert_array_equal((x > 0.5).numpy(), a > 0.5)
    np.testing.assert_array_equal(cnn.full((1100, 1025), 3.5).numpy(), np.full_like(a, 3.5))
    np.testing.assert_array_equal(x.t().contiguous().numpy(), a.T)
    out = cnn.zeros(1101 * 1025 + 3)
    cnn.add(x.flatten(), x.flatten(), out=out[3 : 3 + 1100 * 1025])
    assert not out[:3].any() and not out[3 + 1100 * 1025 :].any()
    np.testing.assert_array_equal(out[3 : 3 + 1100 * 1025].numpy(), (a + a).ravel())
    x.add_(x)
    np.testing.assert_array_equal(x.numpy(), a + a)


@pytest.mark.parametrize("n", [2, 10, 21, 64, 100, 300])
@pytest.mark.parametrize("inner", [3, 8, 37, 200])
def test_normalising_along_columns(n, inner):
    """A dimension that is not the last is worked on as columns; the last as rows."""
    x, g = cnn.randn(3, n, inner), cnn.randn(3, n, inner)
    for f in (cnn.softmax, cnn.log_softmax):
        columns, rows = x.clone().requires_grad_(), x.transpose(1, 2).contiguous().requires_grad_()
        y, z = f(columns, 1), f(rows, 2)
        np.testing.assert_allclose(
            y.detach().numpy(), z.detach().transpose(1, 2).numpy(), rtol=2e-6, atol=2e-6
        )
        y.backward(g)
        z.backward(g.transpose(1, 2))
        np.testing.assert_allclose(
            columns.grad.numpy(), rows.grad.transpose(1, 2).numpy(), rtol=1e-5, atol=2e-6
        )


@pytest.mark.parametrize("shape, dim", [((4, 3), 1), ((40, 70), 1), ((40, 70), 0), ((2, 40, 9), 1)])
def test_softmax_of_infinities(shape, dim):
    x = cnn.randn(shape)
    x.select(dim, 0).fill_(-inf)
    y = x.softmax(dim)
    assert (y.select(dim, 0) == 0).all() and (y.sum(dim) - 1).abs().max() < 1e-5
    assert x.fill_(-inf).softmax(dim).isnan().all()
    assert (x.fill_(-inf).logsumexp(dim) == -inf).all()
    assert (x.fill_(inf).logsumexp(dim) == inf).all()


def test_halves_are_numpys():
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    known = every[~np.isnan(every)]
    np.testing.assert_array_equal(cnn.tensor(known).float().numpy(), known.astype(np.float32))
    assert cnn.tensor(every[np.isnan(every)]).float().isnan().all()
    random = np.random.default_rng(0)
    x = (random.standard_normal(10_007) * 10.0 ** random.integers(-9, 6, 10_007)).astype(np.float32)
    with np.errstate(over="ignore"):
        want = x.astype(np.float16)
    np.testing.assert_array_equal(cnn.tensor(x).half().numpy(), want)
    np.testing.assert_array_equal(cnn.tensor(x)[::2].half().numpy(), want[::2])


@pytest.mark.parametrize("shape", [(50, 70), (7, 100), (300, 9)])
def test_places_of_extrema_along_columns(shape):
    a = np.random.randint(0, 5, shape).astype(np.float32)
    x = cnn.tensor(a)
    np.testing.assert_array_equal(x.argmax(0).numpy(), a.argmax(0))
    np.testing.assert_array_equal(x.argmin(0).numpy(), a.argmin(0))
    a[3, 2] = a[5, 2] = nan
    values, places = cnn.tensor(a).max(0)
    assert places[2] == 3 and math.isnan(values[2])


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64, cnn.int64])
@pytest.mark.parametrize("n", [511, 512, 513, 2047, 2048, 2049, 5000, 70000])
def test_the_first_extremum_of_a_long_row_is_found(dtype, n):
    rng = np.random.default_rng(n)
    places = sorted({0, n // 3, min(n - 1, 511), min(n - 1, 512), min(n - 1, 2048), n - 1})
    for k, place in enumerate(places):
        x = rng.integers(-99, 99, n)
        x[places[k:]] = 100
        both = cnn.from_numpy(np.stack([x, -x])).to(dtype)
        assert both[0].argmax() == place and both[1].argmin() == place
        assert both.argmax(1)[0] == place and both.argmin(1)[1] == place
        assert both[0].max() == 100 and both[1].min() == -100
        assert both.sum(1).tolist() == [x.sum(), -x.sum()]
        if dtype.is_floating_point:
            both[:, place] = nan
            both[:, n - 1] = nan
            assert both[0].argmax() == place and both[1].argmin() == place
            assert both[0].max().isnan() and both.sum(1).isnan().all()


def test_parts_of_rows_with_gaps():
    x = np.random.default_rng(0).integers(-9, 9, (3, 9000)).astype(np.float32)
    for begin, end in ((0, 2048), (5, 4101), (100, 8292), (0, 9000)):
        rows = cnn.from_numpy(x)[:, begin:end]
        want = x[:, begin:end]
        assert rows.sum(1).tolist() == want.sum(1).tolist() and rows.sum() == want.sum()
        assert rows.amax(1).tolist() == want.max(1).tolist()
        assert rows.argmin(1).tolist() == want.argmin(1).tolist()
