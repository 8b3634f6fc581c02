"""Nets so small that what surrounds the arithmetic takes the time."""

from __future__ import annotations

from importlib import import_module

from benchmarks.training import classifier_step, training_step
from benchmarks.workload import Workload

SECTION = "tiny nets"


def regression_step(torch):
    """2-64-1, as it learns a function of the plane."""
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))
    x, y = torch.rand(32, 2), torch.rand(32, 1)
    adam, mse_loss = torch.optim.Adam(net.parameters()), nn.functional.mse_loss
    return training_step(adam, lambda: mse_loss(net(x), y))


def policy_step(batch):
    """Two layers from a state to actions, as agents have them."""

    def build(torch):
        nn = torch.nn
        net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
        adam = torch.optim.Adam(net.parameters())
        return classifier_step(torch, net, adam, torch.randn(batch, 4), 2)

    return build


def digits_net(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
    return net, torch.randn(1, 784)


def digits_forward(torch):
    net, x = digits_net(torch)

    def infer():
        with torch.no_grad():
            return net(x)

    return infer


def digits_forward_by_hand(numpy, place):
    """With the weights that cnn draws."""
    cnn = import_module("cnn")
    cnn.manual_seed(0)
    net, x = digits_net(cnn)
    w1, b1, w2, b2 = (p.detach().numpy().copy() for p in net.parameters())
    w1, w2, x = w1.T, w2.T, x.numpy().copy()
    return lambda: numpy.maximum(x @ w1 + b1, 0) @ w2 + b2


def catalogue():
    yield Workload(SECTION, "MLP 2-64-1, Adam, batch 32", regression_step)
    for batch in (1, 32):
        yield Workload(SECTION, f"policy 4-64-2, Adam, batch {batch}", policy_step(batch))
    by_hand = {"numpy": digits_forward_by_hand}
    name = "MLP 784-200-10, inference, batch 1"
    yield Workload(SECTION, name, digits_forward, others=by_hand)
