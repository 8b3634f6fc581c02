"""How processes find the others of their job: through MPI, which started them."""

from __future__ import annotations

import os
import sys

from . import _mpi, engine


def join(init_method, rank, world_size, store, seconds):
    """The communicator of all processes of the job, in the order of ranks.

    RuntimeError if MPI has started another number of processes than the job should have.
    """
    rank = _number(rank, "RANK")
    size = _number(world_size, "WORLD_SIZE")
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
    engine.wait_for(_mpi.world_barrier(), seconds, what)
    return _mpi.world(rank)


def _number(given, variable):
    """What is given, or stands in the environment, as a number; None where nothing does."""
    if given is not None and given >= 0:
        return given
    value = os.environ.get(variable)
    return int(value) if value else None
