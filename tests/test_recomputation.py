"""Checkpoints: gradients through what is computed again."""

from __future__ import annotations

import warnings

import pytest

import cnn
from cnn import autograd
from cnn.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)
from gradients import F64, leaf, near


class Net:
    """A function with parameters, randomness, and a count of its calls."""

    def __init__(self):
        cnn.manual_seed(1)
        self.weight = cnn.randn(4, 4, dtype=F64).requires_grad_()
        self.calls = 0

    def __call__(self, x, scale=1.0):
        self.calls += 1
        noise = cnn.rand(x.shape, dtype=F64)
        return cnn.tanh(x @ self.weight) * noise * scale + cnn.sigmoid(x)


def gradients(net, function):
    """Result, gradients, and the next random number."""
    cnn.manual_seed(5)
    net.weight.grad = None
    x = cnn.linspace(-1, 1, 12, dtype=F64).view(3, 4).requires_grad_()
    y = function(x)
    following = cnn.rand(1, dtype=F64)
    y.sin().sum().backward()
    return y.detach(), x.grad, net.weight.grad, following


def agree(net, function, plain):
    for a, b in zip(gradients(net, function), gradients(net, plain)):
        near(a, b)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_gives_the_same(use_reentrant):
    net = Net()
    agree(net, lambda x: checkpoint(net, x, use_reentrant=use_reentrant), net)
    assert net.calls == 3


def test_checkpoint_saves_nothing_but_its_inputs():
    saved = []
    net = Net()
    x = cnn.ones(3, 4, dtype=F64, requires_grad=True)
    with autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.shape) or t, lambda t: t):
        checkpoint(net, x, use_reentrant=False)
    assert saved == [x.shape]


def test_nested_checkpoints():
    net = Net()

    def inner(x):
        return checkpoint(net, x, use_reentrant=False).relu()

    def nested(x):
        return checkpoint(net, checkpoint(inner, x, use_reentrant=False), use_reentrant=False)

    def around(x):
        return checkpoint(nested, x, use_reentrant=False)

    def plain(x):
        return net(net(x).relu())

    agree(net, nested, plain)
    agree(net, around, plain)


def test_checkpoint_with_keywords_and_twice_backward():
    net = Net()
    agree(net, lambda x: checkpoint(net, x, use_reentrant=False, scale=2.0), lambda x: net(x, 2.0))
    x = cnn.ones(3, 4, dtype=F64, requires_grad=True)
    y = checkpoint(net, x, use_reentrant=False).sum()
    first = autograd.grad(y, x, retain_graph=True)[0]
    near(first, autograd.grad(y, x)[0])
    with set_checkpoint_early_stop(False):
        agree(net, lambda x: checkpoint(net, x, use_reentrant=False), net)


def test_second_order_through_a_checkpoint():
    net = Net()

    def curvature(function):
        cnn.manual_seed(5)
        x = cnn.linspace(-1, 1, 12, dtype=F64).view(3, 4).requires_grad_()
        (g,) = autograd.grad(function(x).pow(3).sum(), x, create_graph=True)
        return autograd.grad(g.pow(2).sum(), x)[0]

    near(curvature(lambda x: checkpoint(net, x, use_reentrant=False)), curvature(net))


def test_checkpoint_notices_a_changed_function():
    calls = []

    def shrinking(x):
        calls.append(1)
        part = x[len(calls) :]
        return (part * part).exp()

    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(shrinking, leaf(1.0, 2.0, 3.0), use_reentrant=False).sum().backward()

    def shorter(x):
        calls.append(1)
        return x.exp().exp() if len(calls) == 1 else x.exp()

    calls.clear()
    with pytest.raises(CheckpointError, match="different number of tensors"):
        checkpoint(shorter, leaf(1.0), use_reentrant=False).sum().backward()


def test_checkpoint_sequential():
    net = Net()
    parts = [net, cnn.relu, net]
    for use_reentrant in (True, False):
        agree(
            net,
            lambda x, mode=use_reentrant: checkpoint_sequential(parts, 2, x, use_reentrant=mode),
            lambda x: net(cnn.relu(net(x))),
        )
    with pytest.raises(ValueError, match="segments=4"):
        checkpoint_sequential(parts, 4, cnn.ones(1), use_reentrant=False)


def test_arguments_of_checkpoint():
    x = leaf(1.0)
    with pytest.warns(UserWarning, match="use_reentrant parameter"):
        checkpoint(cnn.exp, x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: k"):
        checkpoint(cnn.exp, x, use_reentrant=True, k=1)
    with cnn.no_grad():
        assert not checkpoint(cnn.exp, x, use_reentrant=False).requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint(cnn.exp, x, use_reentrant=False).requires_grad
