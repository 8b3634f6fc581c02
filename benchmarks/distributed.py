"""What several processes do together: sums, and steps of data-parallel training.

Jobs of cnn (MPI), PyTorch (Gloo) and mpi4py are started by turns, so that they never run at the
same time; in each every rank has one thread and a core of its own. What more ranks would do is
computed from the figures of two.
"""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys

from benchmarks.ranks import APART, NETS, SIZES
from benchmarks.runner import ROOT, environment
from benchmarks.table import Row, amount
from benchmarks.workload import Target

SUMS, STEPS = "all_reduce on 2 ranks", "DistributedDataParallel, a thread a rank"
PATIENCE = 120  # seconds that a job may take beyond three times its timings
COSTS = "a step of 2 ranks over a step of 1 rank"
RANKS = [2**i for i in range(1, 11)]
# A network whose figures are assumed: 25 Gb/s Ethernet.
ETHERNET = {"latency": 20e-6, "bandwidth": 25e9 / 8}
SOURCE = (
    "R. Thakur, R. Rabenseifner, W. Gropp: Optimization of Collective Communication Operations in "
    "MPICH. International Journal of High Performance Computing Applications 19 (2005)"
)


def measure(rounds, seconds, wanted, libraries, say):
    """The rows of the titles that wanted() admits."""
    sums = {name: sum_row(name) for name in SIZES if wanted(f"{SUMS}: {name}")}
    nets = [name for name in NETS if wanted(f"{STEPS}: {name}")]
    steps = {(name, n): step_row(name, n) for name in nets for n in (1, 2)}
    steps |= {(name + APART, 2): step_row(name + APART, 2) for name in nets}
    for number in range(rounds):
        for library in libraries if number % 2 else libraries[::-1]:
            of_library = {} if library == "mpi4py" else steps
            for n in (2, 1):
                rows = {name: row for (name, ranks), row in of_library.items() if ranks == n}
                if n == 2:
                    rows |= sums
                figures = job(library, n, seconds, list(rows)) if rows else {}
                for name, row in rows.items():
                    enter(row, library, figures, name)
            say(f"round {number + 1}: {library}")
    return [*sums.values(), *steps.values(), *costs(steps)]


def sum_row(name):
    target = Target(must=1 / 1.1) if name == "10 MB" else Target()
    return Row(SUMS, name, rival="mpi4py", others=("torch",), target=target)


def step_row(name, ranks):
    is_bound = ranks == 2 and name.startswith("ResNet") and not name.endswith(APART)
    title = f"{name}, {ranks} rank{'s' * (ranks > 1)}"
    return Row(STEPS, title, target=Target(1.5) if is_bound else Target())


def enter(row, library, figures, title):
    if "failure" in figures:
        row.reasons[library] = figures["failure"]
        row.failed |= library == "cnn"
    else:
        row.values.setdefault(library, []).append(figures[title])


