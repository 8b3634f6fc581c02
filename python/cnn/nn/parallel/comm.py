"""Tensors from one GPU to several and back."""

from __future__ import annotations

import warnings

from ... import _C

__all__ = [
    "broadcast",
    "broadcast_coalesced",
    "gather",
    "reduce_add",
    "reduce_add_coalesced",
    "scatter",
]


def _get_device_index(device, optional=False, allow_cpu=False):
    from ... import _utils  # which loads what only files and GPUs need

    return _utils._get_device_index(device, optional, allow_cpu)


def _at(index):
    """The GPU of a number; -1 is the CPU."""
    return _C.device("cpu") if index == -1 else _C.device("cuda", index)


def _indices(devices):
    return [_get_device_index(device) for device in devices]


def broadcast(tensor, devices=None, *, out=None):
    """The tensor on each of the devices, as a tuple; on its own it is the tensor itself.

    Or copied into the tensors of `out`, which are returned.
    """
    if (devices is None) == (out is None):
        raise RuntimeError(
            "Exactly one of 'devices' and 'out' must be specified, but got "
            f"devices={devices} and out={out}"
        )
    if out is None:
        return tuple(tensor.to(_at(index)) for index in _indices(devices))
    for i, target in enumerate(out):
        if target.shape != tensor.shape:
            raise RuntimeError(
                "Expected all output tensors to have same shape as the source tensor "
                f"{list(tensor.shape)}, but output tensor at index {i} has shape "
                f"{list(target.shape)}"
            )
    for target in out:
        target.copy_(tensor)
    return tuple(out)


def broadcast_coalesced(tensors, devices, buffer_size=10485760):
    """For each of the devices a list of all tensors there, copies without gradient.

    `buffer_size` is for networks.
    """

    def on(device, tensor):
        return tensor if tensor.device == device else tensor.detach().to(device)

    return [[on(_at(index), tensor) for tensor in tensors] for index in _indices(devices)]


def reduce_add(inputs, destination=None):
    """The sum of tensors of one shape, on the GPU `destination`, which one of them is on."""
    destination = _get_device_index(destination, optional=True)
    size = inputs[0].size()
    for i, tensor in enumerate(inputs):
        if tensor.device.type == "cpu":
            raise AssertionError(
                f"reduce_add expects all inputs to be on GPUs, but input {i} is on CPU"
            )
        if tensor.size() != size:
            got, expected = ("x".join(map(str, s)) for s in (tensor.size(), size))
            raise ValueError(f"input {i} has invalid size: got {got}, but expected {expected}")
    if all(tensor.get_device() != destination for tensor in inputs):
        raise RuntimeError(
            "reduce_add expects destination to be on the same GPU with one of the tensors"
        )
    return _sum(inputs, _at(destination))


def _sum(tensors, device):
    first, *others = (tensor.to(device) for tensor in tensors)
    if not others:
        return first
    total = first + others[0]
    for tensor in others[1:]:
        total += tensor
    return total


def reduce_add_coalesced(inputs, destination=None, buffer_size=10485760):
    """The sums of the first, the second, ... tensors of all lists, as a tuple, without gradient."""
    sums = [reduce_add(tensors, destination) for tensors in zip(*inputs, strict=True)]
    return tuple(total.data for total in sums)


def scatter(tensor, devices=None, chunk_sizes=None, dim=0, streams=None, *, out=None):
    """The parts of a tensor along dim, one on each of the devices, as a tuple.

    They are as equal as may be, or of chunk_sizes. Or copied into the tensors of `out`, whose sizes
    say how much each takes. Copies run on the streams in use, and `streams` names no others.
    """
    if out is None:
        indices = _indices(devices)
        if chunk_sizes is None:
            parts = tensor.chunk(len(indices), dim)
        else:
            parts = tensor.split(list(chunk_sizes), dim)
        return tuple(part.to(_at(index)) for part, index in zip(parts, indices))
    for name, given in (("devices", devices), ("chunk_sizes", chunk_sizes)):
        if given is not None:
            raise RuntimeError(
                f"'{name}' must not be specified when 'out' is specified, but got {name}={given}"
            )
    parts = tensor.split([target.size(dim) for target in out], dim)
    for target, part in zip(out, parts):
        target.copy_(part)
    return tuple(out)


def gather(tensors, dim=0, destination=None, *, out=None):
    """The tensors one after the other along dim, on a device, by default the GPU in use.

    Or put into `out`, which is returned.
    """
    if out is None:
        if destination == -1:
            warnings.warn(
                "Using -1 to represent CPU tensor is deprecated. Please use a device object or "
                'string instead, e.g., "cpu".',
                FutureWarning,
                stacklevel=2,
            )
        device = _at(_get_device_index(destination, allow_cpu=True, optional=True))
        return _C.cat([tensor.to(device) for tensor in tensors], dim)
    if destination is not None:
        raise RuntimeError(
            "'destination' must not be specified when 'out' is specified, but got "
            f"destination={destination}"
        )
    parts = out.split([tensor.size(dim) for tensor in tensors], dim)
    for part, tensor in zip(parts, tensors):
        part.copy_(tensor)
    return out
