"""Processes that are watched: none are started here."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="start_processes",
    classes="DefaultLogsSpecs LogsSpecs PContext Std",
    error=RuntimeError,
)
