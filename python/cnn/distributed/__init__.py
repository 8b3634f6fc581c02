"""Processes that compute together, over MPI: `torch.distributed` by the same names.

`init_process_group` makes the group of all processes of a job, which `mpiexec` or
`cnn.distributed.run` has started. mpi4py carries the messages; it is loaded then and not before,
and `is_available()` says whether it is there. What needs a group raises as PyTorch does where
`init_process_group` has not been called.
"""

from __future__ import annotations

from .. import _faces, _unavailable
from . import _mpi
from . import distributed_c10d as distributed_c10d
from .device_mesh import *  # noqa: F403
from .distributed_c10d import *  # noqa: F403
from .distributed_c10d import (
    _all_gather_base,
    _coalescing_manager,
    _rank_not_in_group,
    _reduce_scatter_base,
)
from .key_stores import *  # noqa: F403
from .rendezvous import register_rendezvous_handler, rendezvous
from .stores import *  # noqa: F403

_faces.adopt("cnn.distributed", "cnn.distributed.stores", "cnn.distributed.rendezvous")

_SUBMODULES = frozenset((
    "_composable", "_functional_collectives", "_shard", "_tensor", "algorithms", "autograd",
    "checkpoint", "constants", "device_mesh", "elastic", "fsdp", "launch", "launcher", "nn",
    "optim", "pipelining", "rendezvous", "rpc", "run", "tensor", "utils",
))  # fmt: skip

# What averages gradients, which loads where it is asked for.
_REDUCTION = {
    "GradBucket": "buckets",
    "Reducer": "reducer",
    "_DEFAULT_FIRST_BUCKET_BYTES": "buckets",
    "_broadcast_coalesced": "buckets",
    "_compute_bucket_assignment_by_size": "buckets",
    "_register_builtin_comm_hook": "reducer",
    "_register_comm_hook": "reducer",
    "_verify_params_across_processes": "buckets",
}

RankType = int


def is_available():
    """Whether there is mpi4py, on which groups are made: pip install 'cnn[mpi]' brings it."""
    return _mpi.is_installed()


def breakpoint(rank=0, skip=0, timeout_s=3600):
    """Python's debugger in one process of a group; raises NotImplementedError, which says how."""
    get_rank()  # noqa: F405
    raise NotImplementedError(f"distributed.breakpoint: {_NO_TERMINAL}")


_NO_TERMINAL = (
    "ranks have no terminal of their own; mpiexec -n 2 xterm -e python -m pdb program.py opens one "
    "for each"
)
_unavailable.mark(_NO_TERMINAL, breakpoint)


def __getattr__(name):
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _REDUCTION:
        return getattr(import_module(f"{__name__}.{_REDUCTION[name]}"), name)
    if name == "log":
        return distributed_c10d.logger
    from .. import _absent

    raise _absent.absent("cnn.distributed", name)
