"""What becomes of a GPU that waits for another rank in vain: nccl_troubles.py HOW."""

import os
import signal
import sys
import time
from datetime import timedelta

import cnn
from cnn import distributed as dist
from cnn.distributed import _nccl, exits, operations

how = sys.argv[1]
dist.init_process_group("nccl", timeout=timedelta(seconds=3 if how == "never" else 60))
RANK = dist.get_rank()
cnn.cuda.set_device(0 if how == "one_gpu" else RANK)
x = cnn.ones(1000, device="cuda")


def told(words, call, kind=dist.DistBackendError):
    start = time.monotonic()
    try:
        call()
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"nothing was raised: {words}")
    assert time.monotonic() - start < 20


def sum_and_read():
    """The host waits for the GPU here, in `item`, as programs do."""
    dist.all_reduce(x)
    x.sum().item()
    if RANK == 0 and how == "never":
        raise AssertionError("a value that is none")
    dist.all_reduce(x)


if how == "one_gpu":
    told("Duplicate GPU detected", lambda: dist.all_reduce(x))
elif how == "never":
    dist.all_reduce(x)
    if RANK == 1:  # which says that it takes part, and then does not
        _nccl.Communicator.all_reduce = lambda *arguments: None
        told("Timed out waiting 3000ms for all_reduce", sum_and_read)
    else:
        told("the GPU has not completed it within 3000ms: another", sum_and_read, RuntimeError)
    told("the group has failed before", lambda: dist.all_reduce(x))
elif how == "wait":
    work = dist.all_reduce(x, async_op=True)
    work.wait()
    if RANK == 1:
        _nccl.Communicator.all_reduce = lambda *arguments: None
    work = dist.all_reduce(x, async_op=True)
    if RANK == 0:
        told("within 500ms", lambda: work.wait(timedelta(seconds=0.5)))
        assert work.is_completed()
elif how == "disagree":
    dist.all_reduce(x)

    def unchecked(comm, name, value, balance, steps):
        next(steps)
        yield from steps

    operations.checked = unchecked
    dist.all_reduce(x[: 10 + RANK])
    time.sleep(1)
    told("NCCL: invalid usage", lambda: dist.all_reduce(x))
elif how == "leaves":
    dist.all_reduce(x)
    if RANK == 0:
        told("rank 1 has ended its program", lambda: dist.all_reduce(x))
elif how == "killed":
    dist.all_reduce(x)
    print("ready", flush=True)
    while exits._unread(sys.stdout.fileno()):  # the launcher ends with what it has not read
        time.sleep(1e-3)
    dist.barrier()
    if RANK == 1:
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        sum_and_read()
print("told", flush=True)
# The group has failed or goes on; its end does not wait for anybody.
