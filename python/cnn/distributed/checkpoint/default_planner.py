"""Who writes and reads what of a checkpoint."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    classes="DefaultLoadPlanner DefaultSavePlanner",
    error=NotImplementedError,
)
