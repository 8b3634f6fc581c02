"""Gradients and values at corners: ties, zeros, poles, infinities, nan, and where a square is 0."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

inf, nan = float("inf"), float("nan")
FLOATS = (cnn.float32, cnn.float64)


def slopes(f, *values, dtype=cnn.float64):
    """The gradients of the sum of f by each of its arguments, as lists."""
    leaves = [cnn.tensor(v, dtype=dtype, requires_grad=True) for v in values]
    f(*leaves).sum().backward()
    grads = [None if leaf.grad is None else leaf.grad.tolist() for leaf in leaves]
    return grads[0] if len(grads) == 1 else grads


def same(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=0)


def test_clamp_with_tensor_bounds_gives_ties_to_the_input():
    x, bound = [1.0, 2.0, 3.0, nan], [2.0, 2.0, 2.0, 2.0]
    assert slopes(lambda x, b: x.clamp(min=b), x, bound) == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert slopes(lambda x, b: x.clamp(max=b), x, bound) == [[1, 1, 0, 0], [0, 0, 1, 0]]
    assert slopes(lambda x, b: cnn.clamp_min(x, b), x, bound) == [[0, 1, 1, 0], [1, 0, 0, 0]]
    assert slopes(lambda x, b: x.clamp(min=b), [1.0, 2.0], [nan, nan]) == [[0, 0], [0, 0]]
    low, high = [2.0, 2.0, 2.0], [2.0, 3.0, 1.0]
    assert slopes(lambda x, a, b: x.clamp(a, b), [2.0, 3.0, 1.5], low, high) == [
        [1, 1, 0],
        [0, 0, 0],
        [0, 0, 1],
    ]


def test_maximum_shares_ties_and_fmax_gives_them_to_the_first():
    tie = [1.0, 2.0], [1.0, 3.0]
    assert slopes(cnn.maximum, *tie) == [[0.5, 0], [0.5, 1]]
    assert slopes(cnn.minimum, *tie) == [[0.5, 1], [0.5, 0]]
    assert slopes(cnn.fmax, *tie) == [[1, 0], [0, 1]]
    assert slopes(cnn.amax, [2.0, 2.0, 1.0]) == [0.5, 0.5, 0]
    assert slopes(cnn.max, [2.0, 2.0, 1.0]) == [0.5, 0.5, 0]
    assert slopes(lambda x: cnn.max(x, 0).values, [2.0, 2.0, 1.0]) == [1, 0, 0]


def test_distances_in_the_largest_norm_give_each_tie_its_whole_gradient():
    a, b = [[0.0, 0.0]], [[1.0, -1.0], [1.0, 1.0], [2.0, -1.0]]
    assert slopes(lambda a, b: cnn.cdist(a, b, inf), a, b) == [
        [[-3, 0]],
        [[1, -1], [1, 1], [1, 0]],
    ]
    assert slopes(lambda x: F.pdist(x, inf), a + b[:1]) == [[-1, 1], [1, -1]]


@pytest.mark.parametrize("dtype", FLOATS)
def test_distances_that_count_differences_have_zero_gradients(dtype):
    a, b = [[0.0, 5.0]], [[1.0, 5.0], [0.0, 5.0]]
    x, y = (cnn.tensor(v, dtype=dtype, requires_grad=True) for v in (a, b))
    d = cnn.cdist(x, y, 0.0)
    assert d.tolist() == [[1, 0]]
    d.sum().backward()
    assert x.grad.tolist() == [[0, 0]] and y.grad.tolist() == [[0, 0], [0, 0]]
    assert slopes(lambda x: F.pdist(x, 0.0), b) == [[0, 0], [0, 0]]


@pytest.mark.parametrize("p", (0.5, 1.0, 1.5, 2.0, 3.0, inf))
def test_distances_of_coinciding_points_have_zero_gradients(p):
    assert slopes(lambda x: cnn.cdist(x, x.detach(), p), [[1.0, 2.0]]) == [[0, 0]]


@pytest.mark.parametrize("p", (0.5, 1, 1.5, 2, 3, inf, -inf, -1))
def test_norms_of_zeros_have_zero_gradients(p):
    assert slopes(lambda x: cnn.norm(x, p, 1), [[0.0, 0.0]]) == [[0, 0]]


@pytest.mark.parametrize("tiny", (0.0, 1e-45, 1e-42, 1e-38, 1e-30, -1e-25))
def test_sinc_is_flat_where_the_square_of_x_is_zero(tiny):
    assert slopes(cnn.sinc, [tiny], dtype=cnn.float32) == [0]
    assert slopes(cnn.sinc, [tiny * 1e-200], dtype=cnn.float64) == [0]


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16, *FLOATS))
def test_the_sign_of_nan_is_zero(dtype):
    x = cnn.tensor([nan, -2.0, 0.0, -0.0, inf], dtype=dtype)
    assert cnn.sign(x).tolist() == [0, -1, 0, 0, 1]
    assert cnn.sgn(x).tolist() == [0, -1, 0, 0, 1]
    assert slopes(cnn.abs, [nan, -1.0, 0.0], dtype=dtype) == [0, -1, 0]
    assert slopes(lambda x: F.l1_loss(x, cnn.zeros_like(x), reduction="sum"), [nan, 3.0]) == [0, 1]
    assert slopes(lambda x: x.norm(1), [nan, 3.0]) == [0, 1]
    assert slopes(lambda x: x.norm(inf), [nan, 3.0]) == [0, 0]


def test_activations_at_nan_pass_what_they_pass_above_zero():
    assert slopes(F.elu, [nan]) == [1]
    assert slopes(lambda x: F.elu(x, 3.0), [nan]) == [1]
    assert slopes(F.celu, [nan]) == [1]
    same(slopes(F.selu, [nan]), [1.0507009873554805])
    assert slopes(lambda x: F.elu(x, 2.0), [0.0, -0.0]) == [2, 2]


def test_prelu_is_flat_in_its_slope():
    x = cnn.tensor([1.0, -2.0, 0.0], dtype=cnn.float64, requires_grad=True)
    (g,) = cnn.autograd.grad(F.prelu(x, cnn.tensor([0.25]).double()).sum(), x, create_graph=True)
    assert g.tolist() == [1, 0.25, 0.25]
    assert cnn.autograd.grad(g.sum(), x)[0].tolist() == [0, 0, 0]


def test_logit_between_limits():
    assert slopes(cnn.logit, [0.0, -0.0, 1.0]) == [inf, inf, inf]
    same(slopes(lambda x: cnn.logit(x, 0.25), [nan, 0.0, 0.25, 0.5, 1.0]), [nan, 0, 16 / 3, 4, 0])
    assert math.isnan(slopes(cnn.logit, [nan])[0]) and math.isnan(slopes(cnn.logit, [1.5])[0])


@pytest.mark.parametrize("dtype", FLOATS)
def test_roots_as_powers(dtype):
    x = cnn.tensor([4.0, 0.0, -0.0, -inf, inf], dtype=dtype)
    half = cnn.full_like(x, 0.5)
    y = x**half  # as C's pow
    assert y.tolist() == [2, 0, 0, inf, inf] and not y.signbit().any()
    assert str((x**0.5).tolist()) == "[2.0, 0.0, -0.0, nan, inf]"
    assert str((x**-0.5).tolist()) == "[0.5, inf, -inf, nan, 0.0]"


def test_numbers_in_gradients_have_double_precision():
    same(slopes(lambda x: 2.0**x, [0.0, 1.0]), [math.log(2), 2 * math.log(2)])
    same(slopes(lambda x: cnn.xlogy(x, 3.0), [1.0]), [math.log(3)])
    same(slopes(lambda a, b: cnn.lerp(a, b, 0.3), [1.0], [2.0]), [[0.7], [0.3]])


def test_cumprod_from_the_second_zero_on_is_flat():
    x = [0.0, -0.0, 1.0, inf, nan]
    assert slopes(lambda x: cnn.cumprod(x, 0)[:2], x) == [1, 0, 0, 0, 0]
    assert slopes(lambda x: cnn.cumprod(x, 0), x) == [1, 0, 0, 0, 0]
    assert slopes(lambda x: cnn.cumprod(x, 0), [2.0, 0.0, 3.0, 4.0]) == [1, 2 + 6 + 24, 0, 0]
    assert slopes(cnn.prod, [2.0, 0.0, 3.0]) == [0, 6, 0]
    assert slopes(cnn.prod, [0.0, 0.0, 3.0]) == [0, 0, 0]


def test_nextafter_has_no_slope_where_it_stays():
    assert slopes(cnn.nextafter, [1.0, 1.0], [1.0, 2.0]) == [[0, 1], [0, 0]]


def test_nextafter_in_place_has_the_slope_of_what_it_overwrites():
    x = cnn.tensor([1.0, 1.0], requires_grad=True)
    beside = cnn.nextafter(x.detach(), cnn.tensor([2.0, 1.0]))
    (x * 1).nextafter_(beside).sum().backward()
    assert x.grad.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("dtype", "above_one", "below_one", "largest", "smallest"),
    (
        (cnn.bfloat16, 2.0**-7, 2.0**-8, 2.0**128 - 2.0**120, 2.0**-133),
        (cnn.float16, 2.0**-10, 2.0**-11, 65504.0, 2.0**-24),
    ),
)
def test_nextafter_of_16_bit_numbers(dtype, above_one, below_one, largest, smallest):
    a = [1.0, 1.0, -1.0, 0.0, -0.0, smallest, inf, largest, -inf, 1.0, nan]
    b = [2.0, 0.0, -2.0, 1.0, -1.0, 0.0, 0.0, inf, 5.0, 1.0, 0.0]
    y = cnn.nextafter(cnn.tensor(a, dtype=dtype), cnn.tensor(b, dtype=dtype)).tolist()
    assert y[:10] == [
        1 + above_one, 1 - below_one, -1 - above_one, smallest, -smallest, 0, largest, inf,
        -largest, 1,
    ]  # fmt: skip
    assert math.isnan(y[10])
    every = cnn.arange(0x7C00 if dtype == cnn.float16 else 0x7F80, dtype=cnn.int16).view(dtype)
    up = cnn.nextafter(every[:-1], cnn.full((), inf, dtype=dtype))
    assert cnn.equal(up, every[1:])
    assert cnn.equal(cnn.nextafter(every[1:], cnn.zeros((), dtype=dtype)), every[:-1])


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16, *FLOATS))
def test_gelu_at_the_ends(dtype):
    x = [-inf, -60.0, -15.0, inf, nan]
    for approximate in ("none", "tanh"):
        y = F.gelu(cnn.tensor(x, dtype=dtype), approximate=approximate).tolist()
        assert y[0] == y[1] == 0 and -1e-40 < y[2] <= 0 and y[3] == inf and math.isnan(y[4])
    y = slopes(F.gelu, x, dtype=dtype)
    assert y[0] == y[1] == 0 and y[3] == 1 and math.isnan(y[4])


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_spread_without_degrees_of_freedom():
    x = cnn.tensor([1.0, 2.0, 4.0])
    assert cnn.var(x, correction=3) == inf and cnn.var(x, correction=5) == inf
    assert cnn.std(x, correction=5) == inf and cnn.tensor([3.0]).var().isnan()
    assert slopes(lambda x: cnn.var(x, correction=3), [1.0, 3.0, 5.0])[::2] == [inf, inf]
    assert math.isnan(slopes(cnn.var, [2.0])[0])
    same(slopes(lambda x: cnn.var(x, 0, correction=5), [1.0, 2.0, 6.0]), [2, 1, -3])
    same(slopes(cnn.var, [2.0, inf]), [-inf, nan])


def test_poles_of_polygamma():
    assert cnn.polygamma(2, cnn.tensor([0.0, -1.0, -2.0])).tolist() == [-inf] * 3
    assert cnn.polygamma(1, cnn.tensor([0.0])).item() == inf
    assert cnn.polygamma(3, cnn.tensor([0.0, -1.0])).tolist() == [inf, inf]
    x = cnn.tensor([0.5, 1.0, 3.0, -0.5], dtype=cnn.float64)
    same(cnn.polygamma(1, x), [math.pi**2 / 2, math.pi**2 / 6, math.pi**2 / 6 - 1.25,
                               math.pi**2 / 2 + 4], 1e-14)  # fmt: skip


def test_inverse_of_erf_near_zero():
    x = cnn.tensor([1e-300, 1e-45, 1e-10, 0.1, 0.5, 0.9, -0.3], dtype=cnn.float64)
    same(cnn.erfinv(cnn.erf(x)), x.tolist(), 1e-14)


def test_quantiles_of_infinite_elements_and_the_gradient_of_nan():
    x = cnn.tensor([inf, 1.0, -inf, 2.0])
    for interpolation in ("lower", "nearest", "higher"):
        assert cnn.quantile(x, 0.0, interpolation=interpolation) == -inf
        assert cnn.quantile(x, 1.0, interpolation=interpolation) == inf
    assert cnn.quantile(x, 0.3) == -inf
    assert slopes(lambda x: cnn.quantile(x, 0.3), [3.0, nan, 1.0]) == [0, 1, 0]
    assert cnn.quantile(cnn.tensor(2.0), 0.3) == 2
    assert cnn.quantile(cnn.tensor(2.0), 0.3, dim=0, keepdim=True).shape == ()
    assert cnn.quantile(cnn.tensor(2.0), cnn.tensor([0.1, 0.9]), dim=0).tolist() == [2, 2]
    assert cnn.nanquantile(cnn.tensor([nan, 4.0]), 0.7) == 4


def test_difference_of_order_zero_is_the_input_alone():
    x, more = cnn.tensor([1.0, 3.0]), cnn.tensor([9.0])
    assert cnn.diff(x, n=0, prepend=more, append=more).tolist() == [1, 3]


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_covariance_of_one_variable_and_with_weights():
    assert cnn.ones(1, 3).cov().shape == () and cnn.ones(1, 1).cov(correction=0).shape == ()
    assert cnn.ones(0).cov().isnan() and cnn.ones(2, 0).cov().isnan().all()
    a = np.array([[1.0, 2.0, 5.0], [3.0, 1.0, 0.0]])
    x, often, heavy = cnn.from_numpy(a), np.array([1, 2, 1]), np.array([0.5, 1.0, 0.2])
    f, w = cnn.from_numpy(often), cnn.from_numpy(heavy)
    same(cnn.cov(x, fweights=f), np.cov(a, fweights=often))
    same(cnn.cov(x, aweights=w), np.cov(a, aweights=heavy))
    same(cnn.cov(x, fweights=f, aweights=w), np.cov(a, fweights=often, aweights=heavy))
    same(cnn.cov(x, correction=0, aweights=w), np.cov(a, ddof=0, aweights=heavy))
    assert cnn.cov(cnn.tensor([[1, 2], [3, 5]])).tolist() == [[0.5, 1.0], [1.0, 2.0]]
    with pytest.raises(RuntimeError, match="weights sum to zero"):
        cnn.cov(x, aweights=w * 0)
    with pytest.raises(RuntimeError, match="same numel as there are observations"):
        cnn.cov(x, fweights=f[:2])
    with pytest.raises(RuntimeError, match="integral dtype"):
        cnn.cov(x, fweights=w)
    with pytest.raises(RuntimeError, match="cannot be negative"):
        cnn.cov(x, aweights=-w)
    with pytest.raises(RuntimeError, match="two or fewer dimensions"):
        cnn.cov(cnn.ones(1, 1, 1))
    same(cnn.corrcoef(x), np.corrcoef(a))
    assert cnn.corrcoef(x[0]) == 1


def test_what_integers_have_not():
    ints = cnn.tensor([1, 2])
    for call in (
        lambda: cnn.logaddexp(ints, ints),
        lambda: cnn.logaddexp2(ints, ints),
        lambda: cnn.histc(ints, 4),
        lambda: cnn.ones(2, 2, dtype=cnn.bool).trace(),
    ):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            call()


def test_norms_of_halves_have_gradients_as_fine_as_halves_are():
    x = (cnn.arange(1, 200).double() / 37).bfloat16().requires_grad_()
    exact = x.detach().double().requires_grad_()
    for values in (x, exact):
        values.norm(0.5).backward()
    same(x.grad.double().tolist(), exact.grad.tolist(), tolerance=1.5 * 2**-8)
    x.grad = None
    F.normalize(x[None], 0.5, 0).sum().backward()  # of single elements: their signs
    assert x.grad.tolist() == [0] * 199


def test_norms_of_tiny_vectors_with_large_gradients():
    grads = slopes(lambda x: x.norm() * 1e25, [1e-15, 0.0], dtype=cnn.float32)
    same(grads, [1e25, 0], tolerance=1e-6)
    grads = slopes(
        lambda x: F.cosine_similarity(x, x.flip(1)), [[1e-4, 2e-4, 0.0]], dtype=cnn.float16
    )
    same(grads, [[-3200, 1600, 4000]], tolerance=2e-2)
    grads = slopes(
        lambda x: F.cosine_similarity(x, x.flip(1)), [[1e4, -1e4, 0.0]], dtype=cnn.float16
    )
    same(grads, [[-5e-5, -5e-5, 1e-4]], tolerance=1e-2)


def test_margin_losses_have_no_slope_where_the_margin_is_just_kept():
    x = [[0.0, 1.0, 0.0, 1.0]]
    one = slopes(lambda x: F.multi_margin_loss(x, cnn.tensor([1])), x)
    assert one == [[0, -0.25, 0, 0.25]]
    several = slopes(lambda x: F.multilabel_margin_loss(x, cnn.tensor([[1, -1, 0, 0]])), x)
    assert several == [[0, -0.25, 0, 0.25]]
    x, target = cnn.tensor([[2.0, inf, -inf]]), cnn.tensor([[1, 0, -1]])
    assert F.multilabel_margin_loss(x, target) == 0  # an infinite term that no pair asks for


@pytest.mark.parametrize("dtype", [cnn.float16, cnn.bfloat16, cnn.float32, cnn.float64], ids=str)
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, inf])
def test_the_gradient_of_a_small_norm(p, dtype):
    assert slopes(lambda x: x.norm(p), [1e-6, 0.0], dtype=dtype) == pytest.approx([1, 0], rel=2e-6)


def test_ldexp_goes_beyond_what_the_power_alone_can_be():
    x = cnn.tensor([1e-38, 3.0, 0.0, -1.0])
    e = cnn.tensor([200, -140, 5000, 2**40])
    same(
        cnn.ldexp(x, e).tolist(), [np.float32(math.ldexp(float(x[0]), 200)), 3 * 2.0**-140, 0, -inf]
    )
    wide = cnn.tensor([1e-300, 1e300], dtype=cnn.float64)
    assert cnn.ldexp(wide, cnn.tensor([1900, -1900])).tolist() == [
        math.ldexp(1e-300, 1900),
        math.ldexp(1e300, -1900),
    ]
    for dtype in (cnn.float16, cnn.bfloat16, cnn.float32, cnn.float64):
        one = cnn.ones((), dtype=dtype)
        assert cnn.ldexp(one, cnn.tensor([1, 2])).dtype == dtype
        assert one.ldexp_(cnn.tensor(3)) == 8
    assert cnn.ldexp(cnn.tensor([3]), cnn.tensor([2])).tolist() == [12.0]
    assert slopes(lambda x: cnn.ldexp(x, cnn.tensor([3, -1])), [1.0, 2.0]) == [8, 0.5]


def test_bounds_that_are_tensors_of_no_dimension_keep_their_dtype():
    x = cnn.tensor([3, -3], dtype=cnn.int8)
    y = x.clamp(max=cnn.tensor(1.5, dtype=cnn.float64))
    assert y.dtype == cnn.float64 and y.tolist() == [1.5, -3]
    assert x.clip(min=cnn.tensor(0)).dtype == cnn.int8
    flags = cnn.tensor([True, False]).clamp(max=1)
    assert flags.dtype == cnn.int64 and flags.tolist() == [1, 0]


def test_old_reductions_take_anything_for_false():
    x, zero = cnn.tensor([1.0, 3.0]), cnn.zeros(2)
    for false in (False, 0, 0.0, ()):
        assert F.mse_loss(x, zero, size_average=false) == 10
        assert F.l1_loss(x, zero, reduce=false).tolist() == [1, 3]
        assert cnn.nn.SmoothL1Loss(size_average=false)(x, zero) == 3
    assert F.mse_loss(x, zero, size_average=1) == 5


def test_masked_scatter_of_one_element():
    x, source = cnn.tensor(1.0), cnn.tensor([5.0])
    assert x.masked_scatter(cnn.tensor(True), source) == 5
    assert x.masked_scatter(cnn.tensor(False), source) == 1
    assert x.masked_scatter_(cnn.tensor(True), source) == 5 and x == 5
    with pytest.raises(RuntimeError, match="Number of elements of source"):
        x.masked_scatter(cnn.tensor(True), cnn.zeros(0))


def test_masks_of_bytes_are_resized_by_the_nearest():
    mask = cnn.tensor([[[[0, 255], [7, 200]]]], dtype=cnn.uint8)
    for mode in ("nearest", "nearest-exact"):
        y = F.interpolate(mask, (4, 4), mode=mode)
        assert y.dtype == cnn.uint8
        assert y[0, 0].tolist() == [[0, 0, 255, 255]] * 2 + [[7, 7, 200, 200]] * 2


def test_images_of_an_empty_batch_cost_nothing():
    x = cnn.empty(0, 2, 3, 2, requires_grad=True)
    for mode in ("bilinear", "bicubic", "nearest"):
        y = F.interpolate(x, size=(1, 2**31), mode=mode)
        assert y.shape == (0, 2, 1, 2**31)
        y.sum().backward()
    assert x.grad.shape == x.shape
    assert F.pad(x, (2**30, 0, 0, 0), mode="replicate").shape == (0, 2, 3, 2**30 + 2)
