"""What would be added to modules for many processes."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="checkpoint contract fully_shard replicate",
    error=RuntimeError,
)
