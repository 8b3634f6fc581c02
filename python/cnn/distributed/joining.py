"""How processes find the others of their job: through MPI, which started them."""

from __future__ import annotations

import os
import sys
from urllib.parse import parse_qs, urlparse

from . import _mpi, engine


def join(init_method, rank, world_size, store, seconds):
    """The communicator of all processes of the job, in the order of ranks.

    RuntimeError if MPI has started another number of processes than the job should have.
    """
    told = _told(init_method) if store is None else {}
    rank = _number(rank, told.get("rank"), os.environ.get("RANK"))
    size = _number(world_size, told.get("world_size"), os.environ.get("WORLD_SIZE"))
    started = _mpi.world_size()
    if size is not None and size != started:
        program = sys.argv[0] if sys.argv and sys.argv[0] else "program.py"
        raise RuntimeError(
            f"init_process_group: the job should have {size} processes, and MPI has started "
            f"{started}. MPI does not bring together processes that were started otherwise, as by "
            f"multiprocessing.spawn: let it start them, by python -m cnn.distributed.run "
            f"--nproc-per-node {size} {program}, or by mpiexec -n {size} python {program}, each of "
            "which calls the function"
        )
    what = f"init_process_group on {started} ranks"
    engine.wait_for(_mpi.world_barrier(), seconds, what, started)
    comm = _mpi.world(rank)
    _mpi.unname_memory()
    _show(comm)
    engine.share_cores(int(os.environ.get("LOCAL_WORLD_SIZE", comm.size)))
    return comm


# The names under which MPICH and Open MPI tell a process its place on its machine.
_LOCAL = {
    "LOCAL_RANK": ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "LOCAL_WORLD_SIZE": ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"),
}


def _show(comm):
    """Sets torchrun's variables where mpiexec has started the processes: programs read them."""
    for variable, names in _LOCAL.items():
        found = next((os.environ[name] for name in names if name in os.environ), None)
        if found is None:
            return
        os.environ.setdefault(variable, found)
    os.environ.setdefault("RANK", str(comm.rank))
    os.environ.setdefault("WORLD_SIZE", str(comm.size))


def _told(init_method):
    """What an address says beside the place: tcp://HOST:PORT?rank=0&world_size=2.

    MPI has no need of the place. RuntimeError for addresses that PyTorch would not know.
    """
    if init_method is None:
        return {}
    parts = urlparse(init_method)
    if parts.scheme not in ("env", "tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def _number(given, *others):
    """What is given as a number from 0 on, or the first of the others that says something."""
    if given is not None and given >= 0:
        return given
    return next((int(other) for other in others if other), None)
