"""Layers that learn to be quantized: none. The names raise when they are called."""

from __future__ import annotations

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no quantized tensors; keep integers and their scale apart",
    classes="""
        Conv1d Conv2d Conv3d Embedding EmbeddingBag Linear""",
)
