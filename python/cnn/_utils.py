"""How files and pickles bring tensors and parameters back: the functions that they name. And
helpers that packages import from PyTorch's file: lists of tensors in one, errors on their way to
another process, devices.
"""

from __future__ import annotations

import functools
import sys

from . import _C, _absent, storage

_LARGEST = 2**63 - 1


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
    if dtype is None or not isinstance(memory, storage.UntypedStorage):
        _check_kind(memory, storage.TypedStorage, "storage")
        dtype = memory.dtype if dtype is None else dtype
        memory = memory._untyped_storage
    _check_kind(dtype, _C.dtype, "dtype")
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


def _rebuild_parameter(data, requires_grad, backward_hooks):
    from .nn.parameter import Parameter

    param = Parameter(data, requires_grad)
    if backward_hooks:
        param._backward_hooks = backward_hooks
    return param


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad):
    tensor = _C.from_numpy(data).to(dtype=dtype, device=device)
    return tensor.requires_grad_(bool(requires_grad))


def _get_obj_state(obj):
    """What a pickle of `obj` keeps: its attributes, and its slots where it has any."""
    from copyreg import _slotnames

    own = getattr(obj, "__getstate__", None)  # every object has it from Python 3.11 on
    if own is not None:
        return own()
    slots = {name: getattr(obj, name) for name in _slotnames(type(obj)) if hasattr(obj, name)}
    return (obj.__dict__, slots) if slots else obj.__dict__


def _set_obj_state(obj, state):
    """Gives `obj` what `_get_obj_state` kept, and returns it."""
    if isinstance(state, tuple) and len(state) != 2:
        raise RuntimeError(f"Invalid serialized state: {state}")
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for group in (attributes, slots):
        for name, value in (group or {}).items():
            setattr(obj, name, value)
    return obj


# ---- Lists of tensors in one ----


def _flatten_dense_tensors(tensors):
    """The elements of all tensors, of one dtype, in one vector."""
    return _C.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """The parts of a vector, viewed in the shapes of `tensors`."""
    parts, start = [], 0
    for tensor in tensors:
        count = tensor.numel()
        parts.append(flat.narrow(0, start, count).view(tensor.size()))
        start += count
    return tuple(parts)


def _take_tensors(tensors, size_limit):
    """Yield lists of tensors of one type, of `size_limit` bytes at most, or of one tensor."""
    lists = {}
    for tensor in tensors:
        kind, size = tensor.type(), tensor.numel() * tensor.element_size()
        taken, bytes_taken = lists.get(kind, ([], 0))
        if bytes_taken + size > size_limit and bytes_taken > 0:
            yield taken
            taken, bytes_taken = [], 0
        lists[kind] = [*taken, tensor], bytes_taken + size
    for taken, _ in lists.values():
        yield taken


def _reorder_tensors_as(tensors, ordered_tensors):
    """Tensors that `_take_tensors` has sorted by type, in the order of types of others."""
    lists = {}
    for tensor in tensors:
        lists.setdefault(tensor.type(), []).append(tensor)
    sources = {kind: iter(found) for kind, found in lists.items()}
    return tuple(next(sources[tensor.type()]) for tensor in ordered_tensors)


def _chunk_or_narrow_cat(tensor, num_chunks, narrow_dim, cat_dim=0):
    """The chunks of a tensor along one dimension, put together along another."""
    return _C.cat(list(_C.chunk(tensor, num_chunks, narrow_dim)), cat_dim)


def _maybe_view_chunk_cat(res, group_size, gather_dim):
    """The `group_size` chunks of a tensor along dimension 0, put together along another; a view
    where the elements lie so already.
    """
    if gather_dim == 0:
        return res
    shape = list(res.shape)
    if shape[0] == group_size and all(size == 1 for size in shape[1:gather_dim]):
        shape[gather_dim] *= group_size
        return res.view([1, *shape[1:]])
    return _chunk_or_narrow_cat(res, group_size, 0, gather_dim)


def _handle_complex(tensor):
    """The real view of a complex tensor; others are as they are."""
    from .nn.parameter import UninitializedTensorMixin

    lazy = isinstance(tensor, UninitializedTensorMixin)
    return _C.view_as_real(tensor) if not lazy and tensor.is_complex() else tensor


def _element_size(dtype):
    """The bytes of an element."""
    if not isinstance(dtype, _C.dtype):
        raise RuntimeError(f"expected torch.dtype, but got {type(dtype)}")
    return dtype.itemsize


# ---- Errors on their way ----


class KeyErrorMessage(str):
    """A string that a KeyError shows with its line breaks."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class ExceptionWrapper:
    """An exception, with its traceback as text, on the way to another thread or process."""

    def __init__(self, exc_info=None, where="in background"):
        import traceback

        exc_info = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = exc_info[0]
        self.exc_msg = "".join(traceback.format_exception(*exc_info))
        self.where = where

    def reraise(self):
        """Raise the same type again, with the traceback from there in the message."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            exception = self.exc_type(message)
        except Exception:
            # A type that cannot be made from a message alone.
            raise RuntimeError(message) from None
        raise exception


