"""Forked and exiting processes: pool, allocator and generator survive a fork, hooks an exit."""

import importlib.machinery
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import cnn

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def in_child(work, seconds=60):
    """Runs work() in a forked child, which must return True in time."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pytest.fail(f"the child did not end within {seconds} s")


def large_work():
    x = cnn.ones(400_000, requires_grad=True)
    (x.exp() * 2).sum().backward()
    product = cnn.ones(256, 256) @ cnn.ones(256, 256)
    return x.grad, product


def test_parallel_work_goes_on_in_a_child():
    grad, product = large_work()

    def work():
        again = large_work()
        return cnn.equal(again[0], grad) and cnn.equal(again[1], product)

    in_child(work)
    assert work()


def test_a_child_of_a_child_works_too():
    large_work()

    def work():
        large_work()
        in_child(lambda: large_work()[1].max() == 256)
        return True

    in_child(work)


def test_fork_while_other_threads_allocate_and_compute():
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            large_work()
            cnn.rand(10)

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            in_child(lambda: large_work()[1].max() == 256)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_random_state_is_copied():
    cnn.manual_seed(3)
    expected = cnn.rand(4)
    cnn.manual_seed(3)
    in_child(lambda: cnn.equal(cnn.rand(4), expected))
    assert cnn.equal(cnn.rand(4), expected)


@pytest.mark.parametrize(
    "program",
    [
        "x = cnn.ones(3, requires_grad=True); x.register_hook(lambda g: g * 2); y = (x * 2).sum()",
        "x = cnn.ones(500000) + 1",
        "x = cnn.nn.Linear(2, 2); x.register_forward_hook(lambda *a: None); y = x(cnn.ones(1, 2))",
        "import threading; t = threading.Thread(target=lambda: [cnn.rand(100000).sum() for _ in "
        "range(10**6)], daemon=True); t.start()",
        "import sys; sys.exit(0)",
    ],
)
def test_processes_end_quietly(program):
    command = [sys.executable, "-c", f"import cnn\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Slow:
    """Finds a module whose import takes until `go` is set, but in forked processes."""

    def __init__(self, name):
        self.name, self.parent = name, os.getpid()
        self.begun, self.go = threading.Event(), threading.Event()

    def find_spec(self, name, path, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self.name else None
        if spec is not None and os.getpid() == self.parent:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (self._wait(), load(module))
        return spec

    def _wait(self):
        self.begun.set()
        self.go.wait()


def test_a_child_imports_what_another_thread_was_importing(monkeypatch):
    finder = Slow("cnn.quasirandom")
    monkeypatch.delitem(sys.modules, finder.name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    thread = threading.Thread(target=importlib.import_module, args=(finder.name,))
    thread.start()
    try:
        finder.begun.wait()

        def work():
            return importlib.import_module(finder.name).SobolEngine(2).draw(1).shape == (1, 2)

        in_child(work, seconds=20)
    finally:
        finder.go.set()
        thread.join()
    assert hasattr(sys.modules[finder.name], "SobolEngine")


def test_a_child_finds_the_cast_weights_free_that_another_thread_was_using():
    weight = cnn.ones(8, 8, requires_grad=True)
    ended = threading.Event()

    def work():
        with cnn.autocast("cpu", dtype=cnn.bfloat16):
            return bool((cnn.ones(2, 8) @ weight).sum() == 128)

    def use():
        with cnn.autocast("cpu", dtype=cnn.bfloat16):
            while not ended.is_set():
                cnn.mm(weight, weight)

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            in_child(work, seconds=20)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
