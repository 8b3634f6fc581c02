"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from ... import _C
from ..modules._module.typename import typename


def _check_param_device(param, old_param_device):
    """The number of a parameter's device, -1 for the CPU; TypeError for another than the old one.

    None is the old one of the first parameter.
    """
    device = param.get_device()
    if old_param_device is not None and device != old_param_device:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
    return device


def _check_one_device(parameters):
    device = None
    for param in parameters:
        device = _check_param_device(param, device)


def parameters_to_vector(parameters):
    """The values of all parameters, flattened and joined: [total]."""
    parameters = list(parameters)
    _check_one_device(parameters)
    return _C.cat([param.view(-1) for param in parameters])


def vector_to_parameters(vec, parameters):
    """Makes each parameter a view of its part of `vec`."""
    if not isinstance(vec, _C.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = list(parameters)
    _check_one_device(parameters)
    start = 0
    for param in parameters:
        stop = start + param.numel()
        param.data = vec[start:stop].view_as(param).data
        start = stop
