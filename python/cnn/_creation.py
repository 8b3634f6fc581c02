"""Tensors made of what lies around already, and in ways that few programs need."""

from __future__ import annotations

import warnings

from . import _C

__all__ = ["asarray", "empty_permuted", "from_file", "range"]


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """A tensor of a tensor, an array, a storage, bytes, a number or nested lists of them.

    It shares memory where that can be; `copy=True` always copies, and `copy=False` raises
    ValueError where sharing cannot be. What implements the buffer protocol is read as elements of
    `dtype`.
    """
    if isinstance(obj, (_C.Tensor, str)) or hasattr(obj, "__array_interface__"):
        tensor = _C.as_tensor(obj)
    elif isinstance(obj, _C.UntypedStorage) or hasattr(obj, "untyped"):
        tensor, dtype = _of_storage(obj, dtype)
    elif hasattr(obj, "__dlpack__"):
        tensor = _C.from_dlpack(obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)) or _has_buffer(obj):
        tensor = _of_buffer(obj, dtype)
    else:
        if copy is False:
            raise ValueError(
                "can't alias arbitrary sequence into a tensor: asarray with copy=False takes a "
                "tensor, an array, or what has the buffer protocol"
            )
        return _C.tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    return _finished(tensor, obj is tensor, dtype, device, copy, requires_grad)


def _finished(tensor, is_given, dtype, device, copy, requires_grad):
    dtype = tensor.dtype if dtype is None else dtype
    device = tensor.device if device is None else _C.device(device)
    other = tensor.dtype != dtype or not _same_device(tensor.device, device)
    if other and copy is False:
        what = "device" if tensor.dtype == dtype else "dtype"
        raise ValueError(
            f"can't alias tensor with {what} '{getattr(tensor, what)}' into {what} "
            f"'{dtype if what == 'dtype' else device}'."
        )
    result = tensor
    if other:
        result = tensor.to(device=device, dtype=dtype)
    elif copy:
        result = tensor.clone()
    if requires_grad and not result.requires_grad:
        return (result.detach() if is_given else result).requires_grad_()
    if not requires_grad and result.requires_grad:
        return result.detach()
    return result


def _same_device(a, b):
    return a.type == b.type and (b.index is None or a.index in (None, b.index))


def _has_buffer(obj):
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


def _of_storage(storage, dtype):
    """(tensor, its dtype) over the whole of a storage."""
    untyped = storage.untyped()
    own = getattr(storage, "dtype", None) or dtype or _C.uint8
    size = untyped.nbytes() // own.itemsize
    return _C._rebuild_tensor(untyped, own, 0, (size,), (1,)), dtype or own


def _of_buffer(obj, dtype):
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if memoryview(obj).nbytes == 0:
        return _C.empty(0, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # memory that must not be written to: PyTorch is silent too
        return _C.frombuffer(obj, dtype=dtype)


def range(
    start=0,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
):
    """start, start + step, ... up to and with end, as floats. `arange` is what stops before it."""
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    dtype = (out.dtype if out is not None else dtype) or _C.get_default_dtype()
    size = int((end - start) / step) + 1
    wide = _C.float64 if dtype.is_floating_point else _C.int64
    values = _C.arange(size, dtype=wide, device=device) * step + start
    if out is not None:
        out.resize_(size)
        return out.copy_(values)
    return values.to(dtype).requires_grad_(requires_grad)


def empty_permuted(
    size,
    physical_layout,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """An uninitialised tensor whose dimensions lie in memory in an order, from outer to inner."""
    size, order = tuple(size), tuple(physical_layout)
    if len(size) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    for dim in order:
        if not 0 <= dim < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got "
                f"{dim}).  NB: negative dims not currently supported; file an issue if you want it."
            )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    strides, step = [0] * len(size), 1
    for dim in reversed(order):
        strides[dim] = step
        step *= max(size[dim], 1)
    return _C.empty_strided(
        size,
        strides,
        dtype=dtype,
        device=device,
        requires_grad=requires_grad,
        pin_memory=pin_memory,
    )


def from_file(
    filename,
    shared=None,
    size=0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A vector of `size` elements over a file, mapped: writes go to the file if it is shared."""
    dtype = _C.get_default_dtype() if dtype is None else dtype
    nbytes = size * dtype.itemsize
    storage = _C.UntypedStorage.from_file(filename, bool(shared), nbytes)
    tensor = _C._rebuild_tensor(storage, dtype, 0, (size,), (1,))
    return tensor.requires_grad_(requires_grad)
