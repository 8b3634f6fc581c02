"""Processes that are watched: it is mpiexec that does so."""

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "mpiexec starts processes: python -m cnn.distributed.run",
    functions="start_processes",
    classes="DefaultLogsSpecs LogsSpecs PContext Std",
    error=RuntimeError,
)
