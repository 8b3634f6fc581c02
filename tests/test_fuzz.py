"""The fuzzer: a seed repeats a call, and each kind of fault is noticed and told apart from what is none."""

import ast
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import cnn
from fuzz import call as calls
from fuzz import devices, draw, examples, grammar, pool, values
from fuzz.__main__ import Campaign
from fuzz.catalogue import Parameter, Target, targets
from fuzz.draw import TRIES, Call, Draws

ROOT = Path(__file__).resolve().parent.parent
NUMBER = Parameter("n", "int")


def test_a_seed_repeats_a_call():
    everything = targets()
    first, again, other = Draws(1, everything), Draws(1, everything), Draws(2, everything)
    learned = {number: [number * TRIES, number * TRIES + 1] for number in range(len(everything))}
    indices = [*range(0, first.first_changed, 101), *range(10**6, 10**6 + 300)]
    texts = [first.call(i, learned).script() for i in indices]
    assert [again.call(i, learned).script() for i in reversed(indices)] == texts[::-1]
    assert [other.call(i, learned).script() for i in indices] != texts
    assert len(set(texts)) > 0.9 * len(texts)


def test_everything_public_is_called():
    names = {target.name for target in targets()}
    assert names >= {"cnn.add", "cnn.Tensor.add_", "cnn.Tensor.T", "operator.setitem", "cnn.nn.Conv2d",
                     "cnn.nn.functional.cross_entropy", "cnn.nn.Module.to", "optimized cnn.optim.Adam"}  # fmt: skip
    assert not any(name.endswith((".save", ".load", ".set_num_threads")) for name in names)
    modules = {f"cnn.nn.{name}" for name in dir(cnn.nn)} & names
    assert len(modules) > 130


@pytest.mark.parametrize("layout", [layout for layout in values.LAYOUTS if layout != "odd"])
@pytest.mark.parametrize("dtype", sorted(set(grammar.ALL)))
def test_words_for_tensors(layout, dtype):
    for shape in ((), (0,), (3,), (2, 3), (2, 1, 4)):
        for kind in ("small", "unit", "zeros", "ones", "two", "three", "rising", "special"):
            x = values.T(shape, dtype, kind, layout)
            assert tuple(x.shape) == shape and str(x.dtype).endswith(dtype)
            calls.check(x)
    x = values.T((2, 3), dtype, "small", layout, "leaf")
    assert x.requires_grad == (dtype in values.FLOATS + values.FLOATS8 and layout != "inference")
    text = grammar.TensorText(((2, 3), dtype, "small", layout, "leaf"))
    assert eval(text, vars(values)).shape == (2, 3) and calls.evaluate(text).dtype == x.dtype


def outcome(*tensors, error=None, numbers=()):
    it = object.__new__(devices.Outcome)
    it.error, it.tensors, it.numbers = error, list(tensors), list(numbers)
    return it


def test_what_devices_may_not_differ_in():
    x, y = cnn.tensor([1.0, float("nan"), 100.0]), cnn.tensor([1.0 + 1e-3, float("nan"), 100.0])
    error, other = IndexError("5"), RuntimeError("5")
    differ = devices.difference
    assert differ(outcome(x), outcome(y)) == ""  # in last digits of the largest
    assert differ(outcome(x), outcome(y + 1)).startswith("1.0 on the CPU, 2.00")
    assert differ(outcome(x), outcome(x.double())).endswith("torch.float64 on the GPU")
    assert differ(outcome(x.int()), outcome(x.int() + 1))
    assert differ(outcome(x), outcome()) == "1 tensors on the CPU, 0 on the GPU"
    assert differ(outcome("IndexError"), outcome(x)).startswith("backward: IndexError on the CPU")
    assert (
        differ(outcome(numbers=[1.5]), outcome(numbers=[2.5])) == "1.5 on the CPU, 2.5 on the GPU"
    )
    assert differ(outcome(error=error), outcome(error=IndexError("6"))) == ""
    assert differ(outcome(error=error), outcome(error=other)).startswith("IndexError: 5 on the CPU")
    assert (
        differ(outcome(error=error), outcome(x)) == "IndexError: 5 on the CPU, no error on the GPU"
    )
    assert differ(outcome(x), outcome(error=NotImplementedError())) == ""  # the GPU may lack it


