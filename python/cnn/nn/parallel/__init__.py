"""The interface for several GPUs in one process."""

from __future__ import annotations

from ... import _absent
from .data_parallel import DataParallel, data_parallel
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .distributed import DistributedDataParallel

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]


def __getattr__(name):
    """DistributedDataParallel comes with all that groups of processes need when it is asked for."""
    from importlib import import_module

    if name == "distributed":
        return import_module(f"{__name__}.distributed")
    if name == "DistributedDataParallel":
        return import_module(f"{__name__}.distributed").DistributedDataParallel
    raise _absent.absent(__name__, name)
