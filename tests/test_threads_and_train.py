"""Many Python threads at once, thread counts, memory across threads, page faults of training."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import cnn
from lenet_steps import Training, losses


def in_threads(count, work):
    """Results of `work(i)` in `count` threads that start together; the first failure is raised."""
    start = threading.Barrier(count)

    def run(i):
        start.wait()
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(run, i) for i in range(count)]]


@pytest.fixture
def threads_restored():
    before = cnn.get_num_threads()
    yield
    cnn.set_num_threads(before)


def test_16_threads_compute_what_one_does():
    a = cnn.randn(300, 200)
    b = cnn.randn(200, 150)
    image, weight = cnn.randn(2, 3, 32, 32), cnn.randn(8, 3, 3, 3)

    def work(_):
        return [
            (a @ b).sum().item(),
            (a * a).sum().item(),
            cnn.softmax(a, 1)[5, 6].item(),
            cnn.nn.functional.conv2d(image, weight).sum().item(),
            a.t().contiguous().sum(0).max().item(),
            cnn.randn(1000).numel(),
        ]

    expected = work(0)
    for _ in range(5):
        assert in_threads(16, work) == [expected] * 16


def test_16_threads_train_models_of_their_own():
    def work(i):
        x, y = images[i], labels[i]
        model = models[i]
        optimizer = cnn.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = cnn.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    def setting():
        cnn.manual_seed(3)
        made = [cnn.nn.Sequential(cnn.nn.Linear(40, 30), cnn.nn.Tanh(), cnn.nn.Linear(30, 4))
                for _ in range(16)]  # fmt: skip
        return made, cnn.randn(16, 50, 40), cnn.randint(0, 4, (16, 50))

    models, images, labels = setting()
    alone = [work(i) for i in range(16)]
    models, images, labels = setting()
    assert in_threads(16, work) == alone


def test_threads_draw_from_one_generator_without_a_race():
    drawn = in_threads(16, lambda _: cnn.rand(10_000))
    values = cnn.cat(drawn)
    assert 0 <= values.min().item() and values.max().item() < 1
    assert len({d[:4].tolist().__str__() for d in drawn}) == 16


def test_memory_freed_by_another_thread():
    shelf = []

    def make(_):
        for n in (1, 10, 1000, 100_000, 1_000_000):
            shelf.extend(cnn.full((n,), float(n)) for _ in range(8))

    for _ in range(5):
        in_threads(1, make)
        for tensor in shelf:
            assert tensor[-1].item() == tensor.numel()
        shelf.clear()
        in_threads(4, lambda _: cnn.ones(1_000_000).sum().item())
        in_threads(4, make)
        in_threads(1, lambda _: shelf.clear())


def test_graphs_built_here_run_and_die_elsewhere():
    leaves = [cnn.ones(100, requires_grad=True) for _ in range(16)]
    results = [(leaf * 2).exp().sum() for leaf in leaves]

    def work(i):
        results[i].backward()
        results[i] = None

    in_threads(16, work)
    expected = (cnn.ones(100) * 2).exp() * 2
    assert all(cnn.equal(leaf.grad, expected) for leaf in leaves)


def test_a_failure_in_a_thread_is_its_own():
    def work(i):
        if i % 2:
            with pytest.raises(RuntimeError):
                cnn.ones(2, 3) @ cnn.ones(2, 3)
            return None
        return (cnn.ones(200, 300) @ cnn.ones(300, 2)).sum().item()

    assert in_threads(16, work) == [120000.0, None] * 8


def test_losses_are_the_same_bits_with_1_2_3_and_8_threads(threads_restored):
    runs = []
    for count in (1, 2, 3, 8):
        cnn.set_num_threads(count)
        assert cnn.get_num_threads() == count
        runs.append(losses(steps=20))
    assert runs[0] == runs[1] == runs[2] == runs[3]
    assert len(set(runs[0])) == 20


def test_set_num_threads_wants_a_positive_number():
    for bad in (0, -1):
        with pytest.raises(RuntimeError, match="positive"):
            cnn.set_num_threads(bad)
    with pytest.raises(TypeError):
        cnn.set_num_threads("two")


def test_thread_count_changes_between_steps(threads_restored):
    training, steady = Training(), Training()
    cnn.set_num_threads(2)
    expected = [steady.step() for _ in range(8)]
    cnn.manual_seed(0)
    training = Training()
    seen = []
    for count in (1, 2, 3, 8, 8, 3, 2, 1):
        cnn.set_num_threads(count)
        seen.append(training.step())
    again = Training()
    cnn.set_num_threads(1)
    assert [again.step() for _ in range(8)] == expected == seen


PAGE_FAULTS = """
import resource
from lenet_steps import Training

training = Training()
for _ in range(20):
    training.step()
# A system that reclaims idle pages may take a few back at any time: one window is free of that.
faults = []
while len(faults) < 20 and 0 not in faults:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        training.step()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_minflt is counted by Linux")
@pytest.mark.caching
def test_steady_training_faults_no_page():
    printed = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert printed.returncode == 0, printed.stderr
    assert int(printed.stdout) == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt > 0
