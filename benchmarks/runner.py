"""Runs a workload in one process for each library, a short batch in each, by turns.

The processes never work at the same time, and both see the same state of the machine.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from benchmarks.workload import Workload

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAUSE = 0.005  # seconds in which the threads of the last library go to sleep
AGREEMENT = {"float32": 1e-3, "bfloat16": 2e-2}  # of mean magnitudes, relative


@dataclass(frozen=True)
class Options:
    threads: int = 2
    rounds: int = 9
    seconds: float = 0.1  # of one timing
    libraries: tuple[str, ...] = ("cnn", "torch")
    compile: bool = False


class Failed(Exception):
    """A workload did not run; absent: because the library has no such thing."""

    def __init__(self, reason: str, absent: bool = False):
        super().__init__(reason)
        self.absent = absent


class Worker:
    """A process with one library and one workload, ready to be asked."""

    def __init__(self, library: str, workload: Workload, options: Options):
        self.library = library
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in close()
        command = [sys.executable, "-m", "benchmarks.worker", library, workload.title]
        command += ["--threads", str(options.threads), "--seconds", str(options.seconds)]
        threads = str(options.threads)
        limits = dict.fromkeys(("CNN_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            text=True, cwd=ROOT, env=environment() | limits,
        )  # fmt: skip
        try:
            about = self.read()
            for outcome in ("absent", "failed"):
                if outcome in about:
                    raise Failed(about[outcome], outcome == "absent")
        except Failed:
            self.close()
            raise
        self.result = about["result"]

    def ask(self, command: str):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.read()

    def read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        last = (self.errors.read().strip().splitlines() or ["no message"])[-1]
        raise Failed(f"{self.library} ended with {self.process.returncode}: {last}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def environment() -> dict[str, str]:
    """This process's, with its relative module paths made absolute."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in paths if p)}


@dataclass
class Outcome:
    """Seconds of one call by library and round, and why a library has none."""

    workload: Workload
    seconds: dict[str, list[float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    failed: bool = False  # a library ran into something other than an absent function


def run(workload: Workload, options: Options) -> Outcome:
    outcome = Outcome(workload)
    workers = start(workload, options, outcome)
    try:
        for number in range(options.rounds):
            take_turns(workers, outcome, number)
    except Failed as failure:
        outcome.seconds.clear()
        outcome.reasons["cnn"], outcome.failed = str(failure), True
    finally:
        for worker in workers.values():
            worker.close()
    return outcome


def take_turns(workers: dict[str, Worker], outcome: Outcome, number: int):
    """One round: a batch in each process; odd rounds the other way about."""
    for library in workers if number % 2 == 0 else reversed(workers):
        time.sleep(PAUSE)
        seconds = workers[library].ask("time")
        outcome.seconds.setdefault(library, []).append(seconds)


def start(workload: Workload, options: Options, outcome: Outcome) -> dict[str, Worker]:
    """Library -> worker; none at all when cnn cannot run the workload."""
    libraries = list(options.libraries)
    if options.compile and workload.compiles and "torch" in libraries:
        libraries.append("torch.compile")
    workers: dict[str, Worker] = {}
    for library in libraries:
        try:
            workers[library] = Worker(library, workload, options)
        except Failed as failure:
            outcome.reasons[library] = str(failure)
            outcome.failed |= not failure.absent and library != "torch.compile"
            if library == "cnn":
                break
    compare_results(workload, workers, outcome)
    return workers


def compare_results(workload, workers, outcome):
    """The same source and seed must have given the same numbers, or the race is void."""
    results = {library: w.result for library, w in workers.items() if w.result is not None}
    tolerance = AGREEMENT[workload.work.dtype if workload.work else "float32"]
    ours = results.get("cnn")
    for library, theirs in results.items():
        if ours is not None and not math.isclose(ours, theirs, rel_tol=tolerance):
            outcome.reasons[library] = f"mean magnitude {theirs:.6g} where cnn has {ours:.6g}"
            outcome.failed = True
