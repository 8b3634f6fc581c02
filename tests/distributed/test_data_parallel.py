"""Data-parallel training over several processes: many checks in one job, for each number of them."""

from __future__ import annotations

import json
import re
import sys

import pytest
from jobs import PROGRAMS, finish, mpiexec, needs_mpi, start, torchrun

pytestmark = needs_mpi

SOURCES = ("ddp_training.py", "ddp_features.py", "ddp_parts.py")
NAMES = [
    name
    for file in SOURCES
    for name in re.findall(r"@check\ndef (\w+)", (PROGRAMS / file).read_text())
]
# On three and four processes what the number of them changes.
WITH_MORE = [
    "lenet_learns_as_in_one_process", "ranks_that_disagree_raise_everywhere", "gradients_are_means",
    "unused_parameters_are_found", "inputs_may_be_uneven", "synchronized_batch_norm",
    "samplers_know_the_group", "zero_redundancy", "zero_redundancy_with_uneven_inputs",
    "a_group_of_some_ranks",
]  # fmt: skip
CASES = [(2, name) for name in NAMES] + [(n, name) for n in (3, 4) for name in WITH_MORE]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Of a number of ranks and a check: what went wrong on each rank."""
    jobs = {}

    def of(ranks, name):
        if ranks not in jobs:
            folder = tmp_path_factory.mktemp(f"ranks{ranks}")
            names = [name for n, name in CASES if n == ranks]
            _, *output = mpiexec(ranks, "ddp_job.py", folder, *names, timeout=120)
            jobs[ranks] = read(folder, ranks), "\n".join(output)
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


# ---- Programs as people write them for PyTorch ----


def losses(text):
    """The losses that a program prints, of which there must be some, falling."""
    found = [float(loss) for loss in re.findall(r"loss (\d+\.\d+)", text)]
    assert len(found) >= 3 and found[-1] < found[0] / 2, text
    return found


def test_a_program_for_torchrun(tmp_path):
    file = tmp_path / "snapshot.pt"
    command = [*torchrun("--nproc-per-node", "2", "--standalone"), PROGRAMS / "for_torchrun.py"]
    as_torch = [sys.executable, "-m", "cnn", "-m", "torch.distributed.run", *command[3:]]
    status, out, err = finish(start([*as_torch, "6", file]))
    assert status == 0, err
    first = losses(out)
    assert out.count("epoch") == 6  # of rank 0 alone
    # It goes on from the snapshot, on another number of ranks.
    more = [*as_torch[:6], "3", *as_torch[7:]]
    status, out, err = finish(start([*more, "8", file]))
    assert status == 0, err
    assert "epoch 6 " in out and "epoch 5 " not in out
    assert float(re.findall(r"loss (\d+\.\d+)", out)[-1]) <= first[-1] * 1.05


def test_a_program_for_mpiexec():
    status, out, err = mpiexec(2, "run_as_torch.py", "for_mpiexec.py")
    assert status == 0, err
    losses(out)


def test_a_program_that_spawns_is_told_how_to_start():
    """MPI starts processes; what multiprocessing has started cannot join it."""
    status, out, err = finish(start([sys.executable, "-m", "cnn", PROGRAMS / "for_spawn.py"]))
    assert status == 1
    assert "python -m cnn.distributed.run --nproc-per-node 2" in err
