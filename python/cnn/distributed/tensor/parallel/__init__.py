"""Layers divided between devices: none."""

from .... import _unavailable
from ..._instead import WHOLE_TENSORS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_TENSORS,
    functions="loss_parallel parallelize_module",
    classes="""
        ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleInputOutput
        PrepareModuleOutput RowwiseParallel SequenceParallel""",
    error=NotImplementedError,
)
