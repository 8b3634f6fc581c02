"""How gradients would be sent."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="register_ddp_comm_hook",
    classes="DDPCommHookType",
    error=RuntimeError,
)
