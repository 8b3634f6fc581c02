"""Data-parallel training beside PyTorch's, over Gloo: one program, run with each."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys

import pytest

import cnn
from cnn.distributed import _starting

pytest.importorskip("torch")
pytest.importorskip("mpi4py")
PROGRAM = pathlib.Path(__file__).parents[1] / "distributed/programs/as_torch_does.py"


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """{library: its lines of both ranks}."""
    return {name: run(name, tmp_path_factory.mktemp(name)) for name in ("torch", "cnn")}


def run(library, folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    command = [*_starting.mpiexec_command(2), sys.executable]
    paths = {}
    if library == "cnn":
        command += ["-m", "cnn"]
        paths["PYTHONPATH"] = str(pathlib.Path(cnn.__file__).absolute().parents[1])
    done = subprocess.run(
        [*command, PROGRAM, folder], capture_output=True, text=True, timeout=120,
        env=os.environ | place | paths | {"OMP_NUM_THREADS": "1", "CNN_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(folder / f"{rank}.txt").read_text().split("## ")[1:] for rank in range(2)]


def cases():
    text = PROGRAM.read_text()
    parts = text.split("@case\ndef ")[1:], text.split("@for_both\ndef ")[1:]
    once, twice = ([part.split("(")[0] for part in some] for some in parts)
    return once + [f"{name} {views}" for name in twice for views in (False, True)]


@pytest.mark.parametrize("rank", range(2))
@pytest.mark.parametrize("case", cases())
def test_case_is_as_pytorchs(case, rank, lines):
    found = {
        library: [part for part in of_ranks[rank] if part.startswith(f"{case}\n")]
        for library, of_ranks in lines.items()
    }
    assert len(found["torch"]) == 1
    assert found["cnn"] == found["torch"]
