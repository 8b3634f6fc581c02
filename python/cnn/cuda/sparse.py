"""Sparse tensors on GPUs: there are none."""

__all__ = []
