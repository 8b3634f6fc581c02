"""How gradients would be sent."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="batched_powerSGD_hook powerSGD_hook",
    classes="PowerSGDState",
    error=RuntimeError,
)
