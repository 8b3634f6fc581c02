"""Optimizers whose state or work is divided between processes: none."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="as_functional_optim",
    classes="DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    error=RuntimeError,
)
