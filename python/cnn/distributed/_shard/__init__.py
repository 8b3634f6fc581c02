"""Tensors in pieces: none."""
