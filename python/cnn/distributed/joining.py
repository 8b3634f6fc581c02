"""How processes find the others of their job: through MPI, which started them."""

from __future__ import annotations

import os

from . import _mpi, engine


def join(init_method, rank, world_size, store, seconds):
    """The communicator of all processes of the job, in the order of ranks."""
    rank = _number(rank, "RANK")
    size = _number(world_size, "WORLD_SIZE")
    started = _mpi.world_size()
    if size is not None and size != started:
        raise ValueError(
            f"init_process_group: the job should have {size} processes, and MPI has started "
            f"{started}: mpiexec -n {size} python ..., or python -m cnn.distributed.run "
            f"--nproc-per-node {size} ..., starts so many"
        )
    what = f"init_process_group on {started} ranks"
    engine.wait_for(_mpi.world_barrier(), seconds, what)
    return _mpi.world(rank)


def _number(given, variable):
    """What is given, or stands in the environment, as a number; None where nothing does."""
    if given is not None and given >= 0:
        return given
    value = os.environ.get(variable)
    return int(value) if value else None
