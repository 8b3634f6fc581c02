"""What is measured of whole processes: import, page faults, memory, a busy machine."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import time
from statistics import median

from benchmarks.catalogue import workloads
from benchmarks.runner import (
    ROOT,
    Failed,
    Options,
    Outcome,
    Worker,
    environment,
    start,
    take_turns,
)
from benchmarks.table import Row
from benchmarks.workload import Target

LENET = "training steps: LeNet, SGD, batch 32"
STEPS = {
    "LeNet, batch 32": (LENET, 100),
    "ResNet-18, batch 32": ("training steps: ResNet-18 (32x32), SGD, batch 32", 4),
    "transformer encoder": (
        "training steps: transformer encoder d 256, 4 layers, T 128, SGD, batch 8",
        10,
    ),
}
IMPORT, FAULTS, MEMORY, CONTENTION = (
    "import", "page faults in a steady step", "peak memory of training",
    "one core kept busy by another process",
)  # fmt: skip
WINDOWS = 5
TIMED_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def rows(options: Options, wanted):
    """The rows whose titles wanted(title) admits."""
    if wanted(f"{IMPORT}: import"):
        yield import_row(options)
    for section, measure in ((FAULTS, faults), (MEMORY, memory)):
        for name, (title, calls) in STEPS.items():
            if wanted(f"{section}: {name}"):
                yield of_both(section, name, title, options, measure, calls)
    if wanted(f"{CONTENTION}: LeNet, batch 32"):
        yield contention_row(options)


def import_row(options):
    row = Row(IMPORT, "import, warm bytecode", "s", target=Target(0.040, 0.025, of="ours"))
    for _ in range(options.rounds):
        for library in options.libraries:
            command = [sys.executable, "-c", TIMED_IMPORT.format(library)]
            run = subprocess.run(
                command, cwd=ROOT, env=environment(), capture_output=True, text=True
            )
            if run.returncode:
                row.reasons[library] = run.stderr.strip().splitlines()[-1]
                row.failed |= library == "cnn"
            else:
                row.values.setdefault(library, []).append(float(run.stdout))
    return row


def of_both(section, name, title, options, measure, calls):
    """A row of measure(worker, calls) -> list of figures, for each library by itself."""
    target = Target(0, 0, of="ours") if section == FAULTS else Target(aim=1.0)
    row = Row(section, name, "faults" if section == FAULTS else "bytes", target=target)
    for library in options.libraries:
        try:
            worker = Worker(library, workloads()[title], options)
            with contextlib.closing(worker):
                row.values[library] = measure(worker, calls)
        except Failed as failure:
            row.reasons[library] = str(failure)
            row.failed |= not failure.absent
            if library == "cnn":
                break
    return row


def faults(worker, calls):
    # The system maps a page by itself now and then: a window without it tells.
    return [min(worker.ask(f"faults {WINDOWS} {calls}"))]


def memory(worker, calls):
    # The highest resident memory, less that after importing.
    return [worker.ask(f"memory {calls}")]


def contention_row(options):
    """How many times slower a step gets when another process spins on one core."""
    row = Row(CONTENTION, "LeNet, batch 32: times slower", "times", target=Target(aim=1.0))
    workload = dataclasses.replace(workloads()[LENET], others={})
    quiet, busy = Outcome(workload), Outcome(workload)
    workers = start(quiet.workload, options, quiet)
    row.reasons, row.failed = quiet.reasons, quiet.failed
    try:
        for number in range(options.rounds):
            take_turns(workers, quiet, number)
            with spinning():
                take_turns(workers, busy, number)
        for library in workers:
            slower = median(busy.seconds[library]) / median(quiet.seconds[library])
            row.values[library] = [slower]
    except Failed as failure:
        row.reasons["cnn"], row.failed = str(failure), True
    finally:
        for worker in workers.values():
            worker.close()
    return row


@contextlib.contextmanager
def spinning():
    """A process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    time.sleep(0.2)  # it has to start first
    try:
        yield
    finally:
        process.kill()
        process.wait()
