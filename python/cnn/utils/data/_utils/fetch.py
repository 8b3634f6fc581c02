"""Fetching what one index, or one list of indices, names in a dataset."""

from .... import _C
from ...._C import Tensor
from ..dataset import Subset, TensorDataset
from .collate import default_collate


class _BaseDatasetFetcher:
    """Maps what the sampler yields, an index or a list of them, to a sample or a batch."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last

    def fetch(self, possibly_batched_index):
        """The sample or the batch; StopIteration at the end of a stream."""
        raise NotImplementedError


class _MapDatasetFetcher(_BaseDatasetFetcher):
    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        plain = auto_collation and collate_fn is default_collate
        self._tensors, self._views = _sliceable(dataset) if plain else (None, ())

    def fetch(self, possibly_batched_index):
        if not self.auto_collation:
            return self.collate_fn(self.dataset[possibly_batched_index])
        rows = possibly_batched_index
        if self._tensors is not None:
            for view in self._views:
                rows = [view[i] for i in rows]
            # Only plain indices from the front mean to index_select what they mean to indexing.
            if set(map(type, rows)) == {int} and min(rows) >= 0:
                where = _C.tensor(rows, dtype=_C.int64)
                return [_C.index_select(tensor, 0, where) for tensor in self._tensors]
        if getattr(self.dataset, "__getitems__", None):
            return self.collate_fn(self.dataset.__getitems__(possibly_batched_index))
        return self.collate_fn([self.dataset[i] for i in possibly_batched_index])


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index):
        """One sample, or as many as there are indices; what they are does not matter."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        data = []
        for _ in possibly_batched_index:
            try:
                data.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(data)


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
