"""How a process leaves its job, so that the others neither wait for it nor are cut short.

One that ends tells the others how far it has come, so that who waits for more of it raises, and
waits until they end too. One that ends by an uncaught exception ends the others with it. One whose
operations have failed waits a little only; then it leaves without a word to MPI, and the launcher,
which sees that, ends the others.
"""

from __future__ import annotations

import atexit
import fcntl
import io
import os
import pickle
import stat
import struct
import sys
import termios
import threading
import time

from .. import _C
from . import _mpi

# Of each group, by its ranks and its number among groups of these: how many operations began here.
# What is not counted by groups has longer or shorter keys.
begun = {}
# Of each rank that has left: its `begun`, and when that was heard.
_gone = {}
_reading = threading.Lock()
_PATIENCE = 3.0  # seconds in which messages that were sent before arrive
_READERS = 2.0  # seconds in which output is read that was written before the job is ended


class _Job:
    """What a process knows of its job from the first group on."""

    control = sent = None
    pid = None
    failed = 0  # the exit status of an uncaught exception
    queues = None
    stop = None


def begin(key):
    """Notes that an operation begins here; its number among those with this key."""
    begun[key] = begun.get(key, 0) + 1
    return begun[key]


def watch(comm, queues, stop):
    """Makes this process leave as it should: `stop` ends what would call MPI, and `queues()` are
    those of its groups.
    """
    if _Job.control is not None:
        return
    _Job.control, _Job.pid, _Job.queues = comm.duplicate(), os.getpid(), queues
    _Job.stop = stop
    _show_rank(comm.rank)
    # mpiexec reads output through pipes, which Python fills block by block.
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.line_buffering:
        sys.stdout.reconfigure(line_buffering=True)
    atexit.register(_leave)


def _show_rank(rank):
    """Uncaught exceptions are printed with the rank before each line, and noted."""
    before = sys.excepthook

    def hook(*args):
        _Job.failed = 130 if issubclass(args[0], KeyboardInterrupt) else 1
        stderr, sys.stderr = sys.stderr, io.StringIO()
        try:
            before(*args)
        finally:
            text, sys.stderr = sys.stderr.getvalue(), stderr
        lines = (f"[rank{rank}]: {line}" if line else "" for line in text.split("\n"))
        sys.stderr.write("\n".join(lines))
        sys.stderr.flush()

    sys.excepthook = hook


def _leave():
    if os.getpid() != _Job.pid or _mpi.is_finalized():
        return
    _Job.stop()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    if _Job.failed and not _gone:
        _end_the_job()
    well = not _Job.failed and min(
        (queue.drain(_PATIENCE) for queue in _Job.queues()), default=True
    )
    note = memoryview(bytearray(pickle.dumps(begun)))
    others = (rank for rank in range(_Job.control.size) if rank != _Job.control.rank)
    _Job.sent = [_Job.control.send_bytes(note, rank) for rank in others]
    # All wait for each other, those with a broken group only for so long that the others can see
    # that it is broken.
    broken = _C.tensor([int(not well)], device="cpu")
    asked = _Job.control.all_reduce(broken, "SUM")
    together = _wait(asked, None if well else 2 * _PATIENCE)
    if _Job.failed:
        # One that has left before, maybe with an exit status of its own, goes first.
        time.sleep(0.2)
        _end_the_job()
    if together:
        _mpi.finalize(_PATIENCE if broken.item() else None)


def _end_the_job():
    """Ends all ranks, once the readers of this one's output have what it has written.

    The launcher forwards output through pipes, and closes them as soon as it hears of the end of
    the job: on a machine with much to do a traceback may still lie in one.
    """
    end = time.monotonic() + _READERS
    for descriptor in (1, 2):
        while _unread(descriptor) and time.monotonic() < end:
            time.sleep(1e-3)
    # A reader that copies to a file (`--tee`) has then still to write to the pipe of the launcher.
    time.sleep(0.02)
    _mpi.abort(_Job.failed)


def _unread(descriptor):
    """How many bytes lie in a pipe, or 0 where it is none."""
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return 0
        return struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0]
    except OSError:
        return 0


def _wait(pending, seconds):
    end = None if seconds is None else time.monotonic() + seconds
    pause = 1e-5
    while not pending.done():
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 1e-2)
    return True


def missing(key, number, peers, any_of=False):
    """A rank that has left and will never take part in an operation: one of the `peers`, by global
    rank, which has not begun operation `number` of the group `key`. None if there is no such rank,
    or, with `any_of`, if one of the others may still take part.

    Of messages the `number` is None: what was sent before is waited for a little.
    """
    if _Job.control is None or not _reading.acquire(blocking=False):
        return None
    try:
        while (note := _Job.control.receive_bytes()) is not None:
            rank, text = note
            _gone[rank] = pickle.loads(text), time.monotonic()
    finally:
        _reading.release()
    found = [rank for rank in peers if rank in _gone and _lacks(*_gone[rank], key, number)]
    return None if not found or (any_of and len(found) < len(peers)) else found[0]


def _lacks(done, heard, key, number):
    if number is None:
        return time.monotonic() - heard > _PATIENCE
    return done.get(key, 0) < number
