"""Layers divided between devices: none."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="loss_parallel parallelize_module",
    classes="""
        ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleInputOutput
        PrepareModuleOutput RowwiseParallel SequenceParallel""",
    error=RuntimeError,
)
