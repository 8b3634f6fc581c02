"""Data-parallel training over several processes: many checks in one job, for each number of them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import cnn

pytest.importorskip("mpi4py")

HERE = pathlib.Path(__file__).resolve().parent
STAGE = pathlib.Path(cnn.__file__).absolute().parent.parent
SOURCES = ("ddp_training.py", "ddp_features.py", "ddp_parts.py")
NAMES = [
    name for file in SOURCES for name in re.findall(r"@check\ndef (\w+)", (HERE / file).read_text())
]
# On three and four processes what the number of them changes.
WITH_MORE = [
    "lenet_learns_as_in_one_process", "ranks_that_disagree_raise_everywhere", "gradients_are_means",
    "unused_parameters_are_found", "inputs_may_be_uneven", "synchronized_batch_norm",
    "samplers_know_the_group", "zero_redundancy", "a_group_of_some_ranks",
]  # fmt: skip
CASES = [(2, name) for name in NAMES] + [(n, name) for n in (3, 4) for name in WITH_MORE]


def environment():
    paths = [str(STAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"CNN_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def mpiexec(ranks, *command, timeout=120):
    """The finished run of a command on so many ranks."""
    program = pathlib.Path(sys.prefix) / "bin" / "mpiexec"
    return subprocess.run(
        [str(program) if program.exists() else "mpiexec", "-n", str(ranks), *map(str, command)],
        capture_output=True, text=True, env=environment(), timeout=timeout,
    )  # fmt: skip


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Of a number of ranks and a check: what went wrong on each rank."""
    jobs = {}

    def of(ranks, name):
        if ranks not in jobs:
            folder = tmp_path_factory.mktemp(f"ranks{ranks}")
            names = [name for n, name in CASES if n == ranks]
            done = mpiexec(ranks, sys.executable, HERE / "ddp_job.py", folder, *names)
            jobs[ranks] = read(folder, ranks), done.stdout + done.stderr
        outcomes, output = jobs[ranks]
        return [by_name.get(name, f"has not run\n{output}") for by_name in outcomes]

    return of


def read(folder, ranks):
    outcomes = [{} for _ in range(ranks)]
    for rank, by_name in enumerate(outcomes):
        file = folder / f"{rank}.json"
        for line in file.read_text().splitlines() if file.exists() else ():
            by_name.update(json.loads(line))
    return outcomes


@pytest.mark.parametrize(("ranks", "name"), CASES)
def test_check_holds_on_every_rank(ranks, name, outcome):
    failures = {rank: text for rank, text in enumerate(outcome(ranks, name)) if text}
    assert not failures, "\n".join(f"rank {rank}: {text}" for rank, text in failures.items())
