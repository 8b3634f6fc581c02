"""The optimizer by PyTorch's other path."""

from . import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
