"""How tensors are pickled and deep-copied.

`reduce_tensor` gives the form that PyTorch's files use: a rebuild function with the storage as an
argument of its own. Plain `pickle` writes the storage's bytes in place; `cnn.save` recognises the
storage and writes it once, beside the pickle.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict

from cnn import _C, storage

__all__ = ["reduce_tensor", "deepcopy_tensor"]

_LARGEST = 2**63 - 1

_NON_LEAF_COPY = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
    "the moment.  If you were attempting to deepcopy a module, this may be because of a "
    "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
)


def reduce_tensor(tensor, protocol):
    """`Tensor.__reduce_ex__`: rebuilds the tensor, its subclass and its attributes."""
    func, args = _reduce_values(tensor)
    state = _state_of(tensor)
    if type(tensor) is _C.Tensor and not state:
        return func, args
    return _rebuild_from_type_v2, (func, type(tensor), args, state)


def _reduce_values(tensor):
    size, stride = tuple(tensor.size()), tuple(tensor.stride())
    if tensor.device.type == "meta":
        args = (tensor.dtype, size, stride, tensor.requires_grad)
        return _rebuild_meta_tensor_no_storage, args
    if getattr(tensor, "_backward_hooks", None):
        import warnings

        warnings.warn(
            "a tensor with backward hooks is being serialized: the hooks are left out. Remove "
            "them first, or register them again after loading",
            stacklevel=4,
        )
    memory = storage.typed_storage(tensor)
    offset = tensor.storage_offset()
    # The empty OrderedDict stands for hooks, which are never written.
    args = (memory, offset, size, stride, tensor.requires_grad, OrderedDict())
    return _rebuild_tensor_v2, args


def _state_of(tensor):
    """The attributes of a tensor: a dict, or (dict, {slot: value}) if its class has slots."""
    attributes = getattr(tensor, "__dict__", None)
    if type(tensor) is _C.Tensor:
        return attributes
    getstate = getattr(type(tensor), "__getstate__", None)
    if getstate is not None and getstate is not getattr(object, "__getstate__", None):
        return tensor.__getstate__()
    names = copyreg._slotnames(type(tensor))
    slots = {name: getattr(tensor, name) for name in names if hasattr(tensor, name)}
    return (attributes, slots) if slots else attributes


def _set_state(tensor, state):
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        tensor.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        if name not in copyreg._slotnames(type(tensor)):
            raise RuntimeError(f"{type(tensor).__name__} has no slot {name!r} to restore")
        setattr(tensor, name, value)
    return tensor


def _numbers(values):
    """`values` as a tuple of natural numbers; RuntimeError for anything else.

    A sequence of another kind could be endless: a tensor of 2**50 elements over one of memory.
    """
    if not isinstance(values, (tuple, list)) or any(
        type(n) is not int or not 0 <= n <= _LARGEST for n in values
    ):
        raise RuntimeError("rebuilding a tensor: sizes, strides and offset must be natural numbers")
    return tuple(values)


def _check_kind(value, kind, what):
    if not isinstance(value, kind):
        raise RuntimeError(
            f"rebuilding a tensor: expected a {what}, got an object of type {type(value).__name__}"
        )


def _check_extent(memory, dtype, offset, size, stride):
    """Raises unless every element of the view lies inside the storage."""
    if len(size) != len(stride):
        raise RuntimeError("rebuilding a tensor: there must be one stride for each size")
    count, last = 1, offset
    for n, step in zip(size, stride):
        count *= n
        last += (n - 1) * step
    held = memory.nbytes() // dtype.itemsize
    if count > _LARGEST or (count and last >= held) or offset > held:
        raise RuntimeError(
            f"rebuilding a tensor: size {size}, stride {stride} and offset {offset} reach outside "
            f"its storage of {held} elements of {dtype}"
        )


def _rebuild_tensor(memory, storage_offset, size, stride, dtype=None):
    _check_kind(memory, storage.TypedStorage, "storage")
    dtype = memory.dtype if dtype is None else dtype
    _check_kind(dtype, _C.dtype, "dtype")
    memory = memory._untyped_storage
    size, stride = _numbers(size), _numbers(stride)
    _check_extent(memory, dtype, *_numbers((storage_offset,)), size, stride)
    return _C._rebuild_tensor(memory, dtype, storage_offset, size, stride)


def _rebuild_tensor_v2(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None
):
    return _finish(_rebuild_tensor(storage, storage_offset, size, stride), requires_grad, metadata)


def _rebuild_tensor_v3(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None
):
    return _finish(
        _rebuild_tensor(storage, storage_offset, size, stride, dtype), requires_grad, metadata
    )


def _finish(tensor, requires_grad, metadata):
    """Applies what is kept beside the memory: `requires_grad` and the negative bit."""
    if metadata:
        _check_kind(metadata, dict, "dict")
        if metadata.get("neg"):  # the conjugate of a real tensor is itself
            _check_dense(tensor)
            tensor = tensor.neg()
    return tensor.requires_grad_() if requires_grad else tensor


def _check_dense(tensor):
    """Raises if a copy of `tensor` would take more memory than what it shows."""
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise RuntimeError("rebuilding a tensor: an expanded tensor is not copied")


def _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    _check_kind(dtype, _C.dtype, "dtype")
    layout = _numbers(size), _numbers(stride)
    return _C.empty_strided(*layout, dtype=dtype, device="meta", requires_grad=bool(requires_grad))


def _rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad):
    _check_kind(data, _C.Tensor, "tensor")
    _check_dense(data)
    return data.to(device=device, dtype=dtype).requires_grad_(bool(requires_grad))


def _rebuild_from_type_v2(func, new_type, args, state):
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = tensor.as_subclass(new_type)
    own = getattr(new_type, "__setstate__", None)
    if own is not None and own is not getattr(_C.Tensor, "__setstate__", None):
        own(tensor, state)
        return tensor
    return _set_state(tensor, state)


def deepcopy_tensor(tensor, memo):
    """`Tensor.__deepcopy__`: a leaf with memory, attributes and gradient of its own.

    Views of one storage stay views of one copy. RuntimeError for the result of a recorded op."""
    if not tensor.is_leaf:
        raise RuntimeError(_NON_LEAF_COPY)
    if id(tensor) in memo:
        return memo[id(tensor)]
    import copy  # not needed by a program that never copies

    kind = type(tensor)
    former = _C.is_grad_enabled()
    _C._set_grad_enabled(False)
    try:
        if tensor.device.type == "meta":
            result = tensor.clone()
        else:
            memory = storage.copy_storage(tensor.untyped_storage(), memo)
            layout = (tensor.storage_offset(), tuple(tensor.size()), tuple(tensor.stride()))
            result = _C._rebuild_tensor(memory, tensor.dtype, *layout)
        if type(result) is not kind:
            result = result.as_subclass(kind)
    finally:
        _C._set_grad_enabled(former)
    if tensor.requires_grad:
        result.requires_grad_()
    memo[id(tensor)] = result
    if tensor.grad is not None:
        result.grad = tensor.grad.__deepcopy__(memo)
    if kind is not _C.Tensor or tensor.__dict__:
        # Not tensor.__getstate__: a user's state for pickling may leave out what a copy keeps.
        for name in copyreg._slotnames(kind) if kind is not _C.Tensor else ():
            if hasattr(tensor, name):
                setattr(result, name, copy.deepcopy(getattr(tensor, name), memo))
        result.__dict__.update(copy.deepcopy(tensor.__dict__, memo))
    return result
