"""A program that spawns its ranks itself."""

import sys

import torch.distributed as dist
import torch.multiprocessing as mp


def work(rank, size):
    try:
        dist.init_process_group(
            "gloo", init_method="tcp://127.0.0.1:29501", rank=rank, world_size=size
        )
    except RuntimeError as error:
        if rank == 0:
            print(error)
        sys.exit(0)
    raise AssertionError("a group of processes that MPI does not know")


if __name__ == "__main__":
    mp.spawn(work, args=(2,), nprocs=2)
