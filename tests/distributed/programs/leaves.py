"""One rank ends in some way; the others wait for it."""

import atexit
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import cnn
from cnn import distributed as dist

how = sys.argv[1]
if how == "tidies":
    # Called after this package's own, as it was registered before.
    atexit.register(dist.destroy_process_group)
dist.init_process_group("mpi", timeout=timedelta(seconds=100))
RANK = dist.get_rank()
dist.all_reduce(x := cnn.ones(4))
if RANK == 1:
    if how == "raises_unread":
        # Whoever reads this rank's output is held up, as on a machine with much to do.
        reader = os.getppid()
        later = ["sh", "-c", f"sleep 0.5; kill -CONT {reader}"]
        closed = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.Popen(later, start_new_session=True, **closed)
        os.kill(reader, signal.SIGSTOP)
    if how.startswith("raises"):
        raise KeyError("rank one is done")
    if how == "exits":
        sys.exit(3)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "returns":
        sys.exit()
if how in ("returns", "exits"):
    start = time.monotonic()
    try:
        dist.all_reduce(x)
    except dist.DistBackendError as error:
        assert "rank 1 has ended its program without taking part" in str(error)
        assert time.monotonic() - start < 20
        print(f"rank {RANK} was told")
        sys.exit(0)
    raise AssertionError("a sum without rank 1")
if how == "waits":
    print(f"rank {RANK} waits", os.getpid(), flush=True)
    if RANK:
        time.sleep(100)
dist.all_reduce(x)
