"""Starts the ranks of a job through mpiexec, waits for them, and ends them all when one fails."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ._mpi import INSTALL

_RANK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_rank.py")
_PR_SET_PDEATHSIG = 1


def find_mpiexec():
    """The path of mpiexec: of CNN_MPIEXEC, this environment or PATH. RuntimeError without one."""
    if "CNN_MPIEXEC" in os.environ:
        return os.environ["CNN_MPIEXEC"]
    folders = os.pathsep.join((os.path.dirname(sys.executable), os.path.join(sys.prefix, "bin")))
    for name in ("mpiexec", "mpirun"):
        path = shutil.which(name, path=folders) or shutil.which(name)
        if path:
            return path
    raise RuntimeError(f"there is no mpiexec here; {INSTALL}")


@functools.cache
def mpiexec_command(ranks):
    """mpiexec and its options for so many ranks on this machine."""
    path = find_mpiexec()
    version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    command = [path, "-n", str(ranks)]
    if "Open MPI" in version or "OpenRTE" in version or "PRRTE" in version or "prte" in version:
        command += ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        if os.geteuid() == 0:
            command.append("--allow-run-as-root")
    return command


class Job:
    """A command with arguments that ranks run: `run()` starts them all and waits for them.

    `redirects` and `tee` say of each rank which streams (1: stdout, 2: stderr, 3: both) go to files
    under `log_dir`, alone or as well; `shown` are the ranks whose output is shown, by default all.
    """

    def __init__(
        self, command, arguments, ranks, *, environment, log_dir=None, redirects=None, tee=None,
        shown=(), local_rank_option=False, patience=30,
    ):  # fmt: skip
        self._ranks, self._patience, self.stopped = ranks, patience, None
        self._plan = {
            "command": command,
            "arguments": arguments,
            "local_rank_option": local_rank_option,
            "redirects": redirects or {},
            "tee": tee or {},
            "shown": list(shown),
        }
        self._environment = {**os.environ, **environment}
        threads = str(max(1, len(os.sched_getaffinity(0)) // ranks))
        for variable in ("OMP_NUM_THREADS", "CNN_NUM_THREADS"):
            self._environment.setdefault(variable, os.environ.get("OMP_NUM_THREADS", threads))
        files = any((redirects or {}).values()) or any((tee or {}).values())
        if files and log_dir is None:
            log_dir = tempfile.mkdtemp(prefix="torchrun_")
            print(f"torchrun: the output of ranks is in {log_dir}", file=sys.stderr)
        self._log_dir = log_dir

    def run(self, restart=0):
        """Starts the ranks and waits for them; the exit status of the first that failed, or 0."""
        plan = dict(self._plan)
        if self._log_dir is not None:
            plan["log_dir"] = os.path.join(self._log_dir, f"attempt_{restart}")
        environment = {
            **self._environment,
            "CNN_RANK_PLAN": json.dumps(plan),
            "TORCHELASTIC_RESTART_COUNT": str(restart),
        }
        # A group of its own: signals reach it through this process, one after another.
        process = subprocess.Popen(
            [*mpiexec_command(self._ranks), sys.executable, _RANK],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        with self._handed_on(process):
            status = process.wait()
        if self.stopped is not None:
            return 128 + self.stopped
        return status if 0 <= status < 256 else 128 + abs(status) % 128

    @contextlib.contextmanager
    def _handed_on(self, process):
        """Signals end the ranks: first by the signal itself, after a while by force."""

        def stop(number, frame):
            if self.stopped is None:
                self.stopped = number
                signal.signal(signal.SIGALRM, force)
                signal.alarm(max(1, self._patience))
            _signal(process.pid, number)

        def force(number, frame):
            _signal_all(process.pid, signal.SIGKILL)

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            signal.alarm(0)
            for number, handler in before.items():
                signal.signal(number, handler)
            if self.stopped is not None:
                time.sleep(0.1)
                _signal_all(process.pid, signal.SIGKILL)


def _end_with_parent():
    """In the process to be: it gets SIGTERM if this one ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_all(group, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
