"""Nested tensors: there are none. The names can be imported, and raise when they are called."""

from __future__ import annotations

from . import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no tensors of several sizes in one; pad them, or keep a list",
    functions="""
        as_nested_tensor masked_select narrow nested_tensor nested_tensor_from_jagged
        to_padded_tensor""",
)
