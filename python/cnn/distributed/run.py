"""torchrun: not available."""

from .. import _unavailable
from .stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="main parse_args run",
    error=RuntimeError,
)
