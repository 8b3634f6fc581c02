"""Warnings of behaviour before PyTorch 0.2: that of today is all there is."""

from __future__ import annotations

from types import SimpleNamespace

__all__ = ["broadcast_warning", "keepdim_warning"]

broadcast_warning = SimpleNamespace(enabled=False)
keepdim_warning = SimpleNamespace(enabled=False)
