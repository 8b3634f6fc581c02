"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from ... import _C
from ..modules._module.typename import typename


def _check_one_device(parameters):
    if len({param.device for param in parameters}) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )


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
