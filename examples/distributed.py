"""LeNet learns to read handwritten digits on several processes.

    python -m cnn.distributed.run --nproc-per-node 2 examples/distributed.py
    mpiexec -n 2 python examples/distributed.py --mnist DIR
    ... examples/distributed.py --resume       goes on from the checkpoint in the output folder

Every process takes its share of each batch, and DistributedDataParallel averages the gradients. The
batches are the same however many processes share them, so a run may go on with another number.
Rank 0 reports and leaves the checkpoint distributed.pt in the output folder after each epoch.
"""

from __future__ import annotations

import argparse
import pathlib

import digits

import cnn
import cnn.distributed as dist
import cnn.nn.functional as F
from cnn import optim
from cnn.nn.parallel import DistributedDataParallel
from cnn.utils.data import DataLoader, DistributedSampler, TensorDataset


def train(model, data, test, args):
    """Trains from the checkpoint on, if there is one, to the last epoch."""
    rank, world = dist.get_rank(), dist.get_world_size()
    sampler = DistributedSampler(data, shuffle=True, seed=args.seed, drop_last=True)
    loader = DataLoader(data, batch_size=args.batch // world, sampler=sampler, drop_last=True)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * len(loader))
    parts = {"model": model.module, "optimizer": optimizer, "schedule": schedule}
    for epoch in range(resume(parts, args), args.epochs):
        model.train()
        sampler.set_epoch(epoch)
        generator = cnn.Generator().manual_seed((args.seed * args.epochs + epoch) * world + rank)
        figures = cnn.zeros(3)  # the sum of losses, right answers, digits
        for images, labels in loader:
            logits = model(digits.warp(images, generator))
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            right = (logits.argmax(1) == labels).sum().item()
            figures += cnn.tensor([loss.item() * len(labels), right, len(labels)])
        dist.all_reduce(figures)
        loss, right, count = figures.tolist()
        share = accuracy(model, test)
        if rank == 0:
            print(
                f"epoch {epoch + 1:2}  loss {loss / count:.4f}  training accuracy "
                f"{right / count:.2%}  test accuracy {share:.2%}",
                flush=True,
            )
            save(parts, epoch + 1, args)


def accuracy(model, data):
    """The share of digits that the model reads rightly; every process reads its own."""
    model.eval()
    own = range(dist.get_rank(), len(data), dist.get_world_size())
    images, labels = data[list(own)]
    with cnn.no_grad():
        right = (model.module(digits.warp(images)).argmax(1) == labels).sum()
    dist.all_reduce(right)
    return right.item() / len(data)


def save(parts, epoch, args):
    """Writes distributed.pt: the state of all parts, which is the same on every process."""
    args.out.mkdir(parents=True, exist_ok=True)
    state = {name: part.state_dict() for name, part in parts.items()}
    cnn.save(state | {"epoch": epoch}, args.out / "distributed.pt")


def resume(parts, args):
    """Reads the checkpoint if --resume asks for it; returns how many epochs are done."""
    if not args.resume:
        return 0
    state = cnn.load(args.out / "distributed.pt")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["epoch"]


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of weights, shuffles and distortions")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32, help="of all processes together")
    parser.add_argument("--lr", type=float, default=2e-3, help="Adam's first step size")
    parser.add_argument("--mnist", metavar="DIR", help="folder of MNIST's four IDX files")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/distributed.pt")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"))
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_arguments(argv)
    dist.init_process_group("mpi")
    world = dist.get_world_size()
    if args.batch % world:
        raise SystemExit(f"a batch of {args.batch} cannot be shared by {world} processes")
    if args.mnist:
        data = TensorDataset(*digits.read_mnist(args.mnist, train=True))
        test = TensorDataset(*digits.read_mnist(args.mnist, train=False))
    else:
        images, labels = digits.read_digits()
        chosen, held_out = digits.split(labels, last_rows=False)
        data = TensorDataset(images[chosen], labels[chosen])
        test = TensorDataset(images[held_out], labels[held_out])
    if dist.get_rank() == 0:
        print(f"{len(data)} digits for training, {len(test)} for test, {world} processes")
    cnn.manual_seed(args.seed)
    model = DistributedDataParallel(digits.LeNet())
    train(model, data, test, args)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
