"""The classes by PyTorch's other path."""

from . import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]
