"""Methods of storages that are written in Python: those of `UntypedStorage`, added to the C type
once, and of `TypedStorage` alike.
"""

from __future__ import annotations

import sys

from . import _C

# Methods that give a typed storage of converted elements: {name: dtype}.
CONVERSIONS = {
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "bfloat16": "bfloat16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
    "complex_double": "complex128",
    "complex_float": "complex64",
    "float8_e5m2": "float8_e5m2",
    "float8_e4m3fn": "float8_e4m3fn",
    "float8_e5m2fnuz": "float8_e5m2fnuz",
    "float8_e4m3fnuz": "float8_e4m3fnuz",
}


def conversion(name):
    """The method of a storage that is called `name`."""

    def convert(self):
        return self._to(getattr(_C, CONVERSIONS[name]))

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"A typed storage of its elements as {CONVERSIONS[name]}."
    return convert


def as_bytes(storage):
    """A tensor of uint8 over an untyped storage."""
    return _C._rebuild_tensor(storage, _C.uint8, 0, (storage.nbytes(),), (1,))


def _to(self, dtype):
    from .storage import TypedStorage

    if not isinstance(dtype, _C.dtype):
        raise TypeError(f"Argument 'dtype' must be torch.dtype, not {type(dtype)}")
    values = as_bytes(self).to(dtype)
    if values.data_ptr() == self.data_ptr():
        values = values.clone()
    return TypedStorage(wrap_storage=values.untyped_storage(), dtype=dtype)


def untyped(self):
    """Itself."""
    return self


def cpu(self):
    """A copy on the CPU; itself, if it is there."""
    return self.to(device="cpu")


def to(self, *, device, non_blocking=False):
    """A copy on a device; itself, if it is there."""
    device = _C.device(device)
    if device == self.device:
        return self
    return as_bytes(self).to(device, non_blocking=non_blocking).untyped_storage()


def cuda(self, device=None, non_blocking=False):
    """A copy on a GPU."""
    device = _C.device("cuda" if device is None else device)
    return self.to(device=device, non_blocking=non_blocking)


def mps(self):
    """Raises: there is no Apple GPU to use."""
    return self.to(device="mps")


def hpu(self, device=None, non_blocking=False):
    """Raises: there is no such device."""
    return self.to(device="hpu")


def get_device(self):
    """The number of its device; None for the CPU."""
    return self.device.index


def new(self):
    """An empty storage on its device."""
    return type(self)(0, device=self.device)


def fill_(self, value):
    """Sets every byte."""
    as_bytes(self).fill_(value)
    return self


def is_pinned(self, device="cuda"):
    """Whether its pages are locked for GPUs."""
    return as_bytes(self).is_pinned()


def pin_memory(self, device="cuda"):
    """A copy in pages that are locked for GPUs."""
    if self.device.type != "cpu":
        raise TypeError(f"cannot pin '{self.type()}' only CPU memory can be pinned")
    return as_bytes(self).pin_memory().untyped_storage()


def type_(self, dtype=None, non_blocking=False):
    """The name of its type; with a typed storage's class, a copy of that type."""
    if dtype is None:
        return "torch.storage.UntypedStorage"
    return self._to(dtype if isinstance(dtype, _C.dtype) else dtype._dtype)


def byteswap(self, dtype):
    """Turns the order of bytes within each element of a dtype around, in place."""
    size = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    if self.nbytes() % size:
        raise RuntimeError(
            f"The length of data should be a multiple of {size}, but it is {self.nbytes()} bytes"
        )
    if size > 1:
        elements = as_bytes(self).view(-1, size)
        elements.copy_(elements.flip(1))


def from_buffer(buffer, byte_order="native", count=-1, offset=0, dtype=None):
    """A copy of a buffer: elements of `dtype` in a byte order, "native", "little" or "big"."""
    dtype = _C.uint8 if dtype is None else dtype
    if byte_order not in ("native", "little", "big"):
        raise ValueError(
            f"invalid byte_order '{byte_order}' (expected 'native', 'little' or 'big')"
        )
    part = memoryview(buffer).cast("B")[offset:]
    if count >= 0:
        if count * dtype.itemsize > len(part):
            raise ValueError(
                f"buffer has only {len(part)} elements after offset {offset}, but specified a "
                f"size of {count}"
            )
        part = part[: count * dtype.itemsize]
    elif len(part) % dtype.itemsize:
        raise ValueError(
            f"buffer size ({len(part)}) must be a multiple of element size ({dtype.itemsize})"
        )
    storage = _C.UntypedStorage(len(part))
    if len(part):
        memoryview(storage).cast("B")[:] = part
    if byte_order not in ("native", sys.byteorder):
        storage.byteswap(dtype)
    return storage


def _copy(self):
    return self.clone()


def _deepcopy(self, memo):
    from .storage import copy_storage

    return copy_storage(self, memo)


def _install():
    methods = {name: conversion(name) for name in CONVERSIONS}
    functions = (
        _to, untyped, cpu, to, cuda, mps, hpu, get_device, new, fill_, is_pinned, pin_memory,
        byteswap,
    )  # fmt: skip
    methods |= {function.__name__: function for function in functions}
    methods |= {"type": type_, "__copy__": _copy, "__deepcopy__": _deepcopy}
    methods["from_buffer"] = staticmethod(from_buffer)
    methods["is_cuda"] = property(lambda self: self.device.type == "cuda")
    methods["is_hpu"] = property(lambda self: False)
    methods["is_sparse"] = methods["is_sparse_csr"] = False
    for name, method in methods.items():
        if name not in vars(_C.UntypedStorage):
            setattr(_C.UntypedStorage, name, method)


_install()
