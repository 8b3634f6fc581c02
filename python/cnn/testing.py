"""Comparing results in tests: `assert_close`, and random tensors to compute them from."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence

from . import _C, _absent
from ._number_info import finfo, iinfo

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# (rtol, atol) by dtype; everything else must be equal.
_TOLERANCES = {
    "torch.float16": (1e-3, 1e-5),
    "torch.bfloat16": (1.6e-2, 1e-5),
    "torch.float32": (1.3e-6, 1e-5),
    "torch.float64": (1e-7, 1e-7),
    "torch.complex64": (1.3e-6, 1e-5),
    "torch.complex128": (1e-7, 1e-7),
}
_NUMBERS = {int: "torch.int64", float: "torch.float64", complex: "torch.complex128"}


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raises AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere.

    Compares tensors, arrays, numbers, and sequences and mappings of them; shapes, and by default
    dtypes and devices, must be the same. Without tolerances, those of the dtype apply. `msg`
    replaces the message, or, as a function, changes it.
    """
    __tracebackhide__ = True  # pytest shows the caller instead
    comparison = _Comparison(
        allow_subclasses,
        rtol,
        atol,
        equal_nan,
        check_device,
        check_dtype,
        check_layout,
        check_stride,
    )
    try:
        # All inputs are looked at before the first value is compared.
        for compare, pair, place in list(comparison.pairs(actual, expected, ())):
            compare(*pair, place)
    except _Failure as failure:
        raise failure.as_error(msg) from None


class _Failure(Exception):
    def __init__(self, kind, text, place):
        self._kind, self._text, self._place = kind, text, place

    def as_error(self, msg):
        if isinstance(msg, str):
            return self._kind(msg)
        text = self._text
        if self._place:
            where = "".join(f"[{item!r}]" for item in self._place)
            text += f"\n\nThe failure occurred for item {where}"
        return self._kind(msg(text) if callable(msg) else text)


