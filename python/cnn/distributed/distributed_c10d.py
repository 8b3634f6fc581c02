"""Groups and what they do together, in PyTorch's one file."""

from __future__ import annotations

import logging

from .. import _faces
from . import backends as _backends
from . import collectives as _collectives
from . import groups as _groups
from . import messages as _messages
from . import objects as _objects
from .backends import *  # noqa: F403
from .backends import RedOpType, get_default_backend_for_device  # noqa: F401
from .collectives import *  # noqa: F403
from .collectives import (  # noqa: F401
    _all_gather_base,
    _coalescing_manager,
    _reduce_scatter_base,
)
from .constants import default_pg_nccl_timeout, default_pg_timeout  # noqa: F401
from .engine import Work  # noqa: F401
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
from .key_stores import *  # noqa: F403
from .messages import *  # noqa: F403
from .objects import *  # noqa: F403
from .process_group import ProcessGroup  # noqa: F401
from .stores import *  # noqa: F403

logger = logging.getLogger(__name__)
GroupName = str

_PARTS = (_groups, _collectives, _messages, _objects)
_faces.adopt(
    __name__, *(part.__name__ for part in _PARTS), f"{__package__}.engine",
    f"{__package__}.process_group",
)  # fmt: skip

__all__ = [
    "GroupName",
    "ProcessGroup",
    "Work",
    "default_pg_timeout",
    "get_default_backend_for_device",
    *"DebugLevel PrefixStore Store get_debug_level".split(),
    *_backends.__all__,
]
__all__ += [
    name
    for part in _PARTS
    for name, value in vars(part).items()
    if not name.startswith("_") and getattr(value, "__module__", None) == __name__
]
