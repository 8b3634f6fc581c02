"""fork() after parallel work: the child computes, trains, draws and forks again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

import cnn
from cnn.utils import data
from lenet_steps import losses

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PATIENCE = 60.0


def in_child(work):
    """Runs work() in a forked child: did it return true there, in time and without a crash?"""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def parallel_work():
    a = cnn.ones(400, 400)
    return (a @ a).sum().item() == 400.0**3 and cnn.ones(3_000_000).exp().numel() == 3_000_000


def test_a_child_computes_in_parallel():
    assert parallel_work()
    assert in_child(parallel_work)
    assert parallel_work()


def test_a_child_trains_as_its_parent_does():
    expected = losses(steps=3)
    assert in_child(lambda: losses(steps=3) == expected)


def test_a_child_forks_again():
    assert parallel_work()
    assert in_child(lambda: parallel_work() and in_child(lambda: in_child(parallel_work)))


def test_many_children_at_once():
    parallel_work()
    assert all(in_child(parallel_work) for _ in range(5))


def test_fork_while_other_threads_compute():
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            parallel_work()
            [cnn.ones(n) for n in (10, 1000, 100_000)]

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert all(in_child(parallel_work) for _ in range(10))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_child_runs_backward_on_its_parents_graph():
    x = cnn.ones(500, 500, requires_grad=True)
    y = (x * 2).exp().sum()
    expected = cnn.autograd.grad(y, x, retain_graph=True)[0]

    def work():
        y.backward()
        return cnn.equal(x.grad, expected)

    assert in_child(work)
    assert x.grad is None


def test_a_child_may_change_the_number_of_threads():
    before = cnn.get_num_threads()

    def work():
        cnn.set_num_threads(3)
        return parallel_work() and cnn.get_num_threads() == 3

    assert in_child(work)
    assert cnn.get_num_threads() == before


def test_a_child_draws_the_numbers_of_its_parent():
    cnn.manual_seed(5)
    state = cnn.get_rng_state()
    expected = cnn.randn(100).tolist()
    cnn.set_rng_state(state)
    assert in_child(lambda: cnn.randn(100).tolist() == expected)


class Squares(data.Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, i):
        return (cnn.full((200, 200), float(i)) @ cnn.eye(200))[0, :3] * i


@pytest.mark.parametrize("workers", [1, 3])
def test_loader_workers_compute_after_parallel_work(workers):
    assert parallel_work()
    loader = data.DataLoader(Squares(), batch_size=8, num_workers=workers)
    for _ in range(2):
        batches = list(loader)
        assert [b.shape for b in batches] == [(8, 3)] * 5
        assert cnn.cat(batches)[:, 0].tolist() == [float(i * i) for i in range(40)]


class Broken(data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        raise KeyError(f"no item {i}")


def test_a_worker_s_failure_reaches_the_caller():
    with pytest.raises(KeyError, match="Caught KeyError in DataLoader worker process 0"):
        list(data.DataLoader(Broken(), num_workers=1))


def test_training_goes_on_beside_loader_workers():
    model = cnn.nn.Linear(3, 1)
    optimizer = cnn.optim.SGD(model.parameters(), lr=1e-6)
    seen = 0
    for batch in data.DataLoader(Squares(), batch_size=8, num_workers=2, shuffle=True):
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
        seen += len(batch)
    assert seen == 40 and sys.getrefcount(model) > 0
