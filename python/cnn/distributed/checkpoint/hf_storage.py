"""Checkpoints of many processes in safetensors' files."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    classes="HuggingFaceStorageReader HuggingFaceStorageWriter",
    error=NotImplementedError,
)
