"""A module copied to several devices, its parameters by an op that adds up their gradients."""

from __future__ import annotations

from collections import OrderedDict

from . import comm
from ._functions import Broadcast
from .comm import _get_device_index

__all__ = ["replicate"]


def _broadcast_coalesced_reshape(tensors, devices, detach=False):
    """For each of the devices a list of all tensors there; with gradients unless `detach`."""
    if not tensors:
        return []
    if detach:
        return comm.broadcast_coalesced(tensors, devices)
    copies = Broadcast.apply(devices, *tensors)
    return [list(copies[i : i + len(tensors)]) for i in range(0, len(copies), len(tensors))]


def _copies(tensors, devices, detach):
    """For each of the devices {tensor: its copy there}."""
    copies = _broadcast_coalesced_reshape(tensors, devices, detach)
    return [dict(zip(tensors, there)) for there in copies or [[] for _ in devices]]


def replicate(network, devices, detach=False):
    """A copy of the module on each of the devices.

    Its tensors are copies of the module's, through which gradients flow back; they are no
    parameters of the copy. With `detach` nothing flows back, and on a device where the module's own
    tensors are already, the copy has these.
    """
    if not devices:
        return []
    devices = [_get_device_index(device, True) for device in devices]
    params = _copies(list(network.parameters()), devices, detach)
    trained = [buffer for buffer in network.buffers() if buffer.requires_grad and not detach]
    others = [buffer for buffer in network.buffers() if not buffer.requires_grad or detach]
    buffers = [
        a | b
        for a, b in zip(_copies(trained, devices, False), _copies(others, devices, detach=True))
    ]
    return [_replica(network, *tensors) for tensors in zip(params, buffers)]


def _replica(network, params, buffers):
    """A copy of the module with copies of its tensors by {tensor: its copy}."""
    replicas = {}
    for module in network.modules():
        replicas[module] = module._replicate_for_data_parallel()
        replicas[module]._former_parameters = OrderedDict()
    for module, replica in replicas.items():
        for name, child in module._modules.items():
            if child is not None:
                setattr(replica, name, replicas[child])
        for name, param in module._parameters.items():
            if param is None:
                replica._parameters[name] = None
            else:
                setattr(replica, name, params[param])
                replica._former_parameters[name] = params[param]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                setattr(replica, name, buffers[buffer])
    return replicas[network]
