"""Microseconds of small calls and of a LeNet step, for the library named: cnn or torch."""

from __future__ import annotations

import importlib
import json
import sys
import timeit


def lenet_step(torch, batch):
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    images, labels = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    return step


def workloads(torch):
    """Name -> (function, calls in one timing)."""
    a, b, x = torch.rand(4), torch.rand(4), torch.rand(10)
    g = torch.rand(4, requires_grad=True)
    linear, row = torch.nn.Linear(8, 8), torch.rand(1, 8)

    def chain():
        y = g
        for _ in range(1000):
            y = y + b
        y.sum().backward()

    return {
        "a + b, 4 floats": (lambda: a + b, 20000),
        "a + b, with grad": (lambda: g + b, 20000),
        "a + 1.0": (lambda: a + 1.0, 20000),
        "x[3]": (lambda: x[3], 20000),
        "nn.Linear(8, 8)": (lambda: linear(row), 5000),
        "1000 adds and backward": (chain, 5),
        "LeNet SGD step, batch 1": (lenet_step(torch, 1), 50),
        "LeNet SGD step, batch 32": (lenet_step(torch, 32), 20),
    }


def main():
    torch = importlib.import_module(sys.argv[1])
    torch.set_num_threads(2)
    times = {}
    for name, (function, number) in workloads(torch).items():
        runs = sorted(timeit.repeat(function, number=number, repeat=7))
        times[name] = runs[3] / number * 1e6
    print(json.dumps(times))


if __name__ == "__main__":
    main()
