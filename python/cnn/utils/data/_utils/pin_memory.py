"""Moving a batch into page-locked memory."""

from collections.abc import Mapping, Sequence

from ...._C import Tensor
from .collate import _rebuild_mapping, _rebuild_sequence


def pin_memory(data):
    """Move the tensors in `data`, at any depth, into page-locked memory."""
    if isinstance(data, Tensor):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: pin_memory(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(pin_memory(d) for d in data))
    if isinstance(data, tuple):
        return [pin_memory(d) for d in data]
    if isinstance(data, Sequence):
        return _rebuild_sequence(data, [pin_memory(d) for d in data])
    return data.pin_memory() if hasattr(data, "pin_memory") else data
