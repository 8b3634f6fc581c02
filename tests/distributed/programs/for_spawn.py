"""Data-parallel training as it is written with multiprocessing.spawn."""

import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel as DDP


def setup(rank, world_size):
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = "12355"
    dist.init_process_group("gloo", rank=rank, world_size=world_size)


def cleanup():
    dist.destroy_process_group()


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(10, 10)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


def demo_checkpoint(rank, world_size, path):
    setup(rank, world_size)
    torch.manual_seed(0)
    ddp_model = DDP(ToyModel())
    if rank == 0:
        torch.save(ddp_model.state_dict(), path)
    dist.barrier()
    ddp_model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    loss_fn = nn.MSELoss()
    optimizer = optim.SGD(ddp_model.parameters(), lr=0.1)
    inputs = torch.randn(20, 10)
    labels = inputs[:, :5] * 0.5
    for step in range(60):
        optimizer.zero_grad()
        loss = loss_fn(ddp_model(inputs), labels)
        loss.backward()
        optimizer.step()
        if rank == 0 and step % 15 == 0:
            print(f"step {step} loss {loss.item():.5f}", flush=True)
    cleanup()


def run_demo(demo_fn, world_size):
    with tempfile.TemporaryDirectory() as folder:
        args = (world_size, os.path.join(folder, "model.checkpoint"))
        mp.spawn(demo_fn, args=args, nprocs=world_size, join=True)


if __name__ == "__main__":
    run_demo(demo_checkpoint, 2)
