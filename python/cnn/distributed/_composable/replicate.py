"""Copies of a model in many processes, as PyTorch's function makes them."""

from ... import _unavailable

INSTEAD = "wrap the module in nn.parallel.DistributedDataParallel"
__all__ = _unavailable.declare(__name__, INSTEAD, functions="replicate", error=NotImplementedError)
