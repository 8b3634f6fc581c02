"""How files and pickles bring tensors and parameters back: the functions that they name."""

from __future__ import annotations

from cnn import _C, storage

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


def _rebuild_parameter(data, requires_grad, backward_hooks):
    from cnn.nn.parameter import Parameter

    param = Parameter(data, requires_grad)
    if backward_hooks:
        param._backward_hooks = backward_hooks
    return param


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    param = _rebuild_parameter(data, requires_grad, backward_hooks)
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for group in (attributes, slots):
        for name, value in (group or {}).items():
            setattr(param, name, value)
    return param
