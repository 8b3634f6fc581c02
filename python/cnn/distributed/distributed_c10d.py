"""Groups and what they do together, in PyTorch's one file."""

from __future__ import annotations

import logging

from .. import _faces
from . import backends as _backends
from . import collectives as _collectives
from . import groups as _groups
from .backends import *  # noqa: F403
from .backends import RedOpType, get_default_backend_for_device  # noqa: F401
from .collectives import *  # noqa: F403
from .collectives import _all_gather_base, _reduce_scatter_base  # noqa: F401
from .constants import default_pg_nccl_timeout, default_pg_timeout  # noqa: F401
from .groups import *  # noqa: F403
from .groups import (  # noqa: F401
    _find_pg_by_ranks_and_tag,
    _get_default_group,
    _get_default_store,
    _get_global_rank,
    _get_group_size,
    _group_or_default_group,
    _rank_not_in_group,
    _world,
)
from .stores import *  # noqa: F403

logger = logging.getLogger(__name__)
GroupName = str

_faces.adopt(__name__, _groups.__name__, _collectives.__name__)

__all__ = [
    "GroupName",
    "default_pg_timeout",
    "get_default_backend_for_device",
    *"DebugLevel PrefixStore Store get_debug_level".split(),
    *_backends.__all__,
]
__all__ += [
    name
    for part in (_groups, _collectives)
    for name, value in vars(part).items()
    if not name.startswith("_") and getattr(value, "__module__", None) == __name__
]
