"""The function under the path where packages import it from."""

from . import associative_scan

__all__ = ["associative_scan"]
