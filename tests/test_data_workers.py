"""The loader with workers: what travels, what fails, and who is left behind."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import cnn
from cnn.utils.data import (
    DataLoader,
    Dataset,
    TensorDataset,
    get_worker_info,
)
from loading import Count, Squares, batches, pairs

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_yield_what_one_process_yields(context):
    data = pairs(11)
    cnn.manual_seed(3)
    here = [batches(DataLoader(data, 4, shuffle=True)) for _ in range(2)]
    cnn.manual_seed(3)
    there = [
        batches(DataLoader(data, 4, shuffle=True, num_workers=2, multiprocessing_context=context))
        for _ in range(2)
    ]
    assert here == there


def test_persistent_workers():
    loader = DataLoader(Report(), num_workers=2, persistent_workers=True, collate_fn=list)
    first = {batch[0][0] for batch in loader}
    iterator = iter(loader)
    next(iterator)  # left half way
    second = [batch[0] for batch in loader]
    assert {pid for pid, *_ in second} == first and len(first) == 2
    assert [i for _, i, *_ in second] == list(range(8))


class Report(Dataset):
    """(pid, index, worker id, seed, a draw of each generator)."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        import random

        info = get_worker_info()
        draws = random.random(), cnn.rand(()).item(), np.random.rand()
        return os.getpid(), i, info.id, info.seed, draws


def test_each_worker_has_its_own_seed():
    def run():
        loader = DataLoader(Report(), num_workers=2, collate_fn=list)
        return [batch[0] for batch in loader]

    cnn.manual_seed(5)
    first = run()
    cnn.manual_seed(5)
    assert [row[1:] for row in run()] == [row[1:] for row in first]
    assert [row[2] for row in first] == [0, 1] * 4
    assert first[1][3] == first[0][3] + 1
    assert len({draw for row in first for draw in row[4]}) == 24
    assert get_worker_info() is None


def test_streams_in_workers():
    loader = DataLoader(Count(7), batch_size=2, num_workers=2)
    assert sorted(sum((b.tolist() for b in loader), [])) == list(range(7))
    kept = DataLoader(Count(7), batch_size=2, num_workers=2, persistent_workers=True)
    for _ in range(2):
        assert sorted(sum((b.tolist() for b in kept), [])) == list(range(7))


def test_out_of_order():
    class Uneven(Squares):
        def __getitem__(self, i):
            if i == 0:
                time.sleep(0.5)
            return i

    loader = DataLoader(Uneven(6), num_workers=2, in_order=False)
    seen = [b.item() for b in loader]
    assert sorted(seen) == list(range(6)) and seen[0] != 0
    assert [b.item() for b in DataLoader(Uneven(6), num_workers=2)] == list(range(6))


class Kinds(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return {
            "bf16": cnn.full((2,), float(i), dtype=cnn.bfloat16),
            "bool": cnn.tensor([True, i == 1]),
            "none": cnn.zeros(0, 3),
            "scalar": cnn.tensor(i),
            "strided": cnn.arange(6).reshape(2, 3).t(),
            "leaf": cnn.ones(1, requires_grad=True),
            "array": np.arange(3) + i,
            "text": "text",
        }


def test_what_travels():
    here = list(DataLoader(Kinds(), batch_size=None))
    there = list(DataLoader(Kinds(), batch_size=None, num_workers=1))
    for a, b in zip(here, there, strict=True):
        for key in a:
            if key == "text":
                assert a[key] == b[key]
                continue
            assert a[key].dtype == b[key].dtype and a[key].shape == b[key].shape
            assert a[key].tolist() == b[key].tolist()
        assert b["leaf"].requires_grad
        b["strided"].add_(1)  # writable


def test_large_batches_do_not_block_each_other():
    data = TensorDataset(cnn.zeros(64, 100_000))
    loader = DataLoader(data, batch_size=8, num_workers=2, prefetch_factor=4)
    assert sum(x.shape[0] for (x,) in loader) == 64
    many = DataLoader(TensorDataset(cnn.arange(300_000)), batch_size=100_000, num_workers=2)
    assert [x[0].item() for (x,) in many] == [0, 100_000, 200_000]


class Faulty(Squares):
    def __init__(self, error):
        super().__init__(6)
        self.error = error

    def __getitem__(self, i):
        if i == 3:
            raise self.error
        return i


def test_errors_come_with_the_worker_s_traceback():
    loader = DataLoader(Faulty(ValueError("a bad sample")), num_workers=2)
    seen = []
    with pytest.raises(ValueError, match="a bad sample") as caught:
        for batch in loader:
            seen.append(batch.item())
    assert seen == [0, 1, 2]
    text = str(caught.value)
    assert text.startswith("Caught ValueError in DataLoader worker process 1.\nOriginal Traceback")
    assert "raise self.error" in text
    with pytest.raises(KeyError, match="worker process"):
        list(DataLoader(Faulty(KeyError("key")), num_workers=1))


def test_errors_without_a_plain_constructor_become_runtime_errors():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    with pytest.raises(RuntimeError, match="Caught Odd|Caught RuntimeError"):
        list(DataLoader(Faulty(Odd(1, 2)), num_workers=1))


def test_iteration_goes_on_after_an_error():
    iterator = iter(DataLoader(Faulty(ValueError("bad")), num_workers=2))
    seen = []
    for _ in range(6):
        try:
            seen.append(next(iterator).item())
        except ValueError:
            seen.append(None)
    assert seen == [0, 1, 2, None, 4, 5]


def test_init_function_errors():
    def init(worker_id):
        raise ValueError(f"no start {worker_id}")

    with pytest.raises(ValueError, match="no start 0"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=init))