class _Comparison:
    """The options of one `assert_close`."""

    def __init__(
        self,
        allow_subclasses,
        rtol,
        atol,
        equal_nan,
        check_device,
        check_dtype,
        check_layout,
        check_stride,
    ):
        self._allow_subclasses = allow_subclasses
        self._rtol, self._atol, self._equal_nan = rtol, atol, equal_nan
        self._check_device, self._check_dtype = check_device, check_dtype
        self._check_layout, self._check_stride = check_layout, check_stride

    def pairs(self, actual, expected, place):
        """Walks containers side by side: yields (method, (actual, expected), place) for each pair
        of leaves.
        """
        if all(isinstance(x, Sequence) and not isinstance(x, str) for x in (actual, expected)):
            if len(actual) != len(expected):
                raise _Failure(
                    AssertionError,
                    f"The length of the sequences mismatch: {len(actual)} != {len(expected)}",
                    place,
                )
            for i in range(len(actual)):
                yield from self.pairs(actual[i], expected[i], (*place, i))
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            yield from self._mapping_pairs(actual, expected, place)
        else:
            yield self._leaf_pair(actual, expected, place)

    def _mapping_pairs(self, actual, expected, place):
        have, want = set(actual), set(expected)
        if have != want:
            raise _Failure(
                AssertionError,
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(want - have)}\n"
                f"Additional keys in the actual mapping: {sorted(have - want)}",
                place,
            )
        try:
            keys = sorted(have)
        except TypeError:
            keys = list(actual)
        for key in keys:
            yield from self.pairs(actual[key], expected[key], (*place, key))

    def _leaf_pair(self, actual, expected, place):
        if actual is None or expected is None:
            return self._compare_none, (actual, expected), place
        plain = _as_plain(actual), _as_plain(expected)
        if all(isinstance(x, bool) for x in plain):
            return self._compare_bools, plain, place
        if all(type(x) in _NUMBERS for x in plain):
            self._tolerances(place, *(_NUMBERS[type(x)] for x in plain))
            return self._compare_numbers, plain, place
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if related and (self._allow_subclasses or type(actual) is type(expected)):
            tensors = [x if isinstance(x, _C.Tensor) else _as_tensor(x) for x in (actual, expected)]
            if all(tensor is not None for tensor in tensors):
                self._tolerances(place, *(str(t.dtype) for t in tensors))
                return self._compare_tensors, tuple(tensors), place
        raise _Failure(
            TypeError,
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}.",
            place,
        )

    def _tolerances(self, place, *dtypes):
        if (self._rtol is None) != (self._atol is None):
            missing = "rtol" if self._rtol is None else "atol"
            raise _Failure(
                ValueError,
                "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                f"{missing}.",
                place,
            )
        if self._rtol is not None:
            return self._rtol, self._atol
        rtols, atols = zip(*(_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes))
        return max(rtols), max(atols)

    @staticmethod
    def _compare_none(actual, expected, place):
        if actual is not expected:
            raise _Failure(AssertionError, f"None mismatch: {actual} is not {expected}", place)

    @staticmethod
    def _compare_bools(actual, expected, place):
        if actual is not expected:
            raise _Failure(AssertionError, f"Booleans mismatch: {actual} is not {expected}", place)

    def _compare_numbers(self, actual, expected, place):
        if self._check_dtype and type(actual) is not type(expected):
            raise _Failure(
                AssertionError,
                f"The (d)types do not match: {type(actual)} != {type(expected)}.",
                place,
            )
        if actual == expected:
            return
        if self._equal_nan and cmath.isnan(actual) and cmath.isnan(expected):
            return
        rtol, atol = self._tolerances(place, *(_NUMBERS[type(x)] for x in (actual, expected)))
        off = abs(actual - expected)
        if not (cmath.isfinite(off) and off <= atol + rtol * abs(expected)):
            raise _Failure(AssertionError, _scalar_message(actual, expected, rtol, atol), place)

    def _compare_tensors(self, actual, expected, place):
        checks = [("shape", True, actual.shape, expected.shape)]
        checks.append(("layout", self._check_layout, actual.layout, expected.layout))
        checks.append(("stride()", self._check_stride, actual.stride(), expected.stride()))
        checks.append(("device", self._check_device, actual.device, expected.device))
        checks.append(("dtype", self._check_dtype, actual.dtype, expected.dtype))
        for name, wanted, have, want in checks:
            if wanted and have != want:
                raise _Failure(
                    AssertionError,
                    f"The values for attribute '{name}' do not match: {have} != {want}.",
                    place,
                )
        if "meta" in (actual.device.type, expected.device.type):
            return
        rtol, atol = self._tolerances(place, str(actual.dtype), str(expected.dtype))
        actual, expected = actual.detach(), expected.detach()
        if actual.device != expected.device:
            actual, expected = actual.cpu(), expected.cpu()
        if actual.dtype != expected.dtype:
            common = _C.promote_types(actual.dtype, expected.dtype)
            actual, expected = actual.to(common), expected.to(common)
        if _is_float8(actual.dtype):
            text = _bits_message(actual, expected, rtol, atol)
            if text:
                raise _Failure(AssertionError, text, place)
            return
        matches = _C.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=self._equal_nan)
        if matches.all().item():
            return
        if actual.dim():
            text = _tensor_message(actual, expected, matches, rtol, atol)
        else:
            text = _scalar_message(actual.item(), expected.item(), rtol, atol)
        raise _Failure(AssertionError, text, place)


def _is_numpy(value):
    return type(value).__module__.partition(".")[0] == "numpy"


def _as_plain(value):
    """NumPy's scalars as Python's; everything else as it is."""
    if _is_numpy(value) and hasattr(value, "item") and not hasattr(value, "__len__"):
        return value.item()
    return value


def _as_tensor(value):
    """A tensor of an array-like; None for what is none."""
    try:
        return _C.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _difference_lines(off, relative, rtol, atol, off_at="", relative_at=""):
    exact = rtol == 0 and atol == 0
    lines = []
    for kind, value, at, tolerance in (
        ("absolute", off, off_at, atol),
        ("relative", relative, relative_at, rtol),
    ):
        head = f"Greatest {kind} difference" if at else f"{kind.title()} difference"
        lines.append(f"{head}: {value}{at}" + ("" if exact else f" (up to {tolerance} allowed)"))
    return lines


def _scalar_message(actual, expected, rtol, atol):
    off = abs(actual - expected)
    relative = math.inf if expected == 0 else off / abs(expected)
    head = f"Scalars are not {'equal' if rtol == 0 and atol == 0 else 'close'}!"
    lines = _difference_lines(off, relative, rtol, atol)
    return "\n".join([head, "", f"Expected {expected} but got {actual}.", *lines])


