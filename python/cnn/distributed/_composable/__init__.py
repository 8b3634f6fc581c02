"""What would be added to modules for many processes."""

from ... import _unavailable
from .._instead import WHOLE_MODELS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_MODELS,
    functions="checkpoint contract fully_shard replicate",
    error=NotImplementedError,
)
