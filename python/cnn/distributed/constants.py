"""How long operations wait for other processes."""

from datetime import timedelta

__all__ = ["default_pg_nccl_timeout", "default_pg_timeout"]

default_pg_timeout = timedelta(minutes=30)
default_pg_nccl_timeout = timedelta(minutes=10)


def _seconds(timeout, default=None):
    """The seconds of a timeout, or `default` for None. TypeError unless it is a timedelta."""
    if timeout is None and default is not None:
        return default
    if not isinstance(timeout, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {timeout}"
        )
    return timeout.total_seconds()
