"""The share of a dataset that each of several processes visits."""

import math

from ... import _C
from .sampler import Sampler, _T_co  # noqa: F401

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """Of each `num_replicas` indices the one at place `rank`: permuted with `shuffle`, otherwise in
    order. Both are by default those of the group of all processes.

    Every process gets as many: the first indices come again at the end, or with `drop_last` the
    rest is left out. Call `set_epoch` before each epoch, or all permutations are the same.
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        if num_replicas is None or rank is None:
            from ... import distributed

            num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
            rank = distributed.get_rank() if rank is None else rank
        if rank >= num_replicas or rank < 0:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        rounded = math.floor if drop_last else math.ceil
        self.num_samples = rounded(len(dataset) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        count = len(self.dataset)
        if self.shuffle:
            generator = _C.Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = _C.randperm(count, generator=generator).tolist()
        else:
            indices = list(range(count))
        if not self.drop_last and count:
            indices *= math.ceil(self.total_size / count)
        return iter(indices[: self.total_size][self.rank :: self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """The number that the permutation is drawn from, with the seed."""
        self.epoch = epoch
