"""Data-parallel training as it is written for torchrun: a trainer with snapshots."""

import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler


class MyTrainDataset(Dataset):
    def __init__(self, size):
        generator = torch.Generator().manual_seed(1)
        inputs = torch.rand(size, 20, generator=generator)
        self.data = [(x, x.sum().view(1) / 10) for x in inputs]

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]


class Trainer:
    def __init__(self, model, train_data, optimizer, snapshot_path):
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.global_rank = int(os.environ["RANK"])
        self.device = next(model.parameters()).device
        self.model = model
        self.train_data = train_data
        self.optimizer = optimizer
        self.epochs_run = 0
        self.snapshot_path = snapshot_path
        if os.path.exists(snapshot_path):
            self._load_snapshot(snapshot_path)
        gpus = [self.local_rank] if self.device.type == "cuda" else None
        self.model = DDP(self.model, device_ids=gpus)

    def _load_snapshot(self, snapshot_path):
        snapshot = torch.load(snapshot_path, map_location="cpu")
        self.model.load_state_dict(snapshot["MODEL_STATE"])
        self.epochs_run = snapshot["EPOCHS_RUN"]

    def _run_batch(self, source, targets):
        self.optimizer.zero_grad()
        output = self.model(source)
        loss = F.mse_loss(output, targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def _run_epoch(self, epoch):
        self.train_data.sampler.set_epoch(epoch)
        total = torch.zeros(1, device=self.device)
        for source, targets in self.train_data:
            source, targets = source.to(self.device), targets.to(self.device)
            total += self._run_batch(source, targets)
        dist.all_reduce(total, op=dist.ReduceOp.AVG if dist.get_backend() == "nccl" else
                        dist.ReduceOp.SUM)  # fmt: skip
        ranks = 1 if dist.get_backend() == "nccl" else dist.get_world_size()
        loss = total.item() / ranks / len(self.train_data)
        if self.global_rank == 0:
            print(f"epoch {epoch} loss {loss:.5f}", flush=True)

    def _save_snapshot(self, epoch):
        snapshot = {"MODEL_STATE": self.model.module.state_dict(), "EPOCHS_RUN": epoch + 1}
        torch.save(snapshot, self.snapshot_path)

    def train(self, max_epochs):
        for epoch in range(self.epochs_run, max_epochs):
            self._run_epoch(epoch)
            if self.global_rank == 0:
                self._save_snapshot(epoch)
        dist.barrier()


def main(total_epochs, snapshot_path):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    init_process_group(backend="nccl" if device == "cuda" else "gloo")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.manual_seed(0)
    dataset = MyTrainDataset(192)
    model = torch.nn.Linear(20, 1).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=5e-2)
    sampler = DistributedSampler(dataset)
    train_data = DataLoader(dataset, batch_size=8, shuffle=False, sampler=sampler)
    Trainer(model, train_data, optimizer, snapshot_path).train(total_epochs)
    destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
