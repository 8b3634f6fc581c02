"""Processes that run calls, and the one that watches them: for signals, for hangs, and for what they report."""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import select
import signal
import struct
import tempfile
import time
import warnings
from dataclasses import dataclass

from . import call as calls

MEMORY = 768 << 20  # bytes beyond what a process has at its start: too few for 10**9 of anything
PATIENCE = 2  # seconds until a call is interrupted, and then again
TIME_LIMIT = 10  # until it hangs, if that did not help; six times as many where it waits for a core
STAGE = dict(enumerate(calls.STAGES))


@dataclass(frozen=True)
class Finding:
    index: int
    kind: str  # "SIGSEGV", "hang", "SystemError", ...
    stage: str
    text: str = ""


class Interrupted(BaseException):
    """What a call that takes too long is told, as it would be by Ctrl-C."""


def _interrupt(number, frame):
    if Worker.calling:
        raise Interrupted


class Worker:
    """A child that runs the calls of `indices`, one after the other, and writes what it finds into a pipe."""

    calling = False  # in the child: whether it may be interrupted

    def __init__(self, indices, run_index, folder, tells_successes, prepare):
        self.prepare = prepare
        self.run_index, self.tells_successes = run_index, tells_successes
        self.progress = mmap.mmap(-1, 16)
        struct.pack_into("qq", self.progress, 0, indices[0], 0)
        self.seen, self.since, self.cpu, self.interrupts = None, time.monotonic(), 0.0, 0
        self.text = b""
        self.errors = tempfile.TemporaryFile()
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reading)
            self._child(indices, folder, writing)
        os.close(writing)
        os.set_blocking(self.reading, False)

    def _child(self, indices, folder, writing):
        """Never returns."""
        try:
            faulthandler.disable()  # whose text would say nothing of C++
            os.dup2(self.errors.fileno(), 2)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.chdir(folder)
            signal.signal(signal.SIGALRM, _interrupt)
            warnings.simplefilter("ignore")
            self.prepare()
            with open("/proc/self/statm") as statm:
                addresses = int(statm.read().split()[0]) * 4096 + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
            left = iter(indices)
            while True:
                try:
                    for index in left:
                        self._run(index, writing)
                    break
                except Interrupted:  # when the call has just ended
                    continue
            struct.pack_into("qq", self.progress, 0, -1, 0)
            os._exit(0)
        except BaseException as error:  # of the fuzzer itself
            os.write(2, f"the fuzzer failed: {type(error).__name__}: {error}\n".encode())
            os._exit(99)

    def _run(self, index, writing):
        struct.pack_into("qq", self.progress, 0, index, 0)
        Worker.calling = True
        try:
            succeeded, kind, text = self.run_index(index, self._at_stage)
        finally:
            Worker.calling = False
        if kind or (succeeded and self.tells_successes):
            stage = struct.unpack_from("q", self.progress, 8)[0]
            line = json.dumps([index, succeeded, kind, STAGE[stage], text[:300] if kind else ""])
            os.write(writing, line.encode() + b"\n")

    def _at_stage(self, stage):
        struct.pack_into("q", self.progress, 8, stage)

    @property
    def position(self):
        """(index, stage) of what it is doing."""
        return struct.unpack("qq", self.progress[:])

    def lines(self):
        """What it has reported since the last time."""
        try:
            while piece := os.read(self.reading, 1 << 16):
                self.text += piece
        except BlockingIOError:
            pass
        *lines, self.text = self.text.split(b"\n")
        return [json.loads(line) for line in lines]

    def hangs(self):
        """Has a call gone on for too long, though it was interrupted?"""
        now, position = time.monotonic(), self.position
        if position[0] != self.seen:
            self.seen, self.since, self.cpu, self.interrupts = position[0], now, self._cpu(), 0
        elapsed = now - self.since
        if elapsed > PATIENCE * (self.interrupts + 1):  # one that comes in a destructor is lost
            self.interrupts += 1
            os.kill(self.pid, signal.SIGALRM)
        return elapsed > TIME_LIMIT and (
            elapsed > 6 * TIME_LIMIT or self._cpu() - self.cpu > TIME_LIMIT / 2
        )

    def _cpu(self):
        try:
            with open(f"/proc/{self.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def said(self):
        """The end of what it wrote to the standard error."""
        self.errors.seek(0)
        lines = self.errors.read()[-4000:].decode(errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines if line.strip())[-300:]

    def close(self):
        os.close(self.reading)
        self.errors.close()


class Pool:
    """Runs calls in `jobs` processes; a process that ends at a call is replaced by one that begins at the next."""

    def __init__(self, run_index, jobs, report, prepare=lambda: None):
        self.run_index, self.jobs, self.report, self.prepare = run_index, jobs, report, prepare
        self.done = 0  # calls

    def run(self, begin, end, deadline=None, succeeded=None):
        """The calls from `begin` to `end`, until the deadline. `succeeded(index)` hears of those that returned."""
        with tempfile.TemporaryDirectory() as folder:

            def start(share):
                return Worker(share, self.run_index, folder, succeeded is not None, self.prepare)

            shares = [range(begin + job, end, self.jobs) for job in range(self.jobs)]
            running = [(start(share), share) for share in shares if share]
            while running:
                select.select([worker.reading for worker, _ in running], [], [], 0.05)
                stop = deadline is not None and time.monotonic() > deadline
                for worker, share in running[:]:
                    ended = self._ended(worker, stop)
                    self._hear(worker, succeeded)
                    if not ended:
                        continue
                    worker.close()
                    running.remove((worker, share))
                    index = worker.position[0]
                    left = range(0) if index == -1 else share[share.index(index) + 1 :]
                    self.done += len(share) - len(left)
                    if left and not stop:
                        running.append((start(left), left))

    def _ended(self, worker, stop):
        """Is the worker no more, by itself or by our hand? Reports what it died of."""
        ended, status = os.waitpid(worker.pid, os.WNOHANG)
        hangs = not ended and not stop and worker.hangs()
        if not ended and (stop or hangs):
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)
        if hangs:
            self._died(worker, "hang", f"more than {TIME_LIMIT} s")
        elif ended and os.WIFSIGNALED(status):
            self._died(worker, signal.Signals(os.WTERMSIG(status)).name, worker.said())
        elif ended and worker.position[0] != -1:
            self._died(worker, "exit", f"status {os.WEXITSTATUS(status)}: {worker.said()}")
        return ended or stop or hangs

    def _died(self, worker, kind, text):
        index, stage = worker.position
        self.report(Finding(index, kind, STAGE[stage], text))

    def _hear(self, worker, succeeded):
        for index, success, kind, stage, text in worker.lines():
            if success and succeeded:
                succeeded(index)
            if kind:
                self.report(Finding(index, kind, stage, text))