def job(library, ranks, seconds, titles):
    """{title: seconds} of a job of so many ranks; {"failure": text} if it has failed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    from cnn.distributed import _starting

    command = [*_starting.mpiexec_command(ranks), sys.executable]
    command += ["-m", "benchmarks.ranks", library, str(seconds), *titles]
    limits = dict.fromkeys(("CNN_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    patience = PATIENCE + 3 * float(seconds) * len(titles)
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=patience,
            env=environment() | limits | {"MASTER_PORT": port, "PWD": os.fspath(ROOT)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"failure": f"not over after {patience:.0f} s"}
    figures = [line for line in done.stdout.splitlines() if line.startswith("{")][-1:]
    if done.returncode and (library == "cnn" or not figures):  # others may end badly, once timed
        lines = done.stderr.strip().splitlines() or ["no message"]
        errors = [line for line in lines if "Error" in line]
        return {"failure": (errors or lines)[-1]}
    return json.loads(figures[0])


def costs(steps):
    """A step of two ranks, which does twice as much, over a step of one. Apart, it is what the
    machine has to give: cores share memory, and often more.
    """
    for name, ranks in steps:
        if ranks == 1:
            continue
        one, two = steps[name.removesuffix(APART), 1], steps[name, 2]
        row = Row(COSTS, name, "times")
        if name.startswith("ResNet") and not name.endswith(APART):
            row.target = Target(must=1 / 0.9, of="ours")
        row.reasons, row.failed = one.reasons | two.reasons, one.failed or two.failed
        for library in one.values:
            pairs = zip(one.values[library], two.values.get(library, []))
            row.values[library] = [b / a for a, b in pairs]
        yield row


def all_reduce_time(ranks, size, latency, per_byte):
    """Seconds of a sum of `size` bytes: the least of three algorithms, as MPICH chooses by size.

    Recursive doubling sends everything log2(p) times; halving and doubling, and the ring, send
    2 (p - 1) / p of it, in 2 log2(p) and 2 (p - 1) messages. `per_byte` counts sending and adding.
    """
    if ranks == 1:
        return 0.0
    steps, share = math.ceil(math.log2(ranks)), 2 * (ranks - 1) / ranks
    return min(
        steps * (latency + size * per_byte),
        2 * steps * latency + share * size * per_byte,
        2 * (ranks - 1) * latency + share * size * per_byte,
    )


def model(compute, gradients, latency, per_byte, bucket=25 << 20):
    """[(ranks, seconds of a step, efficiency)]: nothing that is sent hides behind backward."""
    lines = []
    for ranks in RANKS:
        parts = [min(bucket, gradients - start) for start in range(0, gradients, bucket)]
        sent = sum(all_reduce_time(ranks, part, latency, per_byte) for part in parts)
        lines.append((ranks, compute + sent, compute / (compute + sent)))
    return lines


def modelled(rows):
    """A table of what up to 1,024 ranks would do, from the figures of cnn; "" without them."""
    import cnn

    known = {(row.section, row.name): row.median("cnn") for row in rows}
    small, large = known.get((SUMS, "4 KB")), known.get((SUMS, "64 MB"))
    if small is None or large is None:
        return ""
    networks = {
        "measured": (small, large / (SIZES["64 MB"] * 4)),
        "25 Gb/s": (ETHERNET["latency"], 1 / ETHERNET["bandwidth"]),
    }
    columns = {}
    for name, build in NETS.items():
        compute = known.get((STEPS, f"{name}, 1 rank"))
        if compute is None:
            continue
        size = gradient_bytes(cnn, build)
        for network, figures in networks.items():
            columns[f"{name.split(',')[0].split(' (')[0]}, {network}"] = [
                f"{amount(seconds, 's')}, {share:.0%}"
                for _, seconds, share in model(compute, size, *figures)
            ]
    if not columns:
        return ""
    latency, per_byte = networks["measured"]
    lines = [
        f"| {' | '.join([str(ranks), *cells])} |"
        for ranks, cells in zip(RANKS, zip(*columns.values()))
    ]
    about = (
        f"A step and its efficiency, for the latency ({latency * 1e6:.0f} us) and the bandwidth "
        f"({1e-9 / per_byte:.2f} GB/s, sums included) measured between two ranks of this machine, "
        "and for an assumed network of 25 Gb/s and 20 us. It is assumed that every rank computes "
        "as fast as one alone, that the network serves all pairs at once, and that nothing that is "
        f"sent hides behind backward. Times of sums: {SOURCE}."
    )
    head = f"| ranks | {' | '.join(columns)} |\n| ---: |{' ---: |' * len(columns)}"
    return "\n".join(["### What more ranks would do\n", about, "", head, *lines])


def gradient_bytes(cnn, build):
    """How many bytes the gradients of a net have."""
    sizes = []

    def count(net):
        sizes.append(sum(p.nbytes for p in net.parameters()))
        return net

    build(cnn, count)
    return sizes[0]