def _bits_message(actual, expected, rtol, atol):
    """What is wrong with tensors of floats of 8 bits, whose bits are compared; None if nothing."""
    if rtol or atol:
        return (
            f"Rtol={rtol} and atol={atol} are not supported for bitwise comparison of low "
            "dimensional floats. Please use rtol=0.0 and atol=0.0."
        )
    other = (actual.view(_C.uint8) != expected.view(_C.uint8)).flatten()
    wrong, count = int(other.sum().item()), other.numel()
    if not wrong:
        return None
    first = _unravel(int(other.nonzero()[0].item()), tuple(actual.shape))
    return (
        f"Tensor-likes are not 'equal'!\n\nMismatched elements: {wrong} / {count} "
        f"({wrong / count:.1%})\nThe first mismatched element is at index {first}."
    )


def _tensor_message(actual, expected, matches, rtol, atol):
    count = matches.numel()
    wrong = count - int(matches.sum().item())
    shape = tuple(matches.shape)
    matches, actual, expected = matches.flatten(), actual.flatten(), expected.flatten()
    if not (actual.is_floating_point() or actual.is_complex()):
        actual, expected = actual.to(_C.int64), expected.to(_C.int64)
    off = (actual - expected).abs()
    off[matches] = 0
    relative = off / expected.abs()
    relative[matches] = 0
    (off, off_at), (relative, relative_at) = (
        (largest.item(), f" at index {_unravel(int(at.item()), shape)}")
        for largest, at in (_C.max(off, 0), _C.max(relative, 0))
    )
    head = f"Tensor-likes are not {'equal' if rtol == 0 and atol == 0 else 'close'}!"
    mismatched = f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})"
    lines = _difference_lines(off, relative, rtol, atol, off_at, relative_at)
    return "\n".join([head, "", mismatched, *lines])


def _unravel(flat, shape):
    index = []
    for size in reversed(shape):
        flat, i = divmod(flat, size)
        index.append(i)
    return tuple(reversed(index))


# (rtol, atol) of `assert_allclose` by dtype; the larger of the two tensors' counts.
_OLDER_TOLERANCES = {
    "torch.float16": (1e-3, 1e-3),
    "torch.bfloat16": (1e-2, 1e-2),
    "torch.float32": (1e-4, 1e-5),
    "torch.float64": (1e-5, 1e-8),
}


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The older `assert_close`, of any dtypes, with wider tolerances."""
    import warnings

    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a "
        "future release. Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, _C.Tensor):
        actual = _C.tensor(actual)
    if not isinstance(expected, _C.Tensor):
        expected = _C.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        pairs = [_OLDER_TOLERANCES.get(str(t.dtype), (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = (max(values) for values in zip(*pairs))
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        msg=msg or None,
    )


def make_tensor(
    *shape,
    dtype,
    device="cpu",
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of uniform random values in [low, high): by default [-9, 9), integers [-9, 10),
    bools either.

    Bounds are clamped to the dtype. `noncontiguous` gives a view of every second element;
    `exclude_zero` replaces zeros by one or by the smallest normal number.
    """
    if len(shape) == 1 and isinstance(shape[0], Sequence):
        shape = shape[0]
    shape = tuple(shape)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"{noncontiguous=} and {memory_format=}"
        )
    inexact = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not inexact:
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"{dtype=}"
        )
    noncontiguous = noncontiguous and math.prod(shape) > 1
    if noncontiguous:
        shape = (*shape[:-1], 2 * shape[-1])
    low, high = _bounds(low, high, dtype)
    if _is_float8(dtype):
        result = _C.empty(shape, dtype=_C.float32, device=device).uniform_(low, high).to(dtype)
    elif inexact:
        result = _C.empty(shape, dtype=dtype, device=device)
        target = _C.view_as_real(result) if dtype.is_complex else result
        target.uniform_(low, high)
    else:
        result = _C.randint(low, high, shape, dtype=dtype, device=device)
    if noncontiguous:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if inexact else 1
    return result.requires_grad_() if requires_grad else result


def _is_float8(dtype):
    return dtype.is_floating_point and dtype.itemsize == 1


def _bounds(low, high, dtype):
    inexact = dtype.is_floating_point or dtype.is_complex
    if dtype == _C.bool:
        default, least, end = (0, 2), 0, 2
    elif inexact:
        info = finfo(dtype)
        default, least, end = (-9, 9), info.min, info.max
    else:
        info = iinfo(dtype)
        # The end is exclusive, and int64 has no room for one more.
        default, least, end = (-9, 10), info.min, info.max + (dtype != _C.int64)
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    if low != low or high != high:
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low >= high and not (inexact and low == high):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high < least or low >= end:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} "
            f"only supports [{least}, {end})"
        )
    low, high = (min(max(bound, least), end) for bound in (low, high))
    return (low, high) if inexact else (math.ceil(low), math.ceil(high))


_absent.explain(__name__)
