"""The classes of what functions such as `max` return: tuples whose fields have names."""

from . import _C
from .utils import _pytree  # noqa: F401  (which registers them)

__all__ = list(_C._return_types)
all_return_types = list(_C._return_types.values())
globals().update(_C._return_types)
