"""Module: hooks, and what an error says of where it happened."""

from __future__ import annotations

import pickle
import sys

import pytest

import cnn
from cnn import nn
from nn_model import near


def test_forward_hooks():
    layer = nn.ReLU()
    x = cnn.tensor([-1.0, 2.0])
    first = layer.register_forward_pre_hook(lambda m, args: args[0] + 10)
    second = layer.register_forward_hook(lambda m, args, out: out * 2)
    near(layer(x), [18, 24])
    first.remove()
    near(layer(x), [0, 4])
    with second:
        near(layer(x), [0, 4])
    near(layer(x), [0, 2])


def test_forward_hooks_with_kwargs_and_order():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer, calls = Scale(), []
    layer.register_forward_pre_hook(lambda m, args: calls.append("second"))
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: calls.append("first") or (args, {"factor": 5}),
        with_kwargs=True,
        prepend=True,
    )
    layer.register_forward_hook(
        lambda m, args, kwargs, out: calls.append(kwargs["factor"]), with_kwargs=True
    )
    near(layer(cnn.ones(1), factor=2), [5])
    assert calls == ["first", "second", 5]
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        layer(cnn.ones(1))


def test_hook_that_is_always_called():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    layer, calls = Fails(), []
    layer.register_forward_hook(lambda m, args, out: calls.append(out), always_call=True)
    layer.register_forward_hook(lambda m, args, out: calls.append("never"))
    with pytest.raises(ValueError, match="no"):
        layer(1)
    assert calls == [None]

    def broken(module, args, out):
        raise RuntimeError("hook")

    layer.register_forward_hook(broken, always_call=True)
    with pytest.warns(UserWarning, match="silenced as another error was raised"):
        with pytest.raises(ValueError, match="no"):
            layer(1)


def test_full_backward_hooks():
    layer = nn.Linear(2, 1, bias=False)
    with cnn.no_grad():
        layer.weight.fill_(3.0)
    seen = {}

    def hook(module, grad_input, grad_output):
        seen["input"] = grad_input[0].tolist()
        seen["output"] = grad_output[0].tolist()
        return (grad_input[0] * 10,)

    layer.register_full_backward_hook(hook)
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2,))
    x = cnn.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == {"input": [[6.0, 6.0]], "output": [[2.0]]}
    near(x.grad, [60, 60])
    near(layer.weight.grad, [2, 2])
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full"):
        layer.register_backward_hook(hook)


def test_full_backward_hook_without_input_gradient():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with pytest.warns(UserWarning, match="Full backward hook is firing"):
        layer(cnn.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_backward_hook_of_wrong_length():
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda m, gi, go: gi + gi)
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(cnn.ones(1, 2, requires_grad=True)).sum().backward()


def test_old_style_backward_hook():
    layer, seen = nn.ReLU(), []
    layer.register_backward_hook(lambda m, gi, go: seen.append((m, len(gi), go[0].tolist())))
    x = cnn.ones(2, requires_grad=True) * 1
    layer(x).sum().backward()
    assert seen == [(layer, 1, [1.0, 1.0])]


def test_hooks_under_no_grad_and_on_tuples():
    class Pair(nn.Module):
        def forward(self, a, b):
            return a * 2, b * 3, "label"

    layer, seen = Pair(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = cnn.ones(1, requires_grad=True), cnn.ones(1)
    with cnn.no_grad():
        layer(a, b)
    left, right, label = layer(a, b)
    assert label == "label"
    (left + right).sum().backward()
    (gi, go) = seen[0]
    assert gi[0].tolist() == [2.0] and gi[1].tolist() == [0.0] and go[1:] == (None, None)
    near(a.grad, [2])


def test_global_hooks():
    calls = []
    module = nn.modules.module
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: calls.append("pre")),
        module.register_module_forward_hook(lambda m, args, out: calls.append("post")),
        module.register_module_full_backward_hook(lambda m, gi, go: calls.append("backward")),
        module.register_module_parameter_registration_hook(
            lambda m, name, p: calls.append(("param", name))
        ),
        module.register_module_module_registration_hook(
            lambda m, name, c: calls.append(("module", name))
        ),
        module.register_module_buffer_registration_hook(
            lambda m, name, b: calls.append(("buffer", name))
        ),
    ]
    try:
        nn.ReLU()(cnn.ones(1, requires_grad=True)).sum().backward()
        assert calls == ["pre", "post", "backward"]
        calls.clear()
        nn.Sequential(nn.BatchNorm1d(1))
        assert calls[:2] == [("param", "weight"), ("param", "bias")] and calls[-1] == (
            "module",
            "0",
        )
        assert ("buffer", "running_mean") in calls
    finally:
        for handle in handles:
            handle.remove()
    calls.clear()
    nn.ReLU()(cnn.ones(1))
    assert not calls


def test_hooks_survive_pickling():
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(_double)
    x = cnn.ones(1, 2)
    assert pickle.loads(pickle.dumps(layer))(x).tolist() == layer(x).tolist()


def _double(module, args, out):
    return out * 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes before 3.11")
def test_error_says_where_it_happened():
    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError("shapes")

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.ReLU(), nn.Sequential(nn.Tanh(), Fails())])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    with pytest.raises(RuntimeError) as info:
        Outer()(cnn.ones(1))
    assert str(info.value) == "shapes"
    assert info.value.__notes__ == ["in blocks.1.1 (Fails)"]
    with pytest.raises(RuntimeError) as info:
        Fails()(1)
    assert info.value.__notes__ == ["in Fails"]
    assert pickle.loads(pickle.dumps(info.value)).__notes__ == ["in Fails"]


def test_missing_forward():
    with pytest.raises(
        NotImplementedError, match=r'Module \[Module\] is missing the required "forward"'
    ):
        nn.Module()(1)
