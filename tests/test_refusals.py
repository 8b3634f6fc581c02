"""Numbers and sizes are looked at as the computation will see them, and before anything is done."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction

import numpy as np
import pytest

import cnn
from cnn.nn import functional as F

WIDTHS = {cnn.uint8: 8, cnn.int8: 8, cnn.int16: 16, cnn.int32: 32}
DIVISIONS = {
    "remainder": lambda x, n: x % n,
    "floor_divide": lambda x, n: x // n,
    "fmod": cnn.fmod,
    "div floor": lambda x, n: cnn.div(x, n, rounding_mode="floor"),
    "div trunc": lambda x, n: cnn.div(x, n, rounding_mode="trunc"),
    "remainder_": lambda x, n: x.remainder_(n),
    "floor_divide_": lambda x, n: x.floor_divide_(n),
    "fmod_": lambda x, n: x.fmod_(n),
    "div_ floor": lambda x, n: x.div_(n, rounding_mode="floor"),
}


@pytest.mark.parametrize("divide", DIVISIONS.values(), ids=DIVISIONS)
@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
def test_a_divisor_that_is_zero_in_the_dtype_of_the_computation(dtype, divide):
    x = cnn.tensor([5, 7, 9], dtype=dtype)
    for n in (2 ** WIDTHS[dtype], -(2 ** WIDTHS[dtype]), 2**62, 0):
        for divisor in (n, cnn.tensor(n)):  # a number, and a tensor that does not decide the dtype
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                divide(x, divisor)
    assert x.tolist() == [5, 7, 9]


def test_a_divisor_of_a_wider_dtype_is_not_cut():
    x = cnn.tensor([5, 100], dtype=cnn.int8)
    assert (x % cnn.tensor([256])).tolist() == [5, 100]
    assert x.remainder_(cnn.tensor([256])).tolist() == [5, 100]
    assert (x % 300).tolist() == [5, 12]  # 44 in int8


@pytest.mark.parametrize("dtype", [cnn.int8, cnn.int16, cnn.int32, cnn.int64], ids=str)
def test_the_smallest_integer_over_minus_one_wraps(dtype):
    low = cnn.iinfo(dtype).min
    x = cnn.tensor([low, low + 1], dtype=dtype)
    for divisor in (-1, cnn.tensor([-1, -1], dtype=dtype)):
        assert (x // divisor).tolist() == [low, -low - 1]
        assert cnn.div(x, divisor, rounding_mode="trunc").tolist() == [low, -low - 1]
        assert (x % divisor).tolist() == [0, 0]
        assert cnn.fmod(x, divisor).tolist() == [0, 0]


@pytest.mark.parametrize(
    "call",
    [cnn.remainder, cnn.floor_divide, cnn.fmod, lambda a, b: cnn.div(a, b, rounding_mode="trunc")],
)
def test_bools_are_not_divided_with_a_rest(call):
    yes = cnn.tensor([True])
    with pytest.raises(NotImplementedError, match="_cpu\" not implemented for 'Bool'"):
        call(yes, yes)


I22, I2 = cnn.ones(2, 2, dtype=cnn.int64), cnn.ones(2, dtype=cnn.int64)


@pytest.mark.parametrize(
    "call, inputs",
    [
        (cnn.addmm, (I22, I22, I22)),
        (cnn.addmv, (I2, I22, I2)),
        (cnn.baddbmm, (I22[None], I22[None], I22[None])),
        (cnn.addbmm, (I22, I22[None], I22[None])),
    ],
)
def test_products_of_integers_cut_the_fraction_of_alpha_and_beta(call, inputs):
    assert call(*inputs, alpha=0.6).flatten()[0].item() == 1
    assert call(*inputs, alpha=1.6).flatten()[0].item() == 3
    assert call(*inputs, beta=0.6).flatten()[0].item() == 2
    assert call(*inputs, beta=1.6).flatten()[0].item() == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnn.addr(I22, I2, I2, alpha=0.6),
        lambda: cnn.addr(I22, I2, I2, beta=1.6),
        lambda: cnn.add(I2, I2, alpha=1.6),
        lambda: cnn.sub(I2, I2, alpha=1.0),
    ],
)
def test_sums_of_integers_refuse_a_fractional_factor(call):
    with pytest.raises(RuntimeError, match="must not be a floating point number"):
        call()


BYTES = cnn.ones(2, dtype=cnn.int8)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnn.add(BYTES, BYTES, alpha=300),
        lambda: cnn.addcmul(BYTES, BYTES, BYTES, value=300),
        lambda: cnn.addmm(BYTES.expand(2, 2), BYTES.expand(2, 2), BYTES.expand(2, 2), alpha=300),
        lambda: cnn.pow(BYTES, 255),
        lambda: cnn.linspace(0, 300, 4, dtype=cnn.int8),
        lambda: cnn.arange(0, 1e19, 1e18, dtype=cnn.int64),
        lambda: cnn.arange(0, 1e20, 1e19, dtype=cnn.int8),
        lambda: cnn.arange(0.0, 1e300, 1e299, dtype=cnn.int32),
        lambda: cnn.logspace(0, 300, 4, dtype=cnn.int8),
        lambda: cnn.logspace(0, 1e30, 4, dtype=cnn.int64),
        lambda: cnn.full((2,), 2**63),
        lambda: cnn.ones(2, dtype=cnn.int64).fill_(2**64 - 1),
        lambda: cnn.ones(2).__setitem__(0, 1j),
        lambda: cnn.ones(2).__setitem__([0, 1], np.complex128(2 + 1j)),
        lambda: cnn.clamp(BYTES, 0, 300),
        lambda: cnn.full((2,), 300, dtype=cnn.int8),
    ],
)
def test_a_number_that_does_not_fit_the_dtype(call):
    with pytest.raises(RuntimeError, match="value cannot be converted to type .* without overflow"):
        call()


def test_ranges_at_the_edges_of_int64():
    low, high, step = -(2**63), 2**63 - 1, 2**62
    assert cnn.arange(low, high, step).tolist() == [low, low + step, 0, step]
    assert cnn.arange(high, low, -step).tolist() == [high - k * step for k in range(4)]
    with pytest.raises(RuntimeError, match="invalid size, possible overflow"):
        cnn.arange(low, high, 1)
    assert cnn.linspace(low, high, 2, dtype=cnn.int64).tolist() == [low, high]
    assert cnn.linspace(0, 2**40, 5, dtype=cnn.int64).tolist() == [k << 38 for k in range(5)]
    assert cnn.linspace(high, 0, 3, dtype=cnn.int64).tolist() == [high, 2**62, 0]
    with pytest.raises(NotImplementedError, match="linspace_cpu"):
        cnn.linspace(0, 1, 2, dtype=cnn.bool)


def test_points_between_integers_are_cut_from_those_of_double():
    for low, high, n in itertools.product((4, 0, -100, 10**9), (-3, 10, 100, 250), range(2, 60)):
        step = Fraction((high - low) / (n - 1))
        first = [float(low + step * k) for k in range(n // 2)]  # rounded once
        last = [float(high - step * k) for k in range(n - n // 2)][::-1]
        points = [int(x) for x in first + last]
        assert cnn.linspace(low, high, n, dtype=cnn.int64).tolist() == points
    assert cnn.linspace(10, -1, 5, dtype=cnn.uint8).tolist() == [10, 71, 132, 193, 255]


def test_arange_of_floats_to_int64_cuts_bounds_and_step_first():
    assert cnn.arange(0.5, 5, dtype=cnn.int64).tolist() == [0, 1, 2, 3, 4]
    assert cnn.arange(0, 5, 1.5, dtype=cnn.int64).tolist() == [0, 1, 2, 3, 4]
    assert cnn.arange(1.9, -3.9, -1.9, dtype=cnn.int64).tolist() == [1, 0, -1, -2]
    with pytest.raises(ValueError, match="step must be nonzero"):
        cnn.arange(0, 5, 0.5, dtype=cnn.int64)


@pytest.mark.parametrize("decimals", [-1, 1, 3])
def test_round_of_integers_to_decimals_is_refused(decimals):
    with pytest.raises(NotImplementedError, match="\"round_cpu\" not implemented for 'Long'"):
        cnn.round(cnn.tensor([12]), decimals=decimals)


def test_cdist_refuses_an_unknown_compute_mode_and_integers():
    with pytest.raises(ValueError, match="x is not a valid value for compute_mode"):
        cnn.cdist(cnn.ones(2, 3), cnn.ones(2, 3), compute_mode="x")
    with pytest.raises(RuntimeError, match="floating-point dtypes, X2 got: torch.int64"):
        cnn.cdist(cnn.ones(2, 3), cnn.ones(2, 3, dtype=cnn.int64))


def test_huber_loss_of_two_dtypes_has_that_of_the_input():
    x, t = cnn.tensor([1.0, 4.0], requires_grad=True), cnn.tensor([0.0, 0.0], dtype=cnn.float64)
    for reduction, want in (("none", [0.5, 3.5]), ("mean", 2.0)):
        loss = F.huber_loss(x, t, reduction=reduction)
        assert loss.dtype == cnn.float32
        assert loss.tolist() == want
    loss.backward()
    assert x.grad.tolist() == [0.5, 0.5]
    whole = cnn.ones(2, dtype=cnn.int64)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output"):
        F.huber_loss(whole, cnn.ones(2))
    with pytest.raises(NotImplementedError, match="\"huber_cpu\" not implemented for 'Long'"):
        F.huber_loss(whole, whole)


# Dtypes that a kernel does not have ----------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [cnn.uint8, cnn.int8, cnn.int16, cnn.int32, cnn.int64, cnn.bool], ids=str
)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_adaptive_pools_refuse_integers(n, dtype, device):
    x = cnn.ones(1, 1, *[4] * n, dtype=dtype, device=device)
    for pool in (f"adaptive_max_pool{n}d", f"adaptive_avg_pool{n}d"):
        with pytest.raises(NotImplementedError, match=f'"{pool[:13]}.*" not implemented for'):
            getattr(F, pool)(x, 2)
        with pytest.raises(NotImplementedError, match="not implemented for"):
            getattr(F, pool)(x[:0], 2)


def test_average_pools_of_other_integers_than_int64_are_refused():
    x = cnn.arange(16).reshape(1, 1, 4, 4)
    assert F.avg_pool2d(x - 16, 2).flatten().tolist() == [-13, -11, -5, -3]  # towards zero
    with pytest.raises(NotImplementedError, match="\"avg_pool2d\" not implemented for 'Int'"):
        F.avg_pool2d(x.int(), 2)
    low = cnn.full((1, 1, 1), -(2**63))
    assert cnn.avg_pool2d(low[None], 1, divisor_override=-1).item() == -(2**63)


def test_transposed_convolution_of_integers_to_no_channels():
    x, w = cnn.ones(1, 2, 3, dtype=cnn.int64), cnn.ones(2, 0, 2, dtype=cnn.int64)
    assert F.conv_transpose1d(x, w).shape == (1, 0, 4)


def test_convolution_of_integers_wraps_in_its_dtype_and_refuses_bools():
    x = cnn.full((1, 2, 3, 3), 100, dtype=cnn.int8)
    w = cnn.ones(2, 2, 2, 2, dtype=cnn.int8)
    bias = cnn.tensor([1, 2], dtype=cnn.int8)
    y = F.conv2d(x, w, bias)
    assert y.dtype == cnn.int8 and y[0, :, 0, 0].tolist() == [800 % 256 + 1, 800 % 256 + 2]
    with pytest.raises(NotImplementedError, match="slow_conv2d_cpu"):
        F.conv2d(x > 0, w > 0)
    with pytest.raises(RuntimeError, match="type"):
        F.conv2d(x, w.float())


# Operands of other devices and dtypes ------------------------------------------------------------


def meta(*shape):
    return cnn.zeros(*shape, device="meta")


@pytest.mark.parametrize("training", [False, True])
def test_norms_refuse_parameters_of_another_device_dtype_or_shape(training):
    x = cnn.ones(2, 3, 2, 2)
    good = [cnn.zeros(3), cnn.ones(3), cnn.ones(3), cnn.zeros(3)]
    F.batch_norm(x, *good, training=training)
    for k in range(4):
        for bad in (
            meta(3),
            good[k].double(),
            good[k].long(),
            good[k].half(),
            cnn.ones(4),
            *([cnn.ones(1, 3)] if k < 2 else []),  # weight and bias may have any shape
        ):
            with pytest.raises(RuntimeError):
                F.batch_norm(x, *good[:k], bad, *good[k + 1 :], training=training)
    for k in (2, 3):
        for bad in (meta(3), good[k].double(), good[k].half(), cnn.ones(4), cnn.ones(1, 3)):
            weight, bias = (bad, good[3]) if k == 2 else (good[2], bad)
            with pytest.raises(RuntimeError):
                F.group_norm(x, 3, weight, bias)
            with pytest.raises(RuntimeError):
                F.layer_norm(x.transpose(1, 3), (3,), weight, bias)
            with pytest.raises(RuntimeError):
                F.instance_norm(x, weight=weight, bias=bias)
    assert good[0].tolist() == [0, 0, 0] or training


def test_norms_of_halves_take_float_parameters_of_one_dtype():
    x = cnn.ones(2, 3, dtype=cnn.float16)
    half, full = cnn.ones(3, dtype=cnn.float16), cnn.ones(3)
    assert F.layer_norm(x, (3,), full, full).dtype == cnn.float16
    assert F.layer_norm(x, (3,), half, half).dtype == cnn.float16
    with pytest.raises(RuntimeError, match="expected scalar type"):
        F.layer_norm(x, (3,), full, half)


CELLS = {"gru_cell": 3, "lstm_cell": 4, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@pytest.mark.parametrize("name, gates", CELLS.items(), ids=CELLS)
def test_cells_refuse_weights_states_and_biases_that_do_not_fit(name, gates):
    rows = gates * 5
    good = [
        cnn.ones(2, 3),
        cnn.ones(2, 5),
        cnn.ones(rows, 3),
        cnn.ones(rows, 5),
        cnn.ones(rows),
        cnn.ones(rows),
    ]

    def call(operands):
        x, h, *rest = operands
        return getattr(cnn, name)(x, [h, good[1]] if name == "lstm_cell" else h, *rest)

    call(good)
    for k, right in enumerate(good):
        wrong = [
            right.double(),
            right.long(),
            right.to("meta"),
            right[:1],
            right[..., :1],
            right[None],
        ]
        wrong += [cnn.cat([right, right]), right.sum(), cnn.zeros(0)]
        for bad in wrong:
            with pytest.raises((RuntimeError, IndexError)):
                call([*good[:k], bad, *good[k + 1 :]])
    if name == "lstm_cell":
        for bad in (cnn.ones(2, 4), cnn.ones(1, 5), meta(2, 5), cnn.ones(2, 5).double()):
            with pytest.raises(RuntimeError):
                cnn.lstm_cell(good[0], [good[1], bad], *good[2:])


def test_scales_on_another_device_are_refused():
    for bad in (meta(()).double(), cnn.zeros(2, dtype=cnn.float64)):
        with pytest.raises(RuntimeError):
            cnn._C.upsample_nearest1d(cnn.zeros(1, 1, 3), [2], bad)


def test_masked_fill_refuses_a_value_on_meta():
    x = cnn.ones(3)
    with pytest.raises(RuntimeError, match="same device"):
        x.masked_fill_(x > 0, meta(()))
    assert x.tolist() == [1, 1, 1] and x._version == 0


# Sizes ---------------------------------------------------------------------------------------------

ONE = cnn.ones(1, 1, 3)
HUGE = {
    "replication_pad": lambda: F.pad(ONE, (2**40, 0), mode="replicate"),
    "replication_pad overflow": lambda: F.pad(ONE, (2**62, 2**62), mode="replicate"),
    "replication_pad2d": lambda: F.pad(ONE[None], (2**30, 0, 2**30, 0), mode="replicate"),
    "constant pad": lambda: F.pad(ONE, (2**63 - 1, 2**63 - 1)),
    "linear": lambda: F.interpolate(ONE, size=2**40, mode="linear"),
    "nearest": lambda: F.interpolate(ONE, size=2**40),
    "nearest by a scale": lambda: F.interpolate(ONE, scale_factor=1e12),
    "nearest by a huge scale": lambda: F.interpolate(ONE, scale_factor=1e30),
    "nearest by nan": lambda: F.interpolate(ONE, scale_factor=math.nan),
    "bilinear": lambda: F.interpolate(ONE[None], size=(2**31, 2**31), mode="bilinear"),
    "bicubic": lambda: F.interpolate(ONE[None], size=(2**31, 2**31), mode="bicubic"),
    "combinations": lambda: cnn.combinations(cnn.arange(200), 8),
    "combinations with replacement": lambda: cnn.combinations(cnn.arange(3), 2**31, True),
    "combinations of many": lambda: cnn.combinations(cnn.arange(10**6), 5 * 10**5),
    "tensor_split": lambda: cnn.zeros(3).tensor_split(2**40),
    "chunk": lambda: cnn.zeros(0).chunk(2**40),
    "split": lambda: cnn.zeros(1).expand(2**40).split(1),
    "unbind": lambda: cnn.zeros(0, 2**40).unbind(1),
    "kron": lambda: cnn.kron(cnn.ones(1).expand(2**40), cnn.ones(1).expand(2**40)),
    "diagflat": lambda: cnn.diagflat(cnn.ones(3), 2**62),
    "diag_embed": lambda: cnn.diag_embed(cnn.ones(3), -(2**63)),
    "repeat_interleave": lambda: cnn.ones(3).repeat_interleave(cnn.tensor([2**62] * 3)),
    "tril_indices": lambda: cnn.tril_indices(2**40, 2**40),
}  # fmt: skip


@pytest.mark.parametrize("call", HUGE.values(), ids=HUGE)
def test_a_size_that_nothing_can_hold_is_refused_at_once(call):
    started = time.monotonic()
    with pytest.raises(RuntimeError):
        call()
    assert time.monotonic() - started < 1


def test_sizes_on_meta_are_only_numbers():
    x = ONE.to("meta")
    started = time.monotonic()
    assert F.pad(x, (2**40, 0), mode="replicate").shape == (1, 1, 2**40 + 3)
    assert F.interpolate(x, size=2**40, mode="linear").shape == (1, 1, 2**40)
    assert cnn.combinations(cnn.empty(100000, device="meta"), 2).shape == (4999950000, 2)
    assert time.monotonic() - started < 1


def test_polygamma_of_a_huge_order_takes_no_time():
    started = time.monotonic()
    y = cnn.polygamma(2**31 - 1, cnn.full((1000,), 3.0))
    assert y.shape == (1000,)
    far = cnn.polygamma(2, cnn.full((1000,), -1e9 - 0.5, dtype=cnn.float64))
    assert time.monotonic() - started < 1
    # psi'' is odd about the half-integers, but for a term of 1 / x^2.
    assert far.abs().max() < 1e-17


def test_polygamma_left_of_zero():
    x = cnn.tensor([-0.25, -3.3, -100.7], dtype=cnn.float64)
    # psi^(n)(x) by the recurrence psi^(n)(x) = psi^(n)(x + 1) - (-1)^n n! / x^(n+1)
    for n in (2, 3):
        want, at = np.zeros(3), x.numpy().copy()
        while (at < 0).any():
            below = at < 0
            want[below] -= (-1) ** n * math.factorial(n) / at[below] ** (n + 1)
            at[below] += 1
        want += cnn.polygamma(n, cnn.from_numpy(at)).numpy()
        np.testing.assert_allclose(cnn.polygamma(n, x).numpy(), want, rtol=1e-11)


def test_combinations_are_those_of_itertools():
    import itertools

    for n, r in ((4, 2), (5, 3), (3, 3), (3, 4), (1, 1), (0, 2)):
        x = cnn.arange(n) * 10
        for replaced, choose in (
            (False, itertools.combinations),
            (True, itertools.combinations_with_replacement),
        ):
            want = [list(row) for row in choose(x.tolist(), r)]
            got = cnn.combinations(x, r, replaced)
            assert got.tolist() == want and got.shape == (len(want), r)
    assert cnn.combinations(cnn.arange(60), 59).shape == (60, 59)  # nothing larger on the way
    with pytest.raises(RuntimeError, match="1D vector"):
        cnn.combinations(cnn.ones(2, 2))
    with pytest.raises(RuntimeError, match="non-negative"):
        cnn.combinations(cnn.ones(2), -1)


def test_indices_of_triangles():
    for rows, columns in ((3, 4), (4, 3), (1, 1), (0, 3), (3, 0)):
        for offset in (-5, -1, 0, 1, 2, 9):
            for name in ("tril", "triu"):
                want = np.array(getattr(np, f"{name}_indices")(rows, offset, columns))
                got = getattr(cnn, f"{name}_indices")(rows, columns, offset)
                assert got.dtype == cnn.int64
                np.testing.assert_array_equal(got.numpy(), want)
    assert cnn.triu_indices(2**31, 3).shape == (2, 6)
    assert cnn.tril_indices(3, 3, -(2**62)).shape == (2, 0)


def test_repeat_interleave_of_one_long_run():
    repeats = cnn.tensor([0, 2, 1 << 20, 0, 3, 0])
    y = cnn.arange(6).repeat_interleave(repeats)
    np.testing.assert_array_equal(y.numpy(), np.repeat(np.arange(6), repeats.numpy()))


@pytest.mark.parametrize("name", ["sort", "cummax", "max", "median", "mode", "kthvalue", "topk"])
def test_two_results_are_both_looked_at_before_one_is_touched(name):
    x, values, indices = cnn.rand(3, 4), cnn.full((1,), 7.0), cnn.zeros(1)  # indices: not long
    arguments = (2,) if name in ("kthvalue", "topk") else (0,)
    with pytest.raises(RuntimeError, match="Long"):
        getattr(cnn, name)(x, *arguments, out=(values, indices))
    assert values.tolist() == [7.0] and values._version == 0


def test_aminmax_looks_at_both_results_before_it_touches_one():
    low, high = cnn.full((1,), 7.0), cnn.zeros(1, dtype=cnn.int64)
    with pytest.raises(RuntimeError, match="Float"):
        cnn.aminmax(cnn.rand(3, 4), dim=0, out=(low, high))
    assert low.tolist() == [7.0] and low._version == 0


@pytest.mark.parametrize("size", [[2**40, 0], [0, 2**40]])
@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_a_pool_without_elements_takes_no_time_whatever_its_other_size(name, size):
    x = cnn.ones(2, 2, 2, requires_grad=True)
    y = getattr(cnn.nn.functional, name)(x, size)
    y.sum().backward()
    assert y.shape == (2, *size)
    assert x.grad.tolist() == cnn.zeros(2, 2, 2).tolist()


def test_bounds_that_integers_cannot_hold():
    x = cnn.tensor([3, 4])
    for call in (
        lambda: x.clamp_(0.5),
        lambda: x.clamp_(max=3.5),
        lambda: x.clamp_min_(0.5),
        lambda: cnn.clamp(x, 0.5, out=x),
    ):
        with pytest.raises(RuntimeError, match="can't be cast"):
            call()
    assert x.tolist() == [3, 4]
    out = cnn.zeros(2)
    assert cnn.clamp(x, 3.5, out=out).tolist() == [3.5, 4]


def test_numbers_that_eight_bits_cannot_hold():
    x = cnn.tensor([1, 2], dtype=cnn.int8)
    for call in (
        lambda: x.index_add(0, cnn.tensor([0]), x[:1], alpha=255),
        lambda: F.threshold(x, 255, 1),
        lambda: F.threshold(x, 1, 255),
    ):
        with pytest.raises(RuntimeError, match="without overflow"):
            call()
    with pytest.raises(RuntimeError, match="negative limits"):
        F.hardtanh(x.to(cnn.uint8), -1, 5)
    assert F.hardtanh(cnn.tensor([9], dtype=cnn.uint8), 0, 5).tolist() == [5]


def test_a_running_sum_in_place_keeps_its_dtype():
    x = cnn.tensor([1.5, 1.5])
    for name in ("cumsum_", "cumprod_"):
        with pytest.raises(RuntimeError, match="Bad in-place call"):
            getattr(x, name)(0, dtype=cnn.int64)
    assert x.tolist() == [1.5, 1.5]
    assert x.cumsum_(0, dtype=cnn.float32).tolist() == [1.5, 3]


def test_a_class_of_tensors_takes_its_own_dtype_alone():
    with pytest.raises(TypeError, match="expected a tensor of dtype"):
        cnn.LongTensor(cnn.ones(2))
    with pytest.raises(TypeError, match="expected a tensor of dtype"):
        cnn.ones(2).new(cnn.ones(2, dtype=cnn.int64))
    assert cnn.LongTensor(cnn.tensor([1, 2])).tolist() == [1, 2]
    assert cnn.Tensor(cnn.tensor([1, 2])).dtype == cnn.int64


def test_a_value_to_fill_with_is_one_number():
    with pytest.raises(RuntimeError, match="0-dimension value"):
        cnn.fill(cnn.ones(2), cnn.ones(2))
    assert cnn.fill(cnn.ones(2), cnn.tensor(3.0)).tolist() == [3, 3]


def test_quantiles_outside_of_zero_to_one():
    for q in ([-1.0], [0.5, 2.0], [math.nan]):
        for op in (cnn.quantile, cnn.nanquantile):
            with pytest.raises(RuntimeError, match="range"):
                op(cnn.ones(3), cnn.tensor(q))


def test_endless_rows_of_nothing_take_no_time():
    start = time.monotonic()
    x = cnn.empty(2**40, 0)
    for y in (
        x.cumsum(1),
        x.cumprod(1),
        x.topk(0)[0],
        x.softmax(1),
        x.sort(1)[0],
        x.logcumsumexp(1),
    ):
        assert y.shape == (2**40, 0)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("sizes", [[2**62, 2**62], [1, 3], [3, 3], [-1, 5], [], [2, 0, 2]], ids=str)
def test_packed_sequences_that_do_not_add_up(sizes):
    start = time.monotonic()
    sizes = cnn.tensor(sizes, dtype=cnn.int64)
    packed = cnn.nn.utils.rnn.PackedSequence(cnn.ones(4, 3), sizes)
    with pytest.raises(RuntimeError, match="batch_sizes"):
        cnn.nn.utils.rnn.pad_packed_sequence(packed)
    assert time.monotonic() - start < 2


def test_what_has_no_meaning_is_refused():
    with pytest.raises(IndexError, match="no dimensions"):
        cnn.tensor(1.0).size(0)
    with pytest.raises(RuntimeError, match="p_in"):
        cnn.bernoulli(cnn.tensor([0.5, math.nan]))
    with pytest.raises(RuntimeError, match="non-negative p"):
        cnn.cdist(cnn.ones(2, 2), cnn.ones(2, 2), p=math.nan)
    with pytest.raises(RuntimeError, match="2 or fewer dimensions"):
        cnn.block_diag(cnn.ones(2, 2, 2))
    assert cnn.block_diag().shape == (1, 0)
    with pytest.raises(RuntimeError, match="1 dimension"):
        cnn.bucketize(cnn.ones(2, 3), cnn.ones(2, 3))
