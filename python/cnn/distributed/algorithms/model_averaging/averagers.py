"""Averages of models of many processes: there is one."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    classes="ModelAverager PeriodicModelAverager",
    error=RuntimeError,
)
