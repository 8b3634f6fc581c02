"""torchrun: not available."""

from .. import _unavailable
from .stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="launch main parse_args",
    error=RuntimeError,
)
