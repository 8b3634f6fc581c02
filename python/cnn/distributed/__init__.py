"""Processes that compute together: not available, as in a PyTorch that is built without it.

`is_available()` and `is_initialized()` are False, names can be imported, and what needs a group of
processes raises as PyTorch does where `init_process_group` has not been called, which raises here.
One process computes alone, on every core; `torch.multiprocessing` starts others and hands tensors
to them.
"""

from __future__ import annotations

from .. import _faces, _unavailable
from . import distributed_c10d as distributed_c10d
from .device_mesh import *  # noqa: F403
from .distributed_c10d import *  # noqa: F403
from .distributed_c10d import (
    _all_gather_base,
    _rank_not_in_group,
    _reduce_scatter_base,
)
from .rendezvous import register_rendezvous_handler, rendezvous
from .stores import *  # noqa: F403
from .stores import ALONE

_faces.adopt("cnn.distributed", "cnn.distributed.stores", "cnn.distributed.rendezvous")

_SUBMODULES = frozenset((
    "_composable", "_functional_collectives", "_shard", "_tensor", "algorithms", "autograd",
    "checkpoint", "constants", "device_mesh", "elastic", "fsdp", "launch", "launcher", "nn",
    "optim", "pipelining", "rendezvous", "rpc", "run", "tensor", "utils",
))  # fmt: skip

RankType = int


def is_available():
    """False: there are no groups of processes here."""
    return False


def breakpoint(rank=0, skip=0, timeout_s=3600):
    """Python's debugger in one process of a group; raises, as there is no group."""
    get_rank()  # noqa: F405


_unavailable.mark(ALONE, breakpoint)


def __getattr__(name):
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name == "log":
        return distributed_c10d.logger
    from .. import _absent

    raise _absent.absent("cnn.distributed", name)
