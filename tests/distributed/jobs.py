"""Starts programs on several ranks, and sees to it that none stays."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import cnn
from cnn.distributed import _starting

PROGRAMS = pathlib.Path(__file__).parent / "programs"
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None,
    reason="there is no mpi4py: pip install 'cnn[mpi]' brings it",
)


def environment(**variables):
    """This process's environment, in which the cnn under test is found, with variables added."""
    unwanted = ("PMI_", "OMPI_", "CNN_AS_", "PYTHONUNBUFFERED")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    folder = os.path.dirname(os.path.dirname(os.path.abspath(cnn.__file__)))
    path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "CNN_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **variables}


def start(command, **variables):
    """A process at the head of a session of its own."""
    return subprocess.Popen(
        [str(part) for part in command],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process, timeout=60):
    """(exit status, stdout, stderr); what is left of its processes at the end is killed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        end(process)
        out, err = process.communicate()
        pytest.fail(f"not over after {timeout} s:\n{out}\n{err}")
    return process.returncode, out, err


def end(process):
    """Kills a process and all of its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def mpiexec(ranks, program, *arguments, timeout=60, **variables):
    """(exit status, stdout, stderr) of a program on so many ranks."""
    command = [*_starting.mpiexec_command(ranks), sys.executable, PROGRAMS / program, *arguments]
    return finish(start(command, **variables), timeout)


def passes(ranks, program, *arguments, **settings):
    """The lines that a program prints, which must end well."""
    status, out, err = mpiexec(ranks, program, *arguments, **settings)
    assert status == 0, f"exit status {status}\n{out}\n{err}"
    return out.splitlines()


def torchrun(*arguments):
    """The command that starts ranks through this package's launcher."""
    return [sys.executable, "-m", "cnn.distributed.run", *arguments]


def mark():
    """A word for a job's command line, by which its processes can be found."""
    return f"job-{os.getpid()}-{time.monotonic_ns()}"


def processes_of(word):
    """The processes whose command line holds a word."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone_within(seconds, word):
    """Whether no process with a word in its command line is left after so many seconds at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not processes_of(word):
            return True
        time.sleep(0.05)
    return False
