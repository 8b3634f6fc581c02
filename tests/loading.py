"""Datasets for the tests of loaders."""

import cnn
from cnn.utils.data import (
    Dataset,
    IterableDataset,
    TensorDataset,
    get_worker_info,
)


class Squares(Dataset):
    """i -> i * i, as plain numbers."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i * i


class Count(IterableDataset):
    """0 .. n - 1, shared out among the workers."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, self.n, step))


def pairs(n=10):
    return TensorDataset(cnn.arange(2.0 * n).reshape(n, 2), cnn.arange(n))


def batches(loader):
    return [[part.tolist() for part in batch] for batch in loader]
