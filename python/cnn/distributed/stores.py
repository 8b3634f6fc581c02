"""What processes would meet through, the errors of it, and how much is checked."""

from __future__ import annotations

import os
from enum import Enum, IntEnum

from .. import _unavailable


class DistError(RuntimeError):
    """What goes wrong between processes."""


class DistBackendError(DistError):
    """An error of what carries messages."""

    # Whether every rank that is concerned knows of it, so that the group can still be used.
    group_goes_on = False


class DistNetworkError(DistError):
    """An error of the network."""


class DistStoreError(DistError):
    """An error of a store."""


class QueueEmptyError(DistStoreError):
    """A queue of a store has nothing."""


class Store:
    """Keys and values that processes share; the base of stores that programs write."""


class BuiltinCommHookType(Enum):
    """How gradients are sent."""

    ALLREDUCE = 0
    FP16_COMPRESS = 1


class DebugLevel(IntEnum):
    """How much is checked while processes talk."""

    OFF = 0
    INFO = 1
    DETAIL = 2


_level = DebugLevel.OFF


def get_debug_level():
    """What `set_debug_level` was last given; at first what TORCH_DISTRIBUTED_DEBUG says."""
    return _level


def set_debug_level(level):
    """Sets how much is checked while processes talk."""
    global _level
    _level = DebugLevel(level)


def set_debug_level_from_env():
    """Sets the level that TORCH_DISTRIBUTED_DEBUG says: OFF, INFO or DETAIL."""
    name = os.environ.get("TORCH_DISTRIBUTED_DEBUG", "") or "OFF"
    if name.upper() not in DebugLevel.__members__:
        raise RuntimeError(
            "The value of TORCH_DISTRIBUTED_DEBUG must be one of OFF, INFO or DETAIL, but got "
            f"{name}"
        )
    set_debug_level(DebugLevel[name.upper()])


for _class in (
    DistError,
    DistBackendError,
    DistNetworkError,
    DistStoreError,
    QueueEmptyError,
    BuiltinCommHookType,
):
    _class.__module__ = "cnn.distributed"
for _class in (Store, DebugLevel):
    _class.__module__ = "cnn.distributed.distributed_c10d"
set_debug_level_from_env()

__all__ = [
    "BuiltinCommHookType",
    "DebugLevel",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "QueueEmptyError",
    "Store",
    "get_debug_level",
    "set_debug_level",
    "set_debug_level_from_env",
]
__all__ += _unavailable.declare(
    __name__,
    "MPI brings processes together; a FileStore, or objects sent through a group, serve as well",
    classes="TCPStore",
    base=Store,
    error=RuntimeError,
)
