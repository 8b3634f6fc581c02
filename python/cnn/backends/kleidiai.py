"""Whether KleidiAI computes: it does not."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available():
    """False: there is no KleidiAI."""
    return False
