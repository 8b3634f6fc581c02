"""What arguments of operations must be, and whose turn it is: PyTorch's errors and warnings."""

from __future__ import annotations

import warnings

from .. import _C
from . import _mpi, _nccl
from .backends import RedOpType, ReduceOp
from .groups import (
    _get_default_group,
    _group_or_default_group,
    _rank_not_in_group,
    _world,
    get_group_rank,
)


def single(value, name):
    """TypeError unless `value` is a tensor."""
    if not isinstance(value, _C.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor "
            f"but got {type(value)} instead."
        )


def several(value, name):
    """TypeError unless `value` is a list of tensors."""
    if not isinstance(value, list) or not all(isinstance(p, _C.Tensor) for p in value):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type "
            f"List[torch.Tensor] but got {type(value)} instead."
        )


def same_dtype(*tensors):
    """ValueError unless all tensors have one dtype."""
    for tensor in tensors[1:]:
        if tensor.dtype != tensors[0].dtype:
            raise ValueError(
                "Invalid usage of tensors with different dtypes"
                f"Found {tensors[0].dtype} and  {tensor.dtype}"
            )


def same_shape(op, tensors, like):
    """RuntimeError unless all tensors have the shape of `like`."""
    for i, tensor in enumerate(tensors):
        if tensor.shape != like.shape:
            raise RuntimeError(
                f"{op}: invalid tensor size at index {i} (expected {tuple(like.shape)}, got "
                f"{tuple(tensor.shape)})"
            )


def carrier(group, *tensors, written=()):
    """(the operations, what carries them) of tensors, which are on one device of those that the
    group serves. RuntimeError otherwise, and where those `written` cannot be written to.
    """
    for tensor in written:
        if any(size > 1 and step == 0 for size, step in zip(tensor.shape, tensor.stride())):
            raise RuntimeError("Tensors must be non-overlapping and dense")
    devices = {tensor.device for tensor in (*tensors, *written)} or {_C.device("cpu")}
    if len(devices) == 1:
        return group.carrier(*devices)
    for device in sorted(devices, key=str):
        group.carrier(device)
    names = ", ".join(sorted(map(str, devices)))
    raise RuntimeError(f"expected tensors on one device, got tensors on {names}")


def member(name, group, stacklevel=3):
    """The group that is to act, or None, with a warning, where this process is not in it."""
    if not _rank_not_in_group(group):
        return _group_or_default_group(group)
    rank = _get_default_group().rank() if _world.default_pg is not None else -1
    warnings.warn(
        f"Running {name} on global rank {rank} which does not belong to the given group.",
        stacklevel=stacklevel,
    )
    return None


def root(group, rank, group_rank, default=None):
    """The number in a group of a process that is named by its number among all, or in the group."""
    if rank is None and group_rank is None:
        rank = default
    if group_rank is not None:
        if rank is not None:
            raise ValueError("Can't specify both group_rank and global_rank")
    elif rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    else:
        group_rank = get_group_rank(group, rank)
    group.check_rank(group_rank)
    return group_rank


def not_self(group, rank, kind):
    """ValueError if a message would go to this process itself."""
    if group.rank() == rank:
        raise ValueError(
            f"Invalid {kind} rank: {kind} rank should not be the same as the rank of the current "
            "process."
        )


def reduction(op, *tensors):
    """The name of a reduction, which must be one of the tensors' dtypes."""
    if not isinstance(op, (RedOpType, ReduceOp)):
        raise TypeError(f"expected a ReduceOp, got {op!r}")
    name = RedOpType(getattr(op, "op", op)).name
    if tensors and tensors[0].is_cuda:
        return _reduction_on_gpu(name, tensors)
    if name == "AVG":
        for tensor in tensors:
            if not tensor.is_floating_point():
                raise RuntimeError(
                    "ReduceOp.AVG: result type Float can't be cast to the desired output type "
                    f"{tensor.type().rpartition('.')[2].removesuffix('Tensor')}"
                )
    if name in ("PREMUL_SUM", "UNUSED"):
        raise RuntimeError(f"Cannot use ReduceOp.{name} with MPI")
    if name in ("BAND", "BOR", "BXOR"):
        for tensor in tensors:
            if tensor.is_floating_point():
                raise RuntimeError(f"Cannot use ReduceOp.{name} with non-integral dtype")
    for tensor in tensors:
        if not _mpi.is_reducible(tensor.dtype):
            raise RuntimeError("Invalid scalar type")
    return name


def _reduction_on_gpu(name, tensors):
    if name not in _nccl.OPS:
        raise ValueError(f"Cannot use ReduceOp.{name} with NCCL")
    for tensor in tensors:
        if name == "AVG" and tensor.dtype is _C.bool:
            raise TypeError("Cannot use ReduceOp.AVG with boolean inputs")
        if not _nccl.is_reducible(tensor.dtype):
            raise TypeError(
                "Input tensor data type is not supported for NCCL process group: "
                f"{tensor.type().rpartition('.')[2].removesuffix('Tensor')}"
            )
    return name
