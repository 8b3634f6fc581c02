"""NVIDIA's NCCL, which carries tensors of GPUs for `distributed`."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "cnn.distributed has the collectives of several processes, nn.parallel.comm copies within one",
    functions="all_gather all_reduce broadcast init_rank reduce reduce_scatter unique_id",
    error=RuntimeError,
)
__all__ += ["is_available", "version"]


def is_available(tensors):
    """Whether NCCL is there and takes these: dense tensors, each on a GPU of its own."""
    from ..distributed import _nccl

    devices = [tensor.device for tensor in tensors]
    return (
        all(tensor.is_cuda and tensor.is_contiguous() for tensor in tensors)
        and len(set(devices)) == len(devices)
        and _nccl.is_installed()
    )


def version():
    """(major, minor, patch) of the library. RuntimeError where there is none."""
    from ..distributed import _nccl

    return _nccl.version()
