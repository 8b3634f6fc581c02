"""Runs a workload in one process for each library, a short batch in each, by turns.

The processes never work at the same time, and both see the same state of the machine.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from benchmarks import machine
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
    folder: str = ""  # of files that workers share
    latency: machine.CoreLatency | None = None  # measured before and after each round


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
        command += ["--folder", options.folder]
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
    # Nanoseconds from core to core and back, before and after each round.
    latencies: list[tuple[float | None, float | None]] = field(default_factory=list)


def run(workload: Workload, options: Options) -> Outcome:
    outcome = Outcome(workload)
    workers = start(workload, options, outcome)
    measure = options.latency.measure if options.latency else lambda: None
    try:
        for number in range(options.rounds):
            before = measure()
            take_turns(workers, outcome, number)
            outcome.latencies.append((before, measure()))
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


def drop_rounds(outcomes: list[Outcome]) -> str:
    """Takes out the rounds in which the cores were as far apart as in few others; says so.

    A workload that had no other rounds keeps them: its libraries at least met the same state.
    """
    usual = machine.prevailing(v for o in outcomes for pair in o.latencies for v in pair)
    if usual is None:
        return ""
    dropped, elsewhere = 0, []
    for outcome in outcomes:
        same = [not any(machine.changed(v, usual) for v in pair) for pair in outcome.latencies]
        if not any(same):
            elsewhere += [outcome.workload.title] if same else []
        elif not all(same):
            dropped += same.count(False)
            for library, rounds in outcome.seconds.items():
                outcome.seconds[library] = [s for s, keep in zip(rounds, same) if keep]
    total = sum(len(o.latencies) for o in outcomes)
    said = f"core to core and back {usual:.0f} ns; {dropped} of {total} rounds dropped"
    said += ", in which that was another by more than a factor of " + str(machine.CHANGED)
    return said + "".join(f"; all of another state: {title}" for title in elsewhere)


def start(workload: Workload, options: Options, outcome: Outcome) -> dict[str, Worker]:
    """Library -> worker; none at all when cnn cannot run the workload."""
    libraries = list(options.libraries)
    if options.compile and workload.compiles and "torch" in libraries:
        libraries.append("torch.compile")
    if len(options.libraries) > 1:
        libraries += [name for name in workload.others if workload.columns or installed(name)]
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


def installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def compare_results(workload, workers, outcome):
    """The same source and seed must have given the same numbers, or the race is void."""
    results = {library: w.result for library, w in workers.items() if w.result is not None}
    tolerance = AGREEMENT[workload.work.dtype if workload.work else "float32"]
    ours = results.get("cnn")
    for library, theirs in results.items():
        difference = None if ours is None else disagreement(ours, theirs, tolerance)
        if difference:
            outcome.reasons[library], outcome.failed = difference, True


def disagreement(ours, theirs, tolerance) -> str:
    """How two results differ by more than the tolerance; nothing if they agree."""
    if isinstance(ours, list):
        size = sum(map(abs, ours)) / len(ours)
        apart = sum(abs(a - b) for a, b in zip(ours, theirs, strict=True)) / len(ours)
        if not apart <= tolerance * size:
            return f"values are {apart:.3g} apart, where cnn's are of size {size:.3g}"
    elif not math.isclose(ours, theirs, rel_tol=tolerance):
        return f"mean magnitude {theirs:.6g} where cnn has {ours:.6g}"
    return ""
