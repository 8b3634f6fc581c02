"""Lists of tensors by device and dtype, and which devices take whole lists at once."""

from __future__ import annotations

from .. import _C

__all__ = []

Indices = list[int]
TensorListList = list[list[_C.Tensor | None]]


def _get_foreach_kernels_supported_devices():
    return ["cpu", "cuda"]


def _get_fused_kernels_supported_devices():
    return ["cpu", "cuda"]


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """{(device, dtype): (lists of the tensors there, their numbers)}, by the first of the lists."""
    first = tensorlistlist[0] if tensorlistlist else []
    groups = {}
    for i, tensor in enumerate(first):
        if tensor is None:
            raise RuntimeError("Tensors of the first list of nested Tensor lists are expected")
        groups.setdefault((tensor.device, tensor.dtype), []).append(i)
    return {
        key: (
            [[tensors[i] for i in numbers] if tensors else [] for tensors in tensorlistlist],
            numbers if with_indices else [],
        )
        for key, numbers in groups.items()
    }


def _device_has_foreach_support(device):
    return device.type in _get_foreach_kernels_supported_devices()


def _has_foreach_support(tensors, device):
    plain = all(t is None or type(t) is _C.Tensor for t in tensors)
    return _device_has_foreach_support(device) and plain
