"""Statistics of data that stand far from zero, and sums of many terms, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

OFFSETS = (0.0, 1e3, 1e6, -1e7)
SHAPES = ((5,), (17,), (1000,), (33333,), (5, 7), (100, 9), (9, 100), (65, 1000), (20, 30, 5))
ROUNDING = 2.0**-23  # of float32, and as much again


def spread_data(shape, offset, seed=0):
    """Standard normal values around `offset`, as floats: (float64 array, float32 tensor)."""
    x = (np.random.default_rng(seed).standard_normal(shape) + offset).astype(np.float32)
    return x.astype(np.float64), cnn.from_numpy(x)


def check(result, expected, tolerance=ROUNDING):
    np.testing.assert_allclose(result.double().numpy(), expected, rtol=tolerance, atol=1e-30)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_spread_is_exact_to_the_last_bits_wherever_the_data_stand(shape, offset):
    a, x = spread_data(shape, offset)
    check(cnn.var(x), a.var(ddof=1))
    check(cnn.std(x, correction=0), a.std())
    spread, mean = cnn.var_mean(x)
    check(spread, a.var(ddof=1))
    np.testing.assert_allclose(mean.item(), a.mean(), rtol=ROUNDING, atol=1e-8)
    check(cnn.std_mean(x)[0], a.std(ddof=1))
    for d in range(len(shape)):
        check(cnn.var(x, d), a.var(d, ddof=1))
        check(cnn.std(x, d, correction=0, keepdim=True), a.std(d, keepdims=True))
    if len(shape) > 1:
        check(cnn.var(x.transpose(0, 1), 1), a.swapaxes(0, 1).var(1, ddof=1))
        check(cnn.var(x[..., ::2], 0), a[..., ::2].var(0, ddof=1))
        check(cnn.var(x, (0, 1)), a.var((0, 1), ddof=1))


@pytest.mark.parametrize("offset", OFFSETS)
def test_gradients_of_the_spread_wherever_the_data_stand(offset):
    a, x = spread_data((9, 100), offset)
    x.requires_grad_()
    cnn.var(x, 1).sum().backward()
    expected = 2 / 99 * (a - a.mean(1, keepdims=True))
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float16))
def test_spread_of_16_bit_data_is_rounded_once(dtype):
    _, x = spread_data((300, 17), 100.0)
    x = x.to(dtype)
    a = x.double().numpy()
    for d in (0, 1):
        expected = cnn.from_numpy(a.var(d, ddof=1)).to(dtype)
        assert cnn.equal(cnn.var(x, d), expected)


def test_spread_of_an_element_far_from_the_others():
    x = np.ones(2048, dtype=np.float32)
    x[0] = 1e6
    check(cnn.var(cnn.from_numpy(x)), x.astype(np.float64).var(ddof=1))
    check(
        cnn.var(cnn.from_numpy(x.reshape(128, 16)), 0),
        x.reshape(128, 16).astype(float).var(0, ddof=1),
    )
    assert cnn.full((1003,), 0.1).std() == 0


def test_spread_and_mean_of_infinite_elements():
    spread, mean = cnn.var_mean(cnn.tensor([1.0, float("inf"), 2.0]))
    assert spread.isnan() and mean == float("inf")
    spread, mean = cnn.var_mean(cnn.tensor([[float("-inf")] * 9, [1.0] * 9]), 0)
    assert spread.isnan().all() and (mean == float("-inf")).all()


def test_spread_does_not_depend_on_the_number_of_threads():
    _, x = spread_data((700, 900), 1e6)
    before = cnn.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            cnn.set_num_threads(threads)
            results.append([cnn.var(x), *cnn.var(x, 0), *cnn.var(x, 1)])
    finally:
        cnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def normalized(a, axes, eps=1e-5):
    return (a - a.mean(axes, keepdims=True)) / np.sqrt(a.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("shape", ((5, 8, 7), (40, 6, 3), (2, 4, 3000), (3, 2, 600)), ids=str)
def test_normalisations_wherever_the_data_stand(shape, offset):
    a, x = spread_data(shape, offset)
    close = {"rtol": 1e-5, "atol": 3e-6}
    for result, expected in (
        (F.batch_norm(x, None, None, training=True), normalized(a, (0, 2))),
        (F.instance_norm(x), normalized(a, 2)),
        (F.layer_norm(x, shape[-1:]), normalized(a, 2)),
        (F.group_norm(x, 2), normalized(a.reshape(shape[0], 2, -1), 2).reshape(shape)),
        (F.batch_norm(x.flatten(1), None, None, training=True),
         normalized(a.reshape(shape[0], -1), 0)),
    ):  # fmt: skip
        np.testing.assert_allclose(result.double().numpy(), expected, **close)
    mean, var = cnn.zeros(shape[1]), cnn.zeros(shape[1])
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(mean.numpy(), a.mean((0, 2)), rtol=ROUNDING, atol=1e-8)
    check(var, a.var((0, 2), ddof=1))
    center, width = cnn.from_numpy(a.mean((0, 2))).float(), cnn.ones(shape[1])
    expected = a - center.double().numpy()[:, None]
    result = F.batch_norm(x, center, width, training=False, eps=0.0)
    np.testing.assert_allclose(result.double().numpy(), expected, **close)


def test_normalisation_between_two_floats():
    x = cnn.full((1000, 1), 16777216.0)
    x[::2] += 2  # the mean, 16777217, is no float
    y = F.batch_norm(x, None, None, training=True, eps=1e-12)
    assert y[:2].tolist() == [[1.0], [-1.0]]
    y = F.layer_norm(x.reshape(-1, 8)[:9], (8,), eps=0.0)
    assert y[0].tolist() == [1.0, -1.0] * 4


@pytest.mark.parametrize("offset", OFFSETS)
def test_covariances_wherever_the_data_stand(offset):
    a, x = spread_data((4, 500), offset)
    np.testing.assert_allclose(cnn.cov(x).numpy(), np.cov(a), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cnn.corrcoef(x).numpy(), np.corrcoef(a), rtol=1e-5, atol=1e-6)


def test_running_sums_keep_every_term():
    a = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
    x, exact = cnn.from_numpy(a), a.astype(np.float64)
    total = np.cumsum(exact)
    np.testing.assert_allclose(cnn.cumsum(x, 0).numpy(), total, rtol=ROUNDING, atol=1e-9)
    logs = np.logaddexp.accumulate(exact)
    np.testing.assert_allclose(cnn.logcumsumexp(x, 0).numpy(), logs, rtol=3e-7, atol=1e-7)


def test_running_logarithms_of_sums_with_infinite_terms():
    inf, nan = float("inf"), float("nan")
    for values, expected in (
        ([-inf, -inf, 0.0, 0.0], [-inf, -inf, 0.0, np.log(2)]),
        ([0.0, inf, 1.0, -inf], [0.0, inf, inf, inf]),
        ([inf, inf, nan, 0.0], [inf, inf, nan, nan]),
        ([-inf, nan, inf], [-inf, nan, nan]),
    ):
        for dtype in (cnn.float32, cnn.float64):
            y = cnn.logcumsumexp(cnn.tensor(values, dtype=dtype), 0)
            np.testing.assert_allclose(y.double().numpy(), expected, rtol=1e-6)