def render_call(fn, args, kwargs):
    """The text of a call, with the tensors among its arguments in short."""
    from ._tensor_str import get_printoptions, set_printoptions

    former = get_printoptions()
    try:
        set_printoptions(threshold=0, edgeitems=0)
        texts = [repr(a) for a in args] + [f"{name}={value!r}" for name, value in kwargs.items()]
    finally:
        set_printoptions(**former)
    module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    known = isinstance(module, str) and name and module.split(".")[0] in ("cnn", "torch")
    if not known:
        return f"{fn}({', '.join(texts)})"
    path = ["torch", *module.removesuffix("._C").split(".")[1:], name]
    return f"{'.'.join(path)}({', '.join(texts)})"


# ---- Devices ----


def _get_available_device_type():
    """The type "cuda" where a GPU can be used, otherwise None."""
    return "cuda" if _C._cuda_is_available() else None


def _get_device_module(device_type):
    """The module of a type of devices: `cnn.cuda`."""
    from importlib import import_module

    try:
        return import_module(f"{__package__}.{device_type}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{device_type}' does not have a corresponding module registered as "
            f"'torch.{device_type}'."
        ) from None


def _get_device_attr(get_member):
    kind = _get_available_device_type()
    return None if kind is None else get_member(_get_device_module(kind))


def _get_current_device_index():
    """The number of the GPU in use; None without one."""
    return _get_device_attr(lambda module: module.current_device())


def get_current_device_index():
    """The number of the GPU in use; -1 without one."""
    index = _get_current_device_index()
    return -1 if index is None else index


def _get_all_device_indices():
    """The numbers of all GPUs; None without one."""
    return _get_device_attr(lambda module: list(range(module.device_count())))


def _get_devices_properties(device_ids):
    return [
        _get_device_attr(lambda module, i=i: module.get_device_properties(i)) for i in device_ids
    ]


def _get_device_index(device, optional=False, allow_cpu=False):
    """The number of a device; with `optional`, that of the GPU in use for one without a number."""
    if isinstance(device, str):
        device = _C.device(device)
    index = device if isinstance(device, int) else None
    if isinstance(device, _C.device):
        if not allow_cpu and device.type == "cpu":
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        index = -1 if device.type == "cpu" else device.index
    if index is not None:
        return index
    if optional:
        return _get_current_device_index()
    raise ValueError(
        f"Expected a torch.device with a specified index or an integer, but got:{device}"
    )


def _get_restore_location(device):
    """`map_location` as a function from (storage, saved name) to the storage where it belongs."""
    from .serialization import _get_restore_location as restore_location

    return restore_location(device)


def cpu_count():
    """The processors that this process may use."""
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


# ---- Python ----


def _import_dotted_name(name):
    """The object under a path, whose first part has been imported: "cnn.nn.Linear"."""
    first, *rest = name.split(".")
    return functools.reduce(getattr, rest, __import__(first))


def try_import(module_name):
    """The module of that name; None if there is none."""
    from importlib import import_module
    from importlib.util import find_spec

    return None if find_spec(module_name) is None else import_module(module_name)


class _ClassPropertyDescriptor:
    def __init__(self, fget, fset=None):
        self.fget = fget

    def __get__(self, instance, owner=None):
        return self.fget.__get__(instance, type(instance) if owner is None else owner)()


def classproperty(func):
    """Decorates a method that is a property of the class."""
    made = func if isinstance(func, (classmethod, staticmethod)) else classmethod(func)
    return _ClassPropertyDescriptor(made)


def _dummy_type(name):
    """A class that stands for one that is not there: RuntimeError when it is made."""

    def refuse(cls, *args, **kwargs):
        raise RuntimeError(f"Tried to instantiate dummy base class {cls.__name__}")

    return type(name, (object,), {"__new__": refuse})


def _get_async_or_non_blocking(function_name, non_blocking, kwargs):
    """`non_blocking`, or what the option had been called before: `async`, the only one known."""
    if not kwargs:
        return non_blocking
    if len(kwargs) != 1 or "async" not in kwargs:
        argument = list(kwargs)[-1]
        raise TypeError(f"{function_name}() got an unexpected keyword argument '{argument}'")
    import warnings

    warnings.warn("'async' is deprecated; use 'non_blocking'", stacklevel=2)
    return kwargs["async"]


class CallbackRegistry:
    """Functions that are called one after the other; their errors are logged, and end nothing."""

    def __init__(self, name):
        self.name = name
        self.callback_list = []

    def __class_getitem__(cls, item):
        from types import GenericAlias

        return GenericAlias(cls, item)

    def add_callback(self, cb):
        self.callback_list.append(cb)

    def fire_callbacks(self, *args, **kwargs):
        for callback in self.callback_list:
            try:
                callback(*args, **kwargs)
            except Exception:
                import logging

                logging.getLogger(__name__).exception("Exception in callback for %s", self.name)


_absent.explain(__name__)
