"""NumPy's arrays and functions, and pandas' vectors, among tensors: the same results and exceptions
as PyTorch's.
"""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")

OPERANDS = {
    "float32": np.array([1, 5, 3], np.float32),
    "float64": np.array([1.0, 5.0, 3.0]),
    "int64": np.array([1, 5, 3]),
    "int8": np.array([1, 5, 3], np.int8),
    "bool": np.array([True, False, True]),
    "object": np.array([1, "a", None], dtype=object),
    "text": np.array(["a", "b", "c"]),
    "0-d": np.array(2.0),
    "0-d int": np.array(2),
    "2-d": np.ones((2, 3)),
    "4": np.ones(4),
    "subclass": np.ones(3).view(type("Sub", (np.ndarray,), {})),
    "np.float32": np.float32(2),
    "np.float64": np.float64(2),
    "np.int64": np.int64(2),
    "list": [1.0, 2.0, 3.0],
    "tuple": (1, 2, 3),
    "None": None,
    "str": "a",
}


def tensors(lib):
    return {
        "float32": lib.tensor([1.0, 2.0, 3.0]),
        "float64": lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64),
        "int64": lib.tensor([1, 2, 3]),
        "bool": lib.tensor([True, False, True]),
        "0-d": lib.tensor(2.0),
        "grad": lib.tensor([1.0, 2.0, 3.0], requires_grad=True),
    }


def outcome(lib, act):
    """What can be compared of a result: kind, dtype, values; of an exception its class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            r = act(lib)
        except Exception as error:
            return next(c for c in type(error).__mro__ if c.__module__ == "builtins").__name__
    return told(lib, r)


def told(lib, r):
    if isinstance(r, lib.Tensor):
        kind = str(r.dtype).removeprefix("torch.")
        return "tensor", kind, r.requires_grad, tuple(r.shape), r.detach().tolist()
    if isinstance(r, np.ndarray | np.generic):
        return type(r).__name__, str(r.dtype), r.shape, r.tolist()
    if isinstance(r, tuple | list):
        return type(r).__name__, [told(lib, item) for item in r]
    return r


def check(act):
    ours, theirs = outcome(cnn, act), outcome(torch, act)
    assert repr(ours) == repr(theirs)  # NaN and all


# Without <, which PyTorch refuses for arrays, and !=, of which it says just True.
BINARY = "eq add sub mul truediv floordiv mod pow matmul and_ or_ xor".split()
IN_PLACE = "iadd isub imul itruediv ifloordiv imod ipow".split()


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("name", BINARY + IN_PLACE)
def test_operators(name, operand):
    f, other = getattr(operator, name), OPERANDS[operand]
    for kind in tensors(cnn):
        check(lambda lib, kind=kind: f(tensors(lib)[kind].clone(), other))
        if operand == "list" and name in IN_PLACE:  # which it would change
            continue
        if operand.startswith("np.") and kind == "grad":
            continue
        check(lambda lib, kind=kind: f(other, tensors(lib)[kind]))


UNARY = ["exp", "abs", "sqrt", "sin", "isnan", "negative", "sign", "floor", "logical_not", "frexp"]
FUNCTIONS = {
    "clip": lambda v: np.clip(v, 1, 2),
    "reshape": lambda v: np.reshape(v, (-1, 1)),
    "argmax": np.argmax,
    "cumsum": np.cumsum,
    "concatenate": lambda v: np.concatenate([v, v]),
    "stack": lambda v: np.stack([v, v]),
    "transpose": np.transpose,
    "asarray": np.asarray,
    "where": lambda v: np.where(v > 1, v, 0),
    "round": np.round,
    "repeat": lambda v: np.repeat(v, 2),
    "take": lambda v: np.take(v, [0]),
    "add.reduce": np.add.reduce,
    "divmod": lambda v: np.divmod(v, 2),
    "outer": lambda v: np.outer(v, v),
    "allclose": lambda v: np.allclose(v, v),
    "zeros_like": np.zeros_like,
    "sum": np.sum,
    "dot": lambda v: np.dot(v, v),
}


@pytest.mark.parametrize("name", UNARY + list(FUNCTIONS))
def test_functions_of_numpy(name):
    f = FUNCTIONS.get(name) or getattr(np, name)
    for kind in tensors(cnn):
        check(lambda lib, kind=kind: f(tensors(lib)[kind]))


@pytest.mark.parametrize("name", ["add", "maximum", "minimum", "multiply", "power", "equal"])
def test_functions_of_two(name):
    f = getattr(np, name)
    for kind in tensors(cnn):
        for operand in ("float32", "int64", "0-d", "np.float64", "list"):
            other = OPERANDS[operand]
            check(lambda lib, kind=kind, other=other: f(tensors(lib)[kind], other))
            check(lambda lib, kind=kind, other=other: f(other, tensors(lib)[kind]))


@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema_with_a_tensor(name):
    for bound in (2, 2.0, [2, 9, 1]):
        check(lambda lib, b=bound: getattr(lib, name)(lib.tensor([1, 5, 3]), lib.tensor(b)))
        check(lambda lib, b=bound: getattr(lib.tensor([1, 5, 3]), name)(lib.tensor(b)))


def test_series():
    pd = pytest.importorskip("pandas")
    vectors = [
        pd.Series([1.5, 2.5]),
        pd.Series([1, 2]),
        pd.Series([True, False]),
        pd.Series(np.array([1, 2], np.float32)),
        pd.Series([1.0, 2.0, 3.0], index=[2, 1, 0]),
        pd.Series(["a", "b"]),
        pd.Series([1, 2]).astype("category"),
        pd.Index([1, 2]),
        [pd.Series([1.0, 2.0]), pd.Series([3.0, 4.0])],
    ]
    for v in vectors:
        for make in ("tensor", "as_tensor", "Tensor", "FloatTensor"):
            check(lambda lib, v=v, make=make: getattr(lib, make)(v))
        check(lambda lib, v=v: lib.tensor(v, dtype=lib.float64))
        check(lambda lib, v=v: lib.from_numpy(v))


def test_meshgrid_einsum_and_tile():
    for sizes in ((3, 2), (2, 3, 4), (3,)):
        for indexing in ("ij", "xy"):
            check(
                lambda lib, s=sizes, i=indexing: lib.meshgrid(
                    *[lib.arange(float(n)) for n in s], lib.tensor(1.0), indexing=i
                )
            )
    a = np.arange(6.0).reshape(2, 3)
    for rest in (
        ([0, 1, 2],),
        ([0, 1],),
        ([1, 0],),
        ([0, 1], [0]),
        ([0, 1], [1, 0]),
        ([..., 0], [0, ...]),
        ([52, 1],),
        ([-1, 1],),
        ([0.0, 1],),
        ((0, 1), (1,)),
        (range(2),),
    ):
        check(lambda lib, rest=rest: lib.einsum(lib.from_numpy(a), *rest))
    for dims in ((), (2,), (2, 1), (1, 2, 3), [2], 2, 2.0, "a", True):
        check(lambda lib, d=dims: lib.tile(lib.from_numpy(a), d))
        check(lambda lib, d=dims: lib.from_numpy(a).tile(d))


def test_storages_of_arrays():
    for n in (np.broadcast_to(1.0, (3,)), np.ones(6)[::2], np.ones((0, 3)), np.ones((3, 2)).T):
        check(lambda lib, n=n: lib.from_numpy(n).untyped_storage().nbytes())
