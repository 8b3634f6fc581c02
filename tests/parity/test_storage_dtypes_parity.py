"""Dtypes that are only stored beside PyTorch's: codes, rounding, what works, what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest

import cnn
from test_storage_dtype_casts import CODES, FLOATS, INTS, STORED, floats_to_round

torch = pytest.importorskip("torch")


def both(f, *arrays):
    """f(library, *tensors) of both libraries: the results, or the classes of what they raise."""
    results = []
    for lib in (cnn, torch):
        try:
            results.append(f(lib, *(lib.from_numpy(a.copy()) for a in arrays)))
        except Exception as error:  # noqa: BLE001
            results.append(type(error))
    return results


def bytes_of(t):
    return t.reshape(-1).view((cnn if isinstance(t, cnn.Tensor) else torch).uint8).numpy()


def same(got, want, message=""):
    if isinstance(want, type):
        assert got is want, (message, got, want)
        return
    assert not isinstance(got, type), (message, got, want)
    if not isinstance(want, torch.Tensor):
        assert got == want, message
        return
    assert str(got.dtype) == str(want.dtype) and tuple(got.shape) == tuple(want.shape), message
    np.testing.assert_array_equal(bytes_of(got), bytes_of(want), err_msg=message)


@pytest.mark.parametrize("name", FLOATS)
def test_every_float_and_every_code(name):
    x = floats_to_round(name)
    for wide in ("float32", "float64", "float16", "bfloat16"):
        y = x if wide.startswith("float32") else x[~np.isnan(x)]  # a nan may lose its sign before
        same(*both(lambda lib, t: t.to(getattr(lib, wide)).to(getattr(lib, name)), y), wide)
    for wide in ("float32", "float64", *FLOATS):
        if wide == name:
            continue
        same(*both(lambda lib, t: t.view(getattr(lib, name)).to(getattr(lib, wide)), CODES), wide)
    for low in ("int64", "int32", "int16", "int8", "uint8", "bool", *INTS):
        numbers = np.arange(-70000, 70000)
        same(*both(lambda lib, t: t.to(getattr(lib, low)).to(getattr(lib, name)), numbers), low)
        codes = CODES[
            np.abs(
                np.nan_to_num(
                    torch.from_numpy(CODES).view(getattr(torch, name)).float().numpy(), nan=1e9
                )
            )
            < 100
        ]
        same(*both(lambda lib, t: t.view(getattr(lib, name)).to(getattr(lib, low)), codes), low)


@pytest.mark.parametrize("name", INTS)
def test_conversions_of_unsigned_integers(name):
    rng = np.random.default_rng(1)
    bits = np.iinfo(name).bits
    values = rng.integers(0, 2**bits, 2000, dtype=np.uint64).astype(name)
    numbers = np.float32([0, 0.5, 1.5, 255.9, 65535.9, 3.7e4, -1, -2.5])
    for other in (
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "float32",
        "float64",
        "float16",
        "bfloat16",
        *STORED,
    ):
        same(*both(lambda lib, t: t.to(getattr(lib, other)), values), other)
    for wide in ("float32", "float64", "float16", "bfloat16"):
        same(*both(lambda lib, t: t.to(getattr(lib, wide)).to(getattr(lib, name)), numbers), wide)
    large = np.array([2.0**31, 2.0**32 - 256, 2.0**63, 1.1e19])
    same(*both(lambda lib, t: t[t < 2.0**bits].to(getattr(lib, name)), large))


OPS = {
    "mul": lambda lib, x: x * x,
    "eq": lambda lib, x: x == x,
    "ne": lambda lib, x: x != 2,
    "isnan": lambda lib, x: x.isnan(),
    "any": lambda lib, x: x.any(),
    "all": lambda lib, x: x.all(),
    "sum32": lambda lib, x: x.sum(dtype=lib.float32),
    "div": lambda lib, x: x / x,
    "and": lambda lib, x: x & x,
    "or": lambda lib, x: x | x,
    "xor": lambda lib, x: x ^ x,
    "sum": lambda lib, x: x.sum(),
    "prod": lambda lib, x: x.prod(),
    "floor": lambda lib, x: x.floor(),
    "isinf": lambda lib, x: x.isinf(),
    "signbit": lambda lib, x: x.signbit(),
    "sort": lambda lib, x: x.flatten().sort()[0],
    "unique": lambda lib, x: x.unique(),
    "add": lambda lib, x: x + x,
    "sub": lambda lib, x: x - x,
    "lt": lambda lib, x: x < x,
    "neg": lambda lib, x: -x,
    "cat": lambda lib, x: lib.cat([x, x]),
    "where": lambda lib, x: lib.where(x == x, x, x),
    "mm": lambda lib, x: x @ x.t().contiguous(),
    "roll": lambda lib, x: x.roll(1),
    "pad": lambda lib, x: lib.nn.functional.pad(x, (1, 1), value=2),
    "index": lambda lib, x: x[lib.tensor([1, 0])],
    "mask": lambda lib, x: x[x == x],
    "select": lambda lib, x: x.index_select(0, lib.tensor([1])),
    "relu": lambda lib, x: x.relu(),
    "max": lambda lib, x: x.max(),
    "clamp": lambda lib, x: x.clamp(1, 2),
    "pow": lambda lib, x: x**2,
    "mod": lambda lib, x: x % x,
    "fdiv": lambda lib, x: x // x,
    "shift": lambda lib, x: x << x,
    "mean": lambda lib, x: x.mean(),
    "softmax": lambda lib, x: x.softmax(0),
    "cumsum": lambda lib, x: x.cumsum(0),
    "arange": lambda lib, x: lib.arange(3, dtype=x.dtype),
    "linspace": lambda lib, x: lib.linspace(0, 1, 3, dtype=x.dtype),
    "rand": lambda lib, x: lib.rand(3, dtype=x.dtype),
    "randperm": lambda lib, x: lib.randperm(3, dtype=x.dtype),
    "random": lambda lib, x: x.random_(),
    "float": lambda lib, x: x + lib.ones(3),
    "int": lambda lib, x: x + lib.ones(3, dtype=lib.int32),
    "scalar": lambda lib, x: x + 1.5,
    "nonzero": lambda lib, x: x.nonzero(),
    "sign": lambda lib, x: x.sign(),
    "logical": lambda lib, x: lib.logical_and(x, x),
    "copy": lambda lib, x: lib.ones(2, 3).copy_(x),
    "out": lambda lib, x: lib.add(lib.ones(2, 3), 1, out=x),
    "numpy": lambda lib, x: x.numpy().tolist(),
    "tolist": lambda lib, x: x.tolist(),
    "item": lambda lib, x: x[0, 0].item(),
    "repr": lambda lib, x: repr(x),
    "type": lambda lib, x: x.type(),
    "int()": lambda lib, x: int(x[0, 0]),
    "index()": lambda lib, x: [1, 2, 3][x[0, 0]],
    "grad": lambda lib, x: x.requires_grad_().requires_grad,
    "default": lambda lib, x: lib.set_default_dtype(x.dtype),
    "nan_to_num": lambda lib, x: x.nan_to_num(),
    "atan2": lambda lib, x: lib.atan2(x, x),
    "embedding": lambda lib, x: lib.nn.functional.embedding(lib.tensor([1]), x),
    "trunc": lambda lib, x: x.trunc(),
    "log": lambda lib, x: x.log(),
    "full": lambda lib, x: lib.full((2,), 1000, dtype=x.dtype),
    "fill": lambda lib, x: x.fill_(-1),
    "tensor": lambda lib, x: lib.tensor([1.5, 2], dtype=x.dtype) if x.dtype != lib.uint64 else 0,
    "outer": lambda lib, x: lib.outer(x[0], x[0]),
    "kron": lambda lib, x: lib.kron(x, x),
    "isclose": lambda lib, x: lib.isclose(x, x) if not x.is_floating_point() else 0,
    "as index": lambda lib, x: lib.arange(9)[x],
    "topk": lambda lib, x: x.topk(1),
    "lerp": lambda lib, x: x.lerp(x, 0.5),
    "conv": lambda lib, x: lib.nn.functional.conv1d(x[None], x[None]),
    "median": lambda lib, x: x.median(),
    "searchsorted": lambda lib, x: lib.searchsorted(x, x),
    "dropout": lambda lib, x: lib.nn.functional.dropout(x),
    "one_hot": lambda lib, x: lib.nn.functional.one_hot(x),
    "promote": lambda lib, x: str(lib.result_type(x, 2.5)),
    "view": lambda lib, x: x.view(lib.uint8),
    "meta": lambda lib, x: str(x.to("meta").dtype),
}


@pytest.mark.parametrize("name", STORED)
def test_what_works_and_what_is_refused(name):
    for op, f in OPS.items():
        values = np.array([[1, 2, 4], [8, 2, 16]])
        same(*both(lambda lib, t: f(lib, t.to(getattr(lib, name))), values), f"{op} of {name}")


@pytest.mark.parametrize("name", STORED)
def test_files_of_each_other(name):
    values = np.array([[1, 2, 4], [8, 2, 16]])
    for writer, reader in ((cnn, torch), (torch, cnn)):
        file = io.BytesIO()
        t = writer.from_numpy(values).to(getattr(writer, name))
        writer.save({"w": t, "row": t[1]}, file)
        file.seek(0)
        loaded = reader.load(file, weights_only=True)
        assert str(loaded["w"].dtype) == str(t.dtype)
        np.testing.assert_array_equal(bytes_of(loaded["w"]), bytes_of(t))
        np.testing.assert_array_equal(bytes_of(loaded["row"]), bytes_of(t[1]))
        assert (
            loaded["row"].untyped_storage().data_ptr() == loaded["w"].untyped_storage().data_ptr()
        )


@pytest.mark.parametrize("name", STORED)
def test_memory_through_dlpack(name):
    t = torch.tensor([1, 2, 4]).to(getattr(torch, name))
    got = cnn.from_dlpack(t)
    assert str(got.dtype) == str(t.dtype) and got.data_ptr() == t.data_ptr()
    back = torch.from_dlpack(got)
    assert back.dtype == t.dtype and torch.equal(back, t)
