"""What processes do together, with gradients."""

from ... import _unavailable
from .._instead import NO_CALLS
from .functional import *  # noqa: F403
from .functional import __all__ as __all__

__all__ = [*__all__]
__all__ += _unavailable.declare(
    __name__,
    NO_CALLS,
    classes="RemoteModule",
    error=NotImplementedError,
)