def test_examples_are_right():
    draws = Draws(0, targets())
    drawn = [
        draws.call(number * TRIES + i, {})
        for number, known in draws.examples.items()
        for i in range(len(known))
    ]
    assert len(drawn) == len(ast.parse(examples.CALLS).body)
    for call in drawn:
        call = replace(call, meddling="", gradient="sum", use="all")
        assert calls.run(call) == (True, None, ""), call.script()


def _campaign(monkeypatch, **functions):
    monkeypatch.setattr(pool, "PATIENCE", 0.3)
    monkeypatch.setattr(pool, "TIME_LIMIT", 1.5)
    for name, function in functions.items():
        monkeypatch.setitem(calls.NAMES, name, function)
    return Campaign(0, 2, tuple(Target(name, name, ((NUMBER,),)) for name in functions))


def _forever():
    while True:  # Ctrl-C ends it
        pass


def _raise(error):
    raise error


def test_faults_are_found(monkeypatch, capfd):
    done = []
    campaign = _campaign(
        monkeypatch,
        quiet=lambda n: done.append(n),
        refusing=lambda n: _raise(ValueError("n")),
        slow=lambda n: _forever(),
        dies=lambda n: os.kill(os.getpid(), signal.SIGSEGV),
        leaves=lambda n: os._exit(3),
        hangs=lambda n: sum(range(10**15)),
        broken=lambda n: _raise(SystemError("bad internal call")),
        foreign=lambda n: _raise(RuntimeError("vector::_M_range_check: n")),
        empty=lambda n: _raise(MemoryError()),
    )
    monkeypatch.setattr(draw, "TRIES", 2)
    monkeypatch.setattr("fuzz.__main__.TRIES", 2)
    campaign.draws.first_changed = 2 * 9
    campaign.run(0)
    capfd.readouterr()
    kinds = {(campaign.draws.call(f.index, {}).target.name, f.kind) for f in campaign.findings}
    assert kinds == {("dies", "SIGSEGV"), ("leaves", "exit"), ("hangs", "hang"), ("broken", "SystemError"),
                     ("foreign", "words of C++"), ("empty", "MemoryError")}  # fmt: skip
    assert [f.kind for f in campaign.findings].count("SIGSEGV") == 2 and campaign.pool.done == 2 * 9
    assert set(campaign.learned) == {0}


def _fault(result, monkeypatch, **options):
    monkeypatch.setitem(calls.NAMES, "planted", lambda: result() if callable(result) else result)
    return calls.run(Call(Target("planted", "planted", ((),)), (), **options))[1]


def test_a_result_that_lies(monkeypatch):
    class Lying(cnn.Tensor):
        def numel(self):
            return 5

    assert _fault(cnn.ones(3), monkeypatch) is None
    assert _fault([cnn.ones(3).as_subclass(Lying)], monkeypatch) == "lie"
    x = cnn.ones(4)[2:]
    x.untyped_storage().resize_(8)
    assert _fault((x,), monkeypatch, use="") == "lie"


def test_a_fault_in_backward(monkeypatch):
    class Broken(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            raise SystemError("in backward")

    def make():
        return Broken.apply(cnn.ones(2, requires_grad=True))

    assert _fault(make, monkeypatch) == "SystemError"


def test_the_command():
    environment = {
        **os.environ,
        "CNN_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(cnn.__file__).parent.parent),
    }

    def run(*arguments):
        command = [sys.executable, "-m", "tests.fuzz", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
        )

    first, again = run("--repro", "5:30"), run("--repro", "5:30")
    assert first.stdout == again.stdout and "y = cnn." in first.stdout
    assert run("--repro", "5:70000").returncode == 0
