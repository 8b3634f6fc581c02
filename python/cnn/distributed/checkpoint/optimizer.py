"""State of optimizers in checkpoints of many processes."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="load_sharded_optimizer_state_dict",
    error=NotImplementedError,
)
