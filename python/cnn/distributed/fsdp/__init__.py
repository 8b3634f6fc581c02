"""Models divided between processes: what programs write down of it, and what raises."""

from __future__ import annotations

from enum import Enum, auto

from ... import _unavailable
from .._instead import WHOLE_MODELS
from .api import *  # noqa: F403
from .api import __all__ as _settings

__all__ = ["OptimStateKeyType", *_settings]
__all__ += _unavailable.declare(
    __name__,
    WHOLE_MODELS,
    functions="fully_shard register_fsdp_forward_method share_comm_ctx",
    classes="""
        CPUOffloadPolicy DataParallelMeshDims FSDPModule FullyShardedDataParallel
        MixedPrecisionPolicy OffloadPolicy UnshardHandle""",
    error=NotImplementedError,
)


class OptimStateKeyType(Enum):
    """What an optimizer's state dict calls a parameter."""

    PARAM_NAME = auto()
    PARAM_ID = auto()
