"""Indexing by tensors within `vmap`."""

from __future__ import annotations

from .. import _C
from ..overrides import TorchFunctionMode


class TransformGetItemToIndex(TorchFunctionMode):
    """A mode in which `x[i, j]` with tensors of integers gives tensors, never Python's numbers.

    That is what indexing does here anyway.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is _C.Tensor.__getitem__:
            index = args[1] if isinstance(args[1], (tuple, list)) else (args[1],)
            if index and all(isinstance(i, _C.Tensor) for i in index):
                return args[0][tuple(index)]
        return func(*args, **(kwargs or {}))