class Deadly(Squares):
    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def test_a_killed_worker_raises():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="exited unexpectedly.*Killed"):
        list(DataLoader(Deadly(6), num_workers=2))
    assert time.monotonic() - start < 15


class Sleepy(Squares):
    def __getitem__(self, i):
        time.sleep(30)


def test_timeouts_raise_and_leave_nobody():
    start = time.monotonic()
    iterator = iter(DataLoader(Sleepy(2), num_workers=1, timeout=0.3))
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.3 seconds"):
        next(iterator)
    workers = list(iterator._pool.processes)
    del iterator
    assert time.monotonic() - start < 20
    assert not any(worker.is_alive() for worker in workers)


def test_an_abandoned_iteration_ends_its_workers():
    iterator = iter(DataLoader(Squares(1000), num_workers=2))
    next(iterator)
    workers = list(iterator._pool.processes)
    assert all(worker.is_alive() for worker in workers)
    del iterator
    assert not any(worker.is_alive() for worker in workers)


def test_too_many_workers_warn():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DataLoader(Squares(3), num_workers=4096)
    assert "will create 4096 worker processes" in str(caught[0].message)


class Reused(Dataset):
    """Gives the same tensor each time, with other values."""

    def __init__(self):
        self.tensor, self.array = cnn.zeros(500_000), np.zeros(500_000)

    def __len__(self):
        return 20

    def __getitem__(self, i):
        self.tensor.fill_(i)
        self.array.fill(i)
        return self.tensor, self.array


def test_memory_that_a_dataset_reuses_is_sent_as_it_was():
    loader = DataLoader(Reused(), batch_size=None, num_workers=1, collate_fn=lambda sample: sample)
    for i, (tensor, array) in enumerate(loader):
        assert bool((tensor == i).all()) and (array == i).all()


class Unreadable:
    """Pickles, but cannot be made again."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return _refuse, (self.error,)


def _refuse(error):
    raise error


@pytest.mark.parametrize("error", [ValueError("no"), OSError("no"), EOFError("no")])
def test_iteration_goes_on_after_what_cannot_be_unpickled(error):
    class Some(Squares):
        def __getitem__(self, i):
            return Unreadable(error) if i == 1 else i

    iterator = iter(DataLoader(Some(4), batch_size=None, num_workers=1))
    assert next(iterator) == 0
    with pytest.raises(type(error), match="no"):
        next(iterator)
    assert list(iterator) == [2, 3]


def test_what_cannot_be_pickled_for_a_worker_raises():
    sampler = [[0], [1], [Unpicklable()], [2]]
    with pytest.raises(TypeError, match="not me"):
        list(DataLoader(Squares(4), batch_sampler=sampler, num_workers=1))


class Unpicklable:
    def __reduce__(self):
        raise TypeError("not me")


def test_a_worker_that_cannot_answer_raises():
    class Closing(Squares):
        def __getitem__(self, i):
            os.closerange(3, 1000)
            return i

    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(DataLoader(Closing(4), num_workers=1))


MAIN_PROCESS = """
import time
import cnn
from cnn.utils.data import DataLoader, Dataset

class Large(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        return cnn.zeros(1_000_000)

iterator = iter(DataLoader(Large(), batch_size=None, num_workers=2))
next(iterator)
print(*[process.pid for process in iterator._pool.processes], flush=True)
time.sleep(100)
"""


def test_workers_end_when_the_main_process_is_killed():
    """Though they are in the middle of answers that nobody will read."""
    command = [sys.executable, "-W", "ignore", "-c", MAIN_PROCESS]
    main = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in main.stdout.readline().split()]
    time.sleep(0.5)
    main.kill()
    main.communicate()
    assert len(workers) == 2

    def alive(pid):
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"

    deadline = time.monotonic() + 30
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_an_interrupted_message_ends_the_iteration(monkeypatch):
    """What is left of it in the pipe must not be taken for the next one."""
    iterator = iter(DataLoader(Squares(8), num_workers=1))
    next(iterator)

    def interrupted(connection):
        connection.recv_bytes()
        raise KeyboardInterrupt

    monkeypatch.setattr("cnn.utils.data._utils.pool.receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(iterator)
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="have been shut down"):
        next(iterator)


def test_threads_may_share_an_iterator():
    iterator = iter(DataLoader(Squares(200), num_workers=2))
    seen = []

    def take():
        for batch in iterator:
            seen.append(batch.item())

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [i * i for i in range(200)]


def test_workers_whose_start_failed_start_again_in_the_next_epoch(tmp_path):
    def init(worker_id):
        if not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            raise ValueError("no start")
        (tmp_path / "twice").touch()

    loader = DataLoader(
        Squares(4), num_workers=1, worker_init_fn=init, persistent_workers=True, batch_size=None
    )
    iterator = iter(loader)
    for _ in range(2):
        with pytest.raises(ValueError, match="no start"):
            next(iterator)
    assert list(loader) == [0, 1, 4, 9] and (tmp_path / "twice").exists()
