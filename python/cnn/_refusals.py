"""Errors that several functions raise alike."""

from __future__ import annotations

from cnn import _C


def refuse_integers(kernel, input):
    """NotImplementedError, as of the kernel that PyTorch does not have for them."""
    if not input.is_floating_point():
        kind = _C.empty(0, dtype=input.dtype).type().rpartition(".")[2].removesuffix("Tensor")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{kind}'")
