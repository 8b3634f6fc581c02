"""The end of the process, with work under way; and its beginning: what an import costs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest


def python(code, timeout=60):
    """Runs code in a fresh interpreter that finds the same modules."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


ENDS = {
    "live tensor hooks": """
x = cnn.ones(3, requires_grad=True)
y = x * 2
x.register_hook(lambda g: print("late", g))
y.register_hook(lambda g: g * 2)
x.register_post_accumulate_grad_hook(lambda p: None)
""",
    "live module hooks": """
net = cnn.nn.Sequential(cnn.nn.Linear(2, 2))
net.register_forward_hook(lambda m, a, o: o)
net.register_full_backward_hook(lambda m, i, o: None)
out = net(cnn.ones(1, 2, requires_grad=True)).sum()
""",
    "a custom function's context": """
class Keep(cnn.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.me = ctx
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g

kept = Keep.apply(cnn.ones(2, requires_grad=True))
""",
    "a hook in a cycle": """
x = cnn.ones(3, requires_grad=True)
x.me = x
x.register_hook(lambda g: x)
""",
    "a subclass owned by the core": """
class Mine(cnn.Tensor):
    def __del__(self):
        pass

x = cnn.ones(2).as_subclass(Mine).requires_grad_()
y = x.as_subclass(cnn.Tensor) * 2
del x
""",
    "daemon threads that compute": """
import threading, time
def run():
    x = cnn.ones(200, 200, requires_grad=True)
    while True:
        (x @ x).sum().backward()
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
""",
    "threads that still run": """
import threading
def run():
    for _ in range(200):
        (cnn.ones(200, 200) @ cnn.ones(200, 200)).sum()
for _ in range(4):
    threading.Thread(target=run).start()
""",
    "a daemon thread asleep in a hook": """
import threading, time
x = cnn.ones(3, requires_grad=True)
inside = threading.Event()
def hook(g):
    inside.set()
    time.sleep(60)
x.register_hook(hook)
threading.Thread(target=lambda: (x * 2).sum().backward(), daemon=True).start()
inside.wait()
""",
    "daemon threads that compute in hooks": """
import threading, time
x = cnn.ones(3, requires_grad=True)
inside = threading.Event()
def hook(g):
    inside.set()
    while True:
        g = g * 1.0
x.register_hook(hook)
for _ in range(3):
    threading.Thread(target=lambda: (x * 2).sum().backward(), daemon=True).start()
inside.wait()
time.sleep(0.1)
""",
    "daemon threads in backward with hooks of every kind": """
import threading, time
class Twice(cnn.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2
    @staticmethod
    def backward(ctx, g):
        ctx.saved_tensors
        return g * 2
def run():
    x = cnn.ones(30, 30, requires_grad=True)
    x.register_hook(lambda g: g * 1)
    x.register_post_accumulate_grad_hook(lambda p: time.sleep(0.0005))
    with cnn.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        while True:
            y = Twice.apply(x @ x)
            y.grad_fn.register_hook(lambda i, o: None)
            y.sum().backward()
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
""",
    "daemon threads that free graphs and wrappers": """
import threading, time
class Kept:
    def __del__(self):
        pass
def run():
    while True:
        y = x = cnn.ones(30, requires_grad=True)
        for _ in range(1000):
            y = y * 1.0
        y.register_hook(lambda g, kept=Kept(): g)
        y.kept = Kept()
        del y
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
""",
    "daemon threads that train": """
import threading, time, cnn.optim
def run():
    net = cnn.nn.Sequential(cnn.nn.Linear(50, 50), cnn.nn.ReLU(), cnn.nn.Linear(50, 5))
    adam = cnn.optim.Adam(net.parameters())
    labels = cnn.zeros(32, dtype=cnn.int64)
    while True:
        adam.zero_grad()
        cnn.nn.functional.cross_entropy(net(cnn.randn(32, 50)), labels).backward()
        adam.step()
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
""",
    "threads in backward with hooks": """
import threading
def run():
    x = cnn.ones(100, 100, requires_grad=True)
    x.register_hook(lambda g: g * 1)
    for _ in range(30):
        (x @ x).sum().backward()
for _ in range(4):
    threading.Thread(target=run).start()
""",
    "backward in atexit": """
import atexit
x = cnn.ones(3, requires_grad=True)
x.register_hook(lambda g: g * 2)
atexit.register(lambda: (x * x).sum().backward())
""",
    "a hook that exits its thread": """
import threading, sys
x = cnn.ones(3, requires_grad=True)
x.register_hook(lambda g: sys.exit(3))
thread = threading.Thread(target=lambda: x.sum().backward())
thread.start()
thread.join()
""",
    "a tensor in a module that is torn down": """
import atexit, sys
cnn.kept = cnn.ones(10, requires_grad=True) * 2
atexit.register(lambda: print(cnn.kept.sum().item(), file=sys.stderr))
""",
    "memory shared with NumPy": """
import numpy
array = cnn.ones(1000).numpy()
tensor = cnn.from_numpy(numpy.ones(1000))
""",
    "a loader's workers": """
from cnn.utils import data
loader = iter(data.DataLoader(list(range(100)), num_workers=2))
print(next(loader), file=__import__("sys").stderr)
""",
    "an open mode": """
guard = cnn.no_grad()
guard.__enter__()
hooks = cnn.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)
hooks.__enter__()
""",
}


@pytest.mark.parametrize("how", ENDS)
def test_the_process_ends_with(how):
    ended = python("import cnn, cnn.nn\n" + ENDS[how] + "\nprint('last line')")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "last line\n"


def test_an_exception_ends_the_process_as_usual():
    ended = python("import cnn\ncnn.ones(2) @ cnn.ones(3)")
    assert ended.returncode == 1
    assert ended.stderr.rstrip().splitlines()[-1].startswith("RuntimeError: ")


def test_sys_exit_inside_a_hook():
    code = """
import sys, cnn
x = cnn.ones(1, requires_grad=True)
x.register_hook(lambda g: sys.exit(7))
x.sum().backward()
"""
    assert python(code).returncode == 7


def test_import_brings_no_numpy():
    code = """
import sys, cnn, cnn.nn, cnn.optim
x = cnn.nn.Linear(2, 2)(cnn.ones(1, 2)).sum()
x.backward()
repr(x)
print([name for name in sys.modules if name.split(".")[0] in ("numpy", "torch")])
"""
    ended = python(code)
    assert ended.stdout == "[]\n", ended.stderr


def test_time_of_import(record_property):
    """Prints milliseconds of `import cnn`; a figure of this machine, so only its order is held."""
    code = """
import time
start = time.perf_counter()
import cnn
print((time.perf_counter() - start) * 1e3)
"""
    times = [float(python(code).stdout) for _ in range(9)]
    median = statistics.median(times)
    record_property("import_ms", median)
    print(f"import cnn: median {median:.1f} ms, best {min(times):.1f} ms")
    assert median < 1000
