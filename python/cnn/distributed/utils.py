"""Pieces of tensors and arguments between processes: none."""

from .. import _unavailable
from .stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="_sync_module_states _verify_param_shape_across_processes",
    error=RuntimeError,
)
