"""What carries the tensors of a program, and where they are: CNN_TEST_BACKEND names the backend."""

import os
from datetime import timedelta

import cnn
from cnn import distributed as dist

BACKEND = os.environ.get("CNN_TEST_BACKEND", "mpi")
ON_GPU = BACKEND == "nccl"


def start(**options):
    """(rank, number of ranks) of the group of all; "nccl" puts tensors on a GPU for each rank."""
    dist.init_process_group(BACKEND, timeout=timedelta(seconds=60), **options)
    if ON_GPU:
        cnn.cuda.set_device(dist.get_rank())
        cnn.set_default_device(cnn.device("cuda", dist.get_rank()))
        cnn.backends.cudnn.allow_tf32 = False
    return dist.get_rank(), dist.get_world_size()
