"""Neighbours in a Sequential that are one op: a batch norm and its ReLU; without gradients, a
convolution with the norm (by running statistics) and the bounds that follow it.
"""

from __future__ import annotations

from math import inf

from ... import _C
from ..functional.norms import _batch_norm_relu
from ..parameter import Parameter
from ._module.calling import note_path
from .activation import Hardtanh, ReLU, ReLU6
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .conv import Conv1d, Conv2d, Conv3d
from .linear import Identity

_NORM_OF = {Conv1d: BatchNorm1d, Conv2d: BatchNorm2d, Conv3d: BatchNorm3d}
_BATCH_NORMS = frozenset(_NORM_OF.values())
# As they are now: what somebody puts in their places is called.
_CONV_FORWARD, _NORM_FORWARD = Conv2d.forward, BatchNorm2d.forward
_RELU_FORWARD, _BOUNDS_FORWARD = ReLU.forward, Hardtanh.forward
_IDENTITY_FORWARD = Identity.forward
_PLAIN = frozenset((_C.Tensor, Parameter))
_END = object()

LEADING = _BATCH_NORMS | _NORM_OF.keys()


def run_from(module, rest, input):
    """`input` through a module of a LEADING type and the next of the iterator `rest`, up to the
    first that is of another type and is not part of an op before it.
    """
    while type(module) in LEADING:
        run = _run_norm if type(module) in _BATCH_NORMS else _run_convolution
        module, input = run(module, rest, input)
        if module is _END:
            return input
    return module(input)


def _next(rest):
    """The next module that does something."""
    module = next(rest, _END)
    while type(module) is Identity and _is_plain(module, _IDENTITY_FORWARD):
        module = next(rest, _END)
    return module


def _are_plain(*tensors):
    """Does nobody take over what is done with them?"""
    return all(t is None or type(t) in _PLAIN for t in tensors)


def _is_plain(module, forward):
    """Does a call run nothing but this forward?"""
    return _C._calls_only(module, forward)


def _run_norm(norm, rest, input):
    following = next(rest, _END)
    if not (
        type(following) is ReLU
        and type(input) is _C.Tensor
        and not _C._is_watched()
        and _is_plain(norm, _NORM_FORWARD)
        and _is_plain(following, _RELU_FORWARD)
    ):
        return following, norm(input)
    try:
        result = norm._normalized(input, _batch_norm_relu)
    except Exception as error:
        note_path(error, norm)
        raise
    return next(rest, _END), result


def _run_convolution(conv, rest, input):
    following = _next(rest)
    if not (
        _C._only_infers()
        and type(input) is _C.Tensor
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and _is_plain(conv, _CONV_FORWARD)
        and _are_plain(conv.weight, conv.bias)
    ):
        return following, conv(input)
    weight = bias = mean = var = bounds = None
    eps = 0.0
    if (
        type(following) is _NORM_OF[type(conv)]
        and not following.training
        and following.running_mean is not None
        and following.num_features == conv.out_channels
        and input.dim() == len(conv.kernel_size) + 2
        and _is_plain(following, _NORM_FORWARD)
        and _are_plain(following.weight, following.bias)
        and _are_plain(following.running_mean, following.running_var)
    ):
        weight, bias, eps = following.weight, following.bias, following.eps
        mean, var = following.running_mean, following.running_var
        following = _next(rest)
    if type(following) is ReLU and _is_plain(following, _RELU_FORWARD):
        bounds = 0.0, inf
    elif type(following) in (ReLU6, Hardtanh) and _is_plain(following, _BOUNDS_FORWARD):
        bounds = following.min_val, following.max_val
    if bounds:
        following = _next(rest)
    elif mean is None:
        return following, conv(input)
    try:
        result = _C._conv_norm_clamp(
            input,
            conv.weight,
            conv.bias,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            weight,
            bias,
            mean,
            var,
            eps,
            *(bounds or (-inf, inf)),
        )
    except Exception as error:
        note_path(error, conv)
        raise
    return following, result
