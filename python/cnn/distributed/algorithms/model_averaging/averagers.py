"""Averages of models of many processes: not available."""

from .... import _unavailable
from ..._instead import AVERAGES

__all__ = _unavailable.declare(
    __name__,
    AVERAGES,
    classes="ModelAverager PeriodicModelAverager",
    error=NotImplementedError,
)
