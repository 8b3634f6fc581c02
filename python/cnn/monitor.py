"""Counts and events of long runs: none are kept. The names raise when they are called."""

from __future__ import annotations

from enum import Enum

from . import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "nothing is counted; keep numbers of your own, or use utils.tensorboard",
    functions="log_event register_event_handler unregister_event_handler",
    classes="Event EventHandlerHandle Stat TensorboardEventHandler data_value_t",
)
__all__ += ["Aggregation"]


class Aggregation(Enum):
    """How counts become one."""

    VALUE = 0
    MEAN = 1
    COUNT = 2
    SUM = 3
    MAX = 4
    MIN = 5


VALUE, MEAN, COUNT, SUM, MAX, MIN = Aggregation
STAT_EVENT = "torch.monitor.Stat"
