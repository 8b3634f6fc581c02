"""Datasets, samplers and the loader that turns them into batches."""

from ._utils.collate import default_collate, default_convert
from ._utils.worker import get_worker_info
from .dataloader import DataLoader, _DatasetKind  # noqa: F401
from .dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .distributed import DistributedSampler
from .sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]


_PIPES = frozenset(
    """
    DFIterDataPipe DataChunk IterDataPipe MapDataPipe argument_validation functional_datapipe
    guaranteed_datapipes_determinism non_deterministic runtime_validation
    runtime_validation_disabled
""".split()
)


def __getattr__(name):
    from importlib import import_module

    if name in ("datapipes", "graph", "readers"):
        return import_module(f"{__name__}.{name}")
    if name in _PIPES:
        return getattr(import_module(f"{__name__}.datapipes"), name)
    from ..._absent import absent

    raise absent(__name__, name)
