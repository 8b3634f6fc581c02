"""The words that rows of the op table are written in: arguments, cases and the row itself.

An argument such as `X(2, 3, low=0.1)` describes a tensor without making it; a case is one call. The
same case makes the same values every time, as a NumPy array (for the reference) and as a tensor.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import cnn

HALVES = (cnn.float16, cnn.bfloat16)
FLOATS = (cnn.float32, cnn.float64, *HALVES)
INTS = (cnn.uint8, cnn.int8, cnn.int16, cnn.int32, cnn.int64)
BOOL = (cnn.bool,)
NUMBERS = FLOATS + INTS
ALL = NUMBERS + BOOL

# Relative tolerance of one rounding or a few, by dtype.
EPSILON = {cnn.float64: 1e-12, cnn.float32: 4e-6, cnn.float16: 4e-3, cnn.bfloat16: 3e-2}


def to_array(tensor):
    """The values as NumPy float64, int64 or bool."""
    if tensor.dtype == cnn.bool:
        return tensor.numpy()
    return tensor.detach().to(cnn.float64 if tensor.is_floating_point() else cnn.int64).numpy()


class X:
    """A tensor of the dtype under test with values in [low, high].

    `kinks` are points that values keep away from (where the op has no derivative, or a divisor 0);
    `distinct` gives values that differ from each other, also without their signs. `dtype` fixes the
    dtype; `grad` says whether gradients by it are checked.
    """

    moves = True  # False: stays a dense tensor on the CPU in every test

    def __init__(self, *shape, low=-2.0, high=2.0, kinks=(), distinct=False, dtype=None, grad=True):
        self.shape, self.low, self.high = shape, low, high
        self.kinks, self.distinct, self.dtype, self.grad = kinks, distinct, dtype, grad

    def shaped(self, *shape):
        """The same description for another shape."""
        other = copy.copy(self)
        other.shape = shape
        return other

    def dtype_for(self, dtype):
        return self.dtype or dtype

    def values(self, rng, dtype):
        if dtype == cnn.bool:
            return rng.random(self.shape) < 0.5
        if self.distinct:
            count = int(np.prod(self.shape))
            start = 0 if dtype == cnn.uint8 else -(count // 2)
            order = start + rng.permutation(count).reshape(self.shape)
            return order if dtype in INTS else order * 0.25 + 0.1
        if dtype in INTS:
            low = max(int(np.ceil(self.low)), 0 if dtype == cnn.uint8 else -128)
            values = rng.integers(low, max(int(self.high), low), self.shape, endpoint=True)
            for kink in self.kinks:
                values = np.where(values == kink, kink + 1, values)
            return values
        values = rng.uniform(self.low, self.high, self.shape)
        for kink in self.kinks:
            near = np.abs(values - kink) < 0.1
            values = np.where(near, kink + np.where(values < kink, -0.15, 0.15), values)
        return values

    def make(self, rng, dtype):
        """(array, tensor) with equal values."""
        dtype = self.dtype_for(dtype)
        tensor = cnn.from_numpy(np.array(self.values(rng, dtype))).to(dtype)
        return to_array(tensor), tensor


class Index(X):
    """int64 values in [0, below); `distinct` along the whole tensor."""

    def __init__(self, *shape, below, distinct=False):
        super().__init__(*shape, low=0, high=below - 1, dtype=cnn.int64, distinct=distinct)
        self.below = below

    def values(self, rng, dtype):
        if self.distinct:
            return rng.permutation(self.below)[: int(np.prod(self.shape))].reshape(self.shape)
        return rng.integers(0, self.below, self.shape)


class Mask(X):
    def __init__(self, *shape):
        super().__init__(*shape, dtype=cnn.bool)


class Fixed(X):
    """A tensor with these values; of the dtype under test unless one is given."""

    def __init__(self, values, dtype=None, grad=True):
        self._values = np.array(values)
        super().__init__(*self._values.shape, dtype=dtype, grad=grad)

    def values(self, rng, dtype):
        return self._values


class Sizes(Fixed):
    """int64 values that are always read on the CPU."""

    moves = False

    def __init__(self, *values):
        super().__init__(values, dtype=cnn.int64)


@dataclass(frozen=True)
class Case:
    """One call of an op."""

    args: tuple
    kwargs: dict
    dtypes: tuple | None = None  # where it differs from the row's
    differentiable: bool = True
    seed: int = 0

    def only(self, dtypes):
        """For these dtypes alone."""
        return replace(self, dtypes=tuple(dtypes))

    def no_grad(self):
        """Not differentiated: too large, or at a point without a derivative."""
        return replace(self, differentiable=False)

    def make(self, dtype, change=None):
        """(arrays, tensors): the positional arguments for the reference and for the op.

        `change(array, tensor)` may replace each pair. Keywords hold no tensors.
        """
        rng = np.random.default_rng(self.seed)

        def build(spec):
            if isinstance(spec, X):
                pair = spec.make(rng, dtype)
                return change(*pair) if change and spec.moves else pair
            if isinstance(spec, list) and any(isinstance(item, X) for item in spec):
                pairs = [build(item) for item in spec]
                return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            return spec, spec

        pairs = [build(spec) for spec in self.args]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def with_shapes(self, shapes):
        """The same call with the tensors in other shapes, taken in turn."""
        left = iter(shapes)
        args = tuple(
            arg.shaped(*next(left)) if type(arg) in (X, Mask) else arg for arg in self.args
        )
        return replace(self, args=args)

    def gradient_specs(self):
        """For each tensor argument, lists flattened: is it to be differentiated?"""
        flat = []
        for arg in self.args:
            flat.extend(a for a in (arg if isinstance(arg, list) else [arg]) if isinstance(a, X))
        return [spec.grad and spec.dtype in (None, *FLOATS) for spec in flat]


def case(*args, **kwargs):
    return Case(args, kwargs)


@dataclass(frozen=True)
class Error:
    """A call that must raise: type, a part of the message, arguments."""

    kind: type
    match: str
    call: Case
    dtype: Any = cnn.float32


def error(kind, match, *args, dtype=cnn.float32, **kwargs):
    return Error(kind, match or None, Case(args, kwargs), dtype)


@dataclass(frozen=True)
class Op:
    """A row: an op, its reference, and what is true of it.

    `reference` takes the same arguments with arrays in place of tensors and computes in float64.
    `result` is the dtype of the result, or one for each of several results: None for the dtype
    under test, "float" for that or float32 for integers. `grad`: how often it is differentiable.
    `large` is a case of about a million elements for the test of threads; else it stands in
    `op_rows.large`.
    """

    name: str
    reference: Callable
    cases: list
    dtypes: tuple = FLOATS
    result: Any = None
    grad: int = 2
    pointwise: bool = False
    tolerance: float = 1.0  # times EPSILON
    meta: bool = True  # False: the result's shape depends on values
    strided: bool = True  # False: not for inputs in any layout
    mixed: bool = False  # True: takes tensors of several devices
    in_place: bool = True
    out: bool = True
    any_out: bool = False  # True: computes in the dtype of out=
    errors: list = field(default_factory=list)
    large: Case | None = None
    function: Callable | None = None  # where it is not cnn.<name> or Tensor.<name>

    def __post_init__(self):
        cases = list(self.cases)
        if self.pointwise:
            cases += self._pointwise_edges(cases[0])
            if self.large is None:
                shapes = [(1024, 1030)] + [(1024, 1030)] * 8
                object.__setattr__(self, "large", cases[0].with_shapes(shapes))
        seed = zlib.crc32(self.name.encode())
        seeded = [replace(c, seed=seed + i) for i, c in enumerate(cases)]
        object.__setattr__(self, "cases", seeded)

    @staticmethod
    def _pointwise_edges(first):
        """0-d, zero-size and broadcast operands of the first case."""
        many = [(2, 1, 3), (4, 1), (3,), (1,)]
        shapes = [[()] * 4, [(0,)] * 4, [(2, 0, 3)] * 4, many]
        return [first.with_shapes(s) for s in shapes]

    @property
    def call(self):
        if self.function is not None:
            return self.function
        found = (getattr(home, self.name, None) for home in (cnn._C, cnn.Tensor, cnn))
        return next(f for f in found if callable(f))

    @property
    def in_place_call(self):
        return getattr(cnn.Tensor, self.name + "_", None) if self.in_place else None

    @property
    def has_out(self):
        return self.out and ", out=" in (getattr(self.call, "__text_signature__", None) or "")

    def cases_for(self, dtype):
        return [c for c in self.cases if c.dtypes is None or dtype in c.dtypes]


def flat_tensors(args):
    """The tensors among arguments, lists included."""
    for arg in args:
        if isinstance(arg, cnn.Tensor):
            yield arg
        elif isinstance(arg, (list, tuple)):
            yield from flat_tensors(arg)


def results_of(value):
    """An op's results as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
