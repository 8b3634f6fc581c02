"""Layers that recompute their activations."""
