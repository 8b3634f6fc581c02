"""Microseconds of small calls and of small training steps, for the library named: cnn or torch."""

from __future__ import annotations

import importlib
import json
import sys
import timeit


def training_step(net, make_optimizer, loss, inputs, targets):
    optimizer = make_optimizer(net.parameters())

    def step():
        optimizer.zero_grad()
        loss(net(inputs), targets).backward()
        optimizer.step()

    return step


def lenet_step(torch, batch):
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    images, labels = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
    return training_step(
        net,
        lambda params: torch.optim.SGD(params, lr=0.01, momentum=0.9),
        nn.functional.cross_entropy,
        images,
        labels,
    )


def classifier_step(torch, batch, **options):
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    images, labels = torch.randn(batch, 784), torch.randint(0, 10, (batch,))
    return training_step(
        net,
        lambda params: torch.optim.Adam(params, lr=0.001, **options),
        nn.CrossEntropyLoss(),
        images,
        labels,
    )


def xor_step(torch):
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
    points, values = torch.randn(32, 2), torch.randn(32, 1)
    return training_step(
        net,
        lambda params: torch.optim.Adam(params, lr=0.01),
        nn.MSELoss(),
        points,
        values,
    )


def workloads(torch):
    """Name -> (function, or statement over `names`, calls in one timing); and the names."""
    b = torch.rand(4)
    g = torch.rand(4, requires_grad=True)
    names = {
        "a": torch.rand(4),
        "b": b,
        "g": g,
        "x": torch.rand(10),
        "linear": torch.nn.Linear(8, 8),
        "row": torch.rand(1, 8),
    }

    def chain():
        y = g
        for _ in range(1000):
            y = y + b
        y.sum().backward()

    return names, {
        "a + b, 4 floats": ("a + b", 20000),
        "a + b, with grad": ("g + b", 20000),
        "a + 1.0": ("a + 1.0", 20000),
        "x[3]": ("x[3]", 20000),
        "linear.weight": ("linear.weight", 20000),
        "nn.Linear(8, 8)": ("linear(row)", 5000),
        "1000 adds and backward": (chain, 5),
        "MLP 2-16-1 Adam step, batch 32": (xor_step(torch), 500),
        "MLP 784-256-10 Adam step, batch 1": (classifier_step(torch, 1), 100),
        "MLP 784-256-10 fused Adam step, batch 1": (classifier_step(torch, 1, fused=True), 100),
        "LeNet SGD step, batch 1": (lenet_step(torch, 1), 50),
        "LeNet SGD step, batch 32": (lenet_step(torch, 32), 20),
    }


def main():
    torch = importlib.import_module(sys.argv[1])
    torch.set_num_threads(2)
    names, timed = workloads(torch)
    times = {}
    for name, (statement, number) in timed.items():
        runs = sorted(timeit.repeat(statement, number=number, repeat=7, globals=names))
        times[name] = runs[3] / number * 1e6
    print(json.dumps(times))


if __name__ == "__main__":
    main()
