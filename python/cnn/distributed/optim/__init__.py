"""Optimizers whose state is divided between processes."""

from ... import _unavailable
from .zero_redundancy_optimizer import ZeroRedundancyOptimizer

__all__ = ["ZeroRedundancyOptimizer"]
__all__ += _unavailable.declare(
    __name__,
    "step an optimizer after backward(), whose gradients DistributedDataParallel has averaged",
    functions="as_functional_optim",
    classes="DistributedOptimizer PostLocalSGDOptimizer",
    error=NotImplementedError,
)
