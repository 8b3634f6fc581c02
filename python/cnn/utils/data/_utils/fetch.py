"""Fetching what one index, or one list of indices, names in a dataset."""

from .... import _C
from ...._C import Tensor
from ..dataset import IterableDataset, Subset, TensorDataset
from .collate import default_collate


def make_fetcher(dataset, batched, collate_fn, drop_last):
    """The function that maps what the sampler yields to a batch; StopIteration ends a stream."""
    if isinstance(dataset, IterableDataset):
        return _StreamFetcher(dataset, batched, collate_fn, drop_last)
    if not batched:
        return lambda index: collate_fn(dataset[index])
    slow = _batch_fetcher(dataset, collate_fn)
    tensors, views = _sliceable(dataset)
    if tensors is None or collate_fn is not default_collate:
        return slow

    def fetch(indices):
        rows = indices
        for view in views:
            rows = [view[i] for i in rows]
        # Only plain indices from the front mean to index_select what they mean to indexing.
        if set(map(type, rows)) != {int} or min(rows) < 0:
            return slow(indices)
        where = _C.tensor(rows, dtype=_C.int64)
        return [_C.index_select(tensor, 0, where) for tensor in tensors]

    return fetch


def _batch_fetcher(dataset, collate_fn):
    if getattr(dataset, "__getitems__", None):
        return lambda indices: collate_fn(dataset.__getitems__(indices))
    return lambda indices: collate_fn([dataset[i] for i in indices])


def _sliceable(dataset):
    """The tensors to slice for a batch, and the indices of the Subsets around; or (None, ())."""
    views = []
    while type(dataset) is Subset:
        views.append(dataset.indices)
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset:
        return None, ()
    # A slice of a tensor with a gradient would record another graph than its rows, stacked.
    if any(
        type(t) is not Tensor or t.requires_grad or t.device.type != "cpu" for t in dataset.tensors
    ):
        return None, ()
    return dataset.tensors, views


class _StreamFetcher:
    def __init__(self, dataset, batched, collate_fn, drop_last):
        self.samples = iter(dataset)
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def __call__(self, places):
        """One sample, or as many as `places` has; what the places are does not matter."""
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate_fn(next(self.samples))
        data = []
        for _ in places:
            try:
                data.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(places)):
            raise StopIteration
        return self.collate_fn(data)
