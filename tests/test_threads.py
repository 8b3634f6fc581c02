"""Many Python threads at once: results, accumulation on one leaf, memory freed elsewhere."""

import queue
import threading

import pytest

import cnn
from cnn import nn


def run_threads(count, work):
    """Runs work(i) on threads that start together: their results, or the exception of one."""
    barrier = threading.Barrier(count)
    results, errors = [None] * count, []

    def run(i):
        try:
            barrier.wait()
            results[i] = work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    if errors:
        raise errors[0]
    return results


def train(seed, steps=5):
    generator = cnn.Generator().manual_seed(seed)
    x = cnn.rand(64, 20, generator=generator)
    w = cnn.rand(20, 30, generator=generator).requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (x @ w).tanh().pow(2).mean()
        loss.backward()
        with cnn.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
        losses.append(loss.item())
    return losses


def test_training_on_16_threads_gives_the_results_of_one():
    assert run_threads(16, train) == [train(i) for i in range(16)]


def test_large_work_from_several_threads_gives_the_same_bits():
    x = cnn.rand(300, 300, generator=cnn.Generator().manual_seed(0))
    y = cnn.rand(200_000, generator=cnn.Generator().manual_seed(1))

    def work(_):
        return (x @ x), y.exp().sum(), y.sort().values

    expected = work(0)
    for got in run_threads(8, work):
        assert all(cnn.equal(a, b) for a, b in zip(got, expected))


def test_64_threads_accumulate_into_one_leaf():
    leaf = cnn.zeros(7, requires_grad=True)
    run_threads(64, lambda i: [(leaf * float(i)).sum().backward() for _ in range(10)])
    assert leaf.grad.tolist() == [10.0 * sum(range(64))] * 7


def test_threads_share_one_graph():
    leaf = cnn.ones(5, requires_grad=True)
    shared = leaf.exp() * 2
    run_threads(16, lambda i: (shared * (i + 1)).sum().backward(retain_graph=True))
    expected = (cnn.ones(5).exp() * 2 * sum(range(1, 17))).tolist()
    assert leaf.grad.tolist() == pytest.approx(expected, rel=1e-5)


def test_modes_belong_to_their_thread():
    ready, checked = threading.Event(), threading.Event()
    seen = []

    def other():
        ready.wait(60)
        seen.append(cnn.is_grad_enabled())
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with cnn.no_grad():
        ready.set()
        assert checked.wait(60)
    thread.join()
    assert seen == [True]


def test_tensors_die_on_other_threads_than_they_were_made_on():
    tensors = queue.Queue(8)

    def work(i):
        if i % 2:
            for _ in range(300):
                assert tensors.get(timeout=60).sum() == 500
        else:
            for _ in range(300):
                tensors.put(cnn.ones(500, requires_grad=True) * 1)

    run_threads(8, work)


def test_one_module_is_evaluated_by_many_threads():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).eval()
    images = cnn.rand(16, 1, 8, 8)
    expected = [model(images[i : i + 1]).tolist() for i in range(16)]
    assert run_threads(16, lambda i: model(images[i : i + 1]).tolist()) == expected


def test_the_number_of_threads_changes_while_others_compute():
    before = cnn.get_num_threads()
    x = cnn.rand(200_000)
    expected = x.sum().item()

    def work(i):
        if i == 0:
            for n in (1, 2, 3, 1, 4) * 4:
                cnn.set_num_threads(n)
            return expected
        return {x.sum().item() for _ in range(20)}.pop()

    try:
        assert set(run_threads(6, work)) == {expected}
    finally:
        cnn.set_num_threads(before)


def test_errors_of_threads_are_their_own():
    def work(i):
        if i % 2:
            with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
                cnn.ones(2, 3) @ cnn.ones(2, 3)
            return None
        return (cnn.ones(2, 3) @ cnn.ones(3, 2)).tolist()

    assert run_threads(16, work)[::2] == [[[3.0, 3.0], [3.0, 3.0]]] * 8
