"""Groups of processes over MPI: every collective, groups in groups, and what goes wrong."""

from __future__ import annotations

import sys

import pytest
from jobs import finish, gone_within, mark, mpiexec, needs_mpi, passes, start

pytestmark = needs_mpi


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_every_collective_is_numpys(ranks):
    passes(ranks, "every_collective.py")


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_large_sums_are_taken_in_the_order_of_ranks(ranks):
    passes(ranks, "sums_in_pieces.py")


@pytest.mark.parametrize("ranks", [2, 3])
def test_tensors_may_share_memory(ranks):
    passes(ranks, "same_memory.py")


@pytest.mark.parametrize("ranks", [2, 3])
def test_what_is_only_stored_moves(ranks):
    passes(ranks, "stored_dtypes.py")


@pytest.mark.parametrize("ranks, level", [(2, "OFF"), (3, "OFF"), (2, "DETAIL")])
def test_errors_of_one_operation(ranks, level):
    passes(ranks, "errors_of_one.py", TORCH_DISTRIBUTED_DEBUG=level)


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_groups_works_messages_and_objects(ranks):
    passes(ranks, "groups_and_works.py")


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_that_disagree_get_errors(ranks):
    lines = passes(ranks, "disagreements.py")
    assert lines == ["all told"] * ranks


def test_the_error_names_both_sides_at_detail():
    passes(2, "disagreements.py", TORCH_DISTRIBUTED_DEBUG="DETAIL")


@pytest.mark.parametrize("ranks", [2, 3])
def test_sums_repeat_bit_by_bit(ranks):
    lines = [line for _ in range(3) for line in passes(ranks, "repeats.py")]
    assert len(lines) == 3 * ranks and len(set(lines)) == 1


def test_an_uncaught_exception_ends_the_job():
    status, out, err = mpiexec(3, "leaves.py", "raises", timeout=20)
    assert status == 1
    assert err.count("[rank1]: KeyError: 'rank one is done'") == 1
    assert "[rank0]" not in err


def test_the_job_ends_when_the_traceback_has_been_read():
    for _ in range(5):
        status, _, err = mpiexec(3, "leaves.py", "raises_unread", timeout=20)
        assert status == 1
        assert err.count("[rank1]: KeyError: 'rank one is done'") == 1


@pytest.mark.parametrize("how, expected", [("returns", 0), ("exits", 3)])
def test_who_waits_for_a_rank_that_has_ended_is_told(how, expected):
    status, out, err = mpiexec(3, "leaves.py", how, timeout=30)
    assert sorted(out.splitlines()) == ["rank 0 was told", "rank 2 was told"], err
    assert status == expected


def test_nothing_waits_for_a_rank_that_has_ended():
    lines = passes(3, "waits_for_the_gone.py", timeout=90)
    assert sorted(lines) == ["rank 0 was told", "rank 2 was told"]


def test_groups_may_be_ended_at_the_very_end():
    status, out, err = mpiexec(2, "leaves.py", "tidies", timeout=30)
    assert (status, out, err) == (0, "", "")


def test_a_killed_rank_takes_the_others_along():
    word = mark()
    status, out, err = mpiexec(3, "leaves.py", "killed", word, timeout=20)
    assert status != 0
    assert gone_within(10, word)


def test_one_process_is_a_group_of_its_own():
    program = """
import sys, cnn
from cnn import distributed as dist
assert "mpi4py" not in sys.modules
dist.init_process_group("gloo", init_method="env://", rank=0, world_size=1)
assert dist.get_world_size() == 1 and dist.get_backend() == "gloo"
x = cnn.ones(3, dtype=cnn.bfloat16)
dist.all_reduce(x, dist.ReduceOp.AVG); dist.broadcast(x, 0); dist.barrier(); dist.all_gather([x], x)
dist.reduce_scatter_tensor(x, x.clone())
assert x.tolist() == [1, 1, 1]
dist.destroy_process_group()
dist.init_process_group("cpu:gloo,cuda:nccl")
"""
    status, _, err = finish(start([sys.executable, "-c", program]))
    assert status == 0, err
    assert err.count("MPI carries the messages") == 1


def test_a_job_has_as_many_processes_as_mpi_has_started():
    program = """
from cnn import distributed as dist
for arguments, kind, words in (
    (dict(rank=0, world_size=3), RuntimeError, "--nproc-per-node 3"),
    (dict(init_method="tcp://127.0.0.1:1?rank=0&world_size=2"), RuntimeError, "have 2 processes"),
):
    try:
        dist.init_process_group(**arguments)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)
    assert not dist.is_initialized()
"""
    status, _, err = finish(start([sys.executable, "-c", program]))
    assert status == 0, err


@pytest.mark.parametrize("ranks", [2, 4])
def test_functions_meshes_and_methods(ranks):
    passes(ranks, "functions.py")


@pytest.mark.parametrize("ranks", [2, 3])
def test_operations_in_any_order(ranks):
    passes(ranks, "random_operations.py", "1", "400")


def test_threads_and_large_messages():
    passes(2, "threads.py")
