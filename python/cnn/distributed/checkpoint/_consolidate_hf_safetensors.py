"""Files of many processes as one."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="consolidate_safetensors_files consolidate_safetensors_files_on_every_rank",
    error=NotImplementedError,
)
