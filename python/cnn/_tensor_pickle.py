"""How tensors are pickled and deep-copied.

`reduce_tensor` gives the form that PyTorch's files use: a rebuild function with the storage as an
argument of its own. Plain `pickle` writes the storage's bytes in place; `cnn.save` recognises the
storage and writes it once, beside the pickle.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict

from . import _C, storage
from ._tensor import _rebuild_from_type_v2
from ._utils import _rebuild_meta_tensor_no_storage, _rebuild_tensor_v2, _rebuild_tensor_v3

__all__ = ["reduce_tensor", "deepcopy_tensor"]


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
    offset = tensor.storage_offset()
    # The empty OrderedDict stands for hooks, which are never written.
    rest = (offset, size, stride, tensor.requires_grad, OrderedDict())
    if tensor.dtype in storage.STORAGE_OF_DTYPE:
        return _rebuild_tensor_v2, (storage.typed_storage(tensor), *rest)
    # A dtype without a class of storages is named, beside one of bytes.
    return _rebuild_tensor_v3, (tensor.untyped_storage(), *rest, tensor.dtype)


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
