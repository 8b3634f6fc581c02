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
import threading
import time

from ._mpi import INSTALL

_RANK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_rank.py")
_PR_SET_PDEATHSIG = 1
_GRACE = 1.0  # seconds in which mpiexec may end a job itself that has failed


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


class _Failures:
    """What ranks tell of their ends: the first failure ends the job, if mpiexec does not."""

    _KILLED = 128 + signal.SIGKILL

    def __init__(self, path, process):
        # Opened to be written as well, so that it does not end with the first rank.
        self._pipe, self._process, self._statuses = os.open(path, os.O_RDWR), process, []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            words = os.read(self._pipe, 4096).split()
            self._statuses += [int(word) for word in words if word != b"end"]
            if b"end" in words:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
                continue
            _signal(self._process.pid, signal.SIGTERM)

    def first(self, status):
        """The exit status of the rank that failed first. Those that mpiexec has killed because of
        it say so too; `status` is mpiexec's own.
        """
        os.write(self._pipe, b"end\n")
        self._thread.join()
        os.close(self._pipe)
        told = [each for each in self._statuses if each != self._KILLED]
        if told:
            return told[0]
        if self._statuses and status in (signal.SIGKILL, -signal.SIGKILL):
            return self._KILLED
        return 128 - status if status < 0 else status


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
        with tempfile.TemporaryDirectory(prefix="torchrun_") as folder:
            plan["failures"] = os.path.join(folder, "failures")
            os.mkfifo(plan["failures"])
            environment = {
                **self._environment,
                "CNN_RANK_PLAN": json.dumps(plan),
                "TORCHELASTIC_RESTART_COUNT": str(restart),
            }
            # A session of its own: signals reach it through this process, one after another.
            process = subprocess.Popen(
                [*mpiexec_command(self._ranks), sys.executable, _RANK],
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
            failures = _Failures(plan["failures"], process)
            with self._handed_on(process):
                status = process.wait()
            status = failures.first(status)
        return status if self.stopped is None else 128 + self.stopped

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
