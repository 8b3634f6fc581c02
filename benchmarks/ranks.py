"""One rank of a job that times what processes do together; distributed.py starts it by mpiexec.

Rank 0 prints a line of JSON: {title: seconds of one call}.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time

from benchmarks import machine, training

SIZES = {
    "4 KB": 1 << 10,
    "16 KB": 4 << 10,
    "64 KB": 16 << 10,
    "256 KB": 64 << 10,
    "1 MB": 256 << 10,
    "4 MB": 1 << 20,
    "10 MB": 10 << 18,
    "16 MB": 4 << 20,
    "64 MB": 16 << 20,
}  # fmt: skip  title: floats
NETS = {
    "LeNet, batch 32": training.lenet(32),
    "ResNet-18 (32x32), batch 32": training.image_net(training.models.resnet18, 32),
    "transformer encoder d 256, 4 layers, T 128, batch 8": training.transformer,
}
APART = ", apart"  # behind a title of NETS: ranks that compute side by side and do not talk
LOOK = 5  # timings of which the median counts


def main(library, seconds, *wanted):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    rank, size = place()
    os.environ["RANK"], os.environ["WORLD_SIZE"] = str(rank), str(size)
    cores = machine.cores()
    os.sched_setaffinity(0, {cores[rank % len(cores)]})  # every rank has a core of its own
    job = (Reductions if library == "mpi4py" else Library)(library)
    figures = {}
    for title in wanted:
        figures[title] = timed(job.function(title), float(seconds), job.meet, job.greatest)
    if rank == 0:
        print(json.dumps(figures))
    job.end()


def place():
    """(rank, number of ranks), as MPICH or Open MPI tell."""
    names = ("PMI_RANK", "OMPI_COMM_WORLD_RANK"), ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
    told = [[os.environ[name] for name in either if name in os.environ] for either in names]
    return int((told[0] or ["0"])[0]), int((told[1] or ["1"])[0])


def timed(function, seconds, meet, greatest):
    """Seconds of a call, of the slowest rank: all call it as often, at the same time."""
    for _ in range(3):
        function()
    meet()
    start = time.perf_counter()
    function()
    calls = max(1, int(seconds / LOOK / max(greatest(time.perf_counter() - start), 1e-6)))
    figures = []
    for _ in range(LOOK):
        meet()
        start = time.perf_counter()
        for _ in range(calls):
            function()
        figures.append(greatest(time.perf_counter() - start) / calls)
    return statistics.median(figures)


class Reductions:
    """mpi4py by itself: sums of NumPy arrays."""

    def __init__(self, library):
        from mpi4py import MPI

        self.mpi, self.comm = MPI, MPI.COMM_WORLD

    def function(self, title):
        import numpy

        x = numpy.zeros(SIZES[title], numpy.float32)
        spec = [x, x.size, self.mpi.FLOAT]
        return lambda: self.comm.Allreduce(self.mpi.IN_PLACE, spec, self.mpi.SUM)

    def meet(self):
        self.comm.Barrier()

    def greatest(self, value):
        return self.comm.allreduce(value, self.mpi.MAX)

    def end(self):
        pass


class Library:
    """cnn, over MPI, or PyTorch, over Gloo."""

    def __init__(self, library):
        self.torch = importlib.import_module(library)
        self.torch.set_num_threads(1)
        self.dist = importlib.import_module(f"{library}.distributed")
        self.alone = os.environ["WORLD_SIZE"] == "1"
        if not self.alone:
            self.dist.init_process_group("mpi" if library == "cnn" else "gloo")

    def function(self, title):
        """A sum of SIZES, or a step of NETS: of one rank, or apart, without the wrapper."""
        self.torch.manual_seed(0)
        if title in SIZES:
            x = self.torch.zeros(SIZES[title])
            return lambda: self.dist.all_reduce(x)
        build = NETS[title.removesuffix(APART)]
        if self.alone or title.endswith(APART):
            return build(self.torch)
        return build(self.torch, self.torch.nn.parallel.DistributedDataParallel)

    def meet(self):
        if not self.alone:
            self.dist.barrier()

    def greatest(self, value):
        if self.alone:
            return value
        value = self.torch.tensor(value, dtype=self.torch.float64)
        self.dist.all_reduce(value, op=self.dist.ReduceOp.MAX)
        return value.item()

    def end(self):
        if not self.alone:
            self.dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
