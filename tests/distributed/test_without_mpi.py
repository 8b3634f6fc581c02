"""What groups and the launcher say before they ask for MPI, whether it is there or not."""

from __future__ import annotations

import os
import sys

import pytest
from jobs import finish, start

import cnn
from cnn import distributed as dist
from cnn.distributed import _starting, run


@pytest.mark.parametrize(
    "arguments, kind, words",
    [
        ({"backend": "xccl"}, RuntimeError, "no backend 'xccl'"),
        ({"backend": "ucc"}, RuntimeError, "no backend 'ucc'"),
        ({"timeout": 3}, TypeError, "datetime.timedelta"),
        ({"store": dist.HashStore()}, AssertionError, "world_size must be positive"),
        ({"store": dist.HashStore(), "init_method": "env://"}, AssertionError, "both init_method"),
        ({"init_method": "carrier://pigeon"}, RuntimeError, "rendezvous handler for carrier://"),
    ],
)
def test_what_cannot_be_asked_for(arguments, kind, words):
    with pytest.raises(kind, match=words):
        dist.init_process_group(**arguments)
    assert not dist.is_initialized()


def test_nccl_is_for_gpus():
    if cnn.cuda.is_available():
        pytest.skip("there is a GPU")
    for name in ("nccl", "cuda:nccl"):
        with pytest.raises(RuntimeError, match="no GPUs found"):
            dist.init_process_group(name)
    assert not dist.is_nccl_available() and not cnn.cuda.nccl.is_available([cnn.ones(1)])


def test_without_mpi4py_errors_say_what_to_install():
    program = """
import sys
sys.modules["mpi4py"] = None
import importlib.util
from cnn import distributed as dist
assert not dist.is_available() and not dist.is_mpi_available()
try:
    dist.init_process_group("mpi")
except RuntimeError as error:
    assert "pip install 'cnn[mpi]'" in str(error)
else:
    raise AssertionError("a group without mpi4py")
"""
    status, _, err = finish(start([sys.executable, "-c", program]))
    assert status == 0, err


def test_cores_are_divided_by_ranks(monkeypatch):
    for variable in ("OMP_NUM_THREADS", "CNN_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(9)))
    job = _starting.Job([], [], 4, environment={})
    assert job._environment["OMP_NUM_THREADS"] == job._environment["CNN_NUM_THREADS"] == "2"
    job = _starting.Job([], [], 10, environment={})
    assert job._environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    "options, words",
    [
        (["--nnodes=2"], "one mpiexec starts the ranks on all machines"),
        (["--nproc-per-node=many"], "Unsupported nproc_per_node value: many"),
        (["--nproc-per-node=0"], "Unsupported nproc_per_node value: 0"),
        (["--module", "--no-python"], "Don't use both"),
        (["--monitor-interval=3"], "--monitor-interval is not here: mpiexec sees at once"),
    ],
)
def test_options_that_make_no_sense(options, words, capsys):
    with pytest.raises(SystemExit) as raised:
        run.main([*options, "program.py"])
    assert raised.value.code == 2 and words in capsys.readouterr().err
