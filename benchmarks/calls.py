"""Small calls, where the way into the library is what takes the time."""

from __future__ import annotations

from benchmarks.workload import Statement, Target, Workload

SECTION = "calls"
TARGETS = {
    "a + b, 4 floats": Target(5, 10),
    "a + b, with grad": Target(5, 10),
    "a + 1.0": Target(8, 15),
    "nn.Linear(8, 8)": Target(3, 5),
    "MLP 2-16-1 Adam step, batch 32": Target(4, 6),
}


def small_mlp_step(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    x, y = torch.rand(32, 2), torch.rand(32, 1)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def workloads(torch):
    """Names, and name of a row -> (function, or statement over the names; calls in one timing)."""
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
        "MLP 2-16-1 Adam step, batch 32": (small_mlp_step(torch), 200),
    }


def catalogue(torch):
    for name, (_, number) in workloads(torch)[1].items():

        def build(torch, name=name):
            names, rows = workloads(torch)
            timed = rows[name][0]
            return Statement(timed, names) if isinstance(timed, str) else timed

        yield Workload(SECTION, name, build, TARGETS.get(name, Target()), calls=number)
