"""Groups and what they do together, in PyTorch's one file."""

from __future__ import annotations

import logging

from .. import _faces
from . import backends as _backends
from . import collectives as _collectives
from . import groups as _groups
from .backends import *  # noqa: F403
from .backends import get_default_backend_for_device
from .collectives import *  # noqa: F403
from .constants import default_pg_timeout
from .groups import *  # noqa: F403
from .stores import DebugLevel, PrefixStore, Store, get_debug_level

logger = logging.getLogger(__name__)
GroupName = str

_faces.adopt(__name__, _groups.__name__, _collectives.__name__)

__all__ = [
    "DebugLevel",
    "GroupName",
    "PrefixStore",
    "Store",
    "default_pg_timeout",
    "get_debug_level",
    "get_default_backend_for_device",
    *_backends.__all__,
]
__all__ += [
    name
    for part in (_groups, _collectives)
    for name, value in vars(part).items()
    if not name.startswith("_") and getattr(value, "__module__", None) == __name__
]
