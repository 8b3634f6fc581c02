"""Utilities beside the tensors: data loading, checkpointing, hook handles."""

from . import data, hooks

__all__ = ["data", "hooks"]
