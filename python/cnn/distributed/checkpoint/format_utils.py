"""Checkpoints of many processes as files of one."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="dcp_to_torch_save torch_save_to_dcp",
    classes="BroadcastingTorchSaveReader DynamicMetaLoadPlanner _EmptyStateDictLoadPlanner",
    error=NotImplementedError,
)
