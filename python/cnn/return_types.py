"""The classes of what functions such as `max` return: tuples whose fields have names."""

from . import _C
from .linalg import _checks, _older  # noqa: F401  (whose results have names too)
from .utils import _pytree  # noqa: F401  (which registers those of the core)

_all = {**_C._return_types, **_checks.NAMED}
__all__ = list(_all)
all_return_types = list(_all.values())
globals().update(_all)
