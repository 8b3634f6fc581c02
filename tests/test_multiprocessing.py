"""`multiprocessing`: tensors that processes share, and what becomes of errors in them."""

from __future__ import annotations

import pytest

import cnn
import shared_workers
from cnn import multiprocessing as mp


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_to_one_tensor(method):
    x = cnn.zeros(4, dtype=cnn.int64)
    context = mp.start_processes(
        shared_workers.add_one, (x,), nprocs=2, join=False, start_method=method
    )
    while not context.join(timeout=60):
        pass
    assert len(context.pids()) == 2
    # A fork copies memory that was not shared before; what is spawned was sent the tensor.
    assert x.tolist() == ([0] * 4 if method == "fork" else [1, 1, 0, 0])
    x.zero_().share_memory_()
    mp.start_processes(shared_workers.add_one, (x,), nprocs=2, start_method="fork")
    assert x.tolist() == [1, 1, 0, 0]


def test_tensors_go_through_queues_as_shared_memory():
    context = mp.get_context("fork")
    tasks, answers = context.Queue(), context.Queue()
    process = context.Process(target=shared_workers.write_through_queue, args=(0, tasks, answers))
    process.start()
    x = cnn.arange(6.0).reshape(2, 3)
    tasks.put(x.t())
    assert answers.get(timeout=60) == x.sum() and x[0, 0] == 10
    parameter = answers.get(timeout=60)
    assert type(parameter) is cnn.nn.Parameter and parameter.requires_grad
    assert parameter.tolist() == [10, 13]
    tasks.put(None)
    process.join(60)
    assert process.exitcode == 0 and x.is_shared()


def test_what_has_a_history_stays_here():
    from multiprocessing.reduction import ForkingPickler

    x = cnn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        ForkingPickler.dumps(x * 2)


def test_an_error_comes_with_its_traceback():
    with pytest.raises(mp.ProcessRaisedException, match="ValueError: what went wrong") as caught:
        mp.start_processes(shared_workers.fail, nprocs=2, start_method="fork")
    assert caught.value.error_index == 1 and caught.value.error_pid > 0


def test_a_process_that_ends_early():
    with pytest.raises(mp.ProcessExitedException, match="terminated with signal SIGKILL") as caught:
        mp.start_processes(shared_workers.be_killed, start_method="fork")
    assert caught.value.exit_code == -9 and caught.value.signal_name == "SIGKILL"
    with pytest.raises(mp.ProcessExitedException, match="terminated with exit code 3"):
        mp.start_processes(shared_workers.leave, start_method="fork")


def test_storages_are_known_by_their_memory():
    from cnn.multiprocessing.reductions import StorageWeakRef

    x, y = cnn.ones(2), cnn.ones(2)
    refs = {StorageWeakRef(t.untyped_storage()) for t in (x, x[1:], y)}
    assert len(refs) == 2 and StorageWeakRef.from_weakref(x.data_ptr()) in refs
    with pytest.raises(NotImplementedError, match="do not tell of their end"):
        StorageWeakRef(x.untyped_storage()).expired()


def test_strategies():
    assert mp.get_sharing_strategy() == "file_descriptor"
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    with pytest.raises(AssertionError, match="invalid sharing strategy"):
        mp.set_sharing_strategy("post")
    with pytest.warns(UserWarning, match="renamed to ProcessContext"):
        mp.SpawnContext([], [])
    assert mp.Queue and mp.cpu_count() >= 1
