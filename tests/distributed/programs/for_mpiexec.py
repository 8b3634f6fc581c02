"""Data-parallel training as it is written for mpiexec: ranks from the launcher's environment."""

import os

import torch
import torch.distributed as dist
from torch import nn, optim
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group(backend="mpi")
rank = dist.get_rank()
world_size = dist.get_world_size()
for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK"):
    assert int(os.environ.get(name, rank)) == rank

torch.manual_seed(1234 + rank)
model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
model = nn.SyncBatchNorm.convert_sync_batchnorm(model) if torch.cuda.is_available() else model
ddp_model = DistributedDataParallel(model, find_unused_parameters=False)
optimizer = optim.AdamW(ddp_model.parameters(), lr=1e-2)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=20, gamma=0.5)
criterion = nn.CrossEntropyLoss()

inputs = torch.randn(64, 10)
labels = (inputs[:, 0] > inputs[:, 1]).long()
for step in range(40):
    optimizer.zero_grad(set_to_none=True)
    # Two small batches to a step: only the second one's gradients are sent.
    with ddp_model.no_sync():
        (criterion(ddp_model(inputs[:32]), labels[:32]) / 2).backward()
    loss = criterion(ddp_model(inputs[32:]), labels[32:]) / 2
    loss.backward()
    torch.nn.utils.clip_grad_norm_(ddp_model.parameters(), max_norm=1.0)
    optimizer.step()
    scheduler.step()
    if step % 13 == 0:
        mean = loss.detach().clone()
        dist.reduce(mean, dst=0, op=dist.ReduceOp.SUM)
        if rank == 0:
            print(f"step {step} loss {mean.item() / world_size:.5f}", flush=True)

gathered = [torch.empty_like(model[0].weight) for _ in range(world_size)]
dist.all_gather(gathered, model[0].weight.detach())
assert all(torch.equal(weight, gathered[0]) for weight in gathered)
dist.destroy_process_group()
