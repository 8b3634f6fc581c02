"""Who writes and reads what of a checkpoint."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    classes="""
        LoadItemType LoadPlan LoadPlanner ReadItem SavePlan SavePlanner WriteItem WriteItemType""",
    error=NotImplementedError,
)
