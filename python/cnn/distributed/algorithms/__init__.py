"""What is built on messages between processes: uneven inputs, and how gradients are sent."""

from .join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]
