"""The gradients of convolutions, of one operand at a time."""

from __future__ import annotations

from .. import _C
from ..autograd import enable_grad, grad
from . import functional as F
from .modules.utils import _pair, _single, _triple


def _of_input(conv, input_size, weight, grad_output, *options):
    """The gradient of conv(input, weight) with respect to the input, of input_size."""
    with enable_grad():
        input = _C.zeros(input_size, dtype=weight.dtype, device=weight.device, requires_grad=True)
        output = conv(input, weight, None, *options)
    return grad(output, input, grad_output, create_graph=_C.is_grad_enabled())[0]


def _of_weight(conv, input, weight_size, grad_output, *options):
    """The gradient of conv(input, weight) with respect to the weight, of weight_size."""
    with enable_grad():
        weight = _C.zeros(weight_size, dtype=input.dtype, device=input.device, requires_grad=True)
        output = conv(input, weight, None, *options)
    return grad(output, weight, grad_output, create_graph=_C.is_grad_enabled())[0]


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its input: [N, C_in, L] as input_size says.

    weight [C_out, C_in / groups, k], grad_output [N, C_out, L_out].
    """
    options = _single(stride), _single(padding), _single(dilation), groups
    return _of_input(F.conv1d, input_size, weight, grad_output, *options)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d with respect to its weight: [C_out, C_in / groups, k] as weight_size
    says.

    input [N, C_in, L], grad_output [N, C_out, L_out].
    """
    options = _single(stride), _single(padding), _single(dilation), groups
    return _of_weight(F.conv1d, input, weight_size, grad_output, *options)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its input: [N, C_in, H, W] as input_size says.

    weight [C_out, C_in / groups, kH, kW], grad_output [N, C_out, H_out, W_out].
    """
    options = _pair(stride), _pair(padding), _pair(dilation), groups
    return _of_input(F.conv2d, input_size, weight, grad_output, *options)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d with respect to its weight: [C_out, C_in / groups, kH, kW] as
    weight_size says.

    input [N, C_in, H, W], grad_output [N, C_out, H_out, W_out].
    """
    options = _pair(stride), _pair(padding), _pair(dilation), groups
    return _of_weight(F.conv2d, input, weight_size, grad_output, *options)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its input: [N, C_in, D, H, W] as input_size says.

    weight [C_out, C_in / groups, kD, kH, kW], grad_output [N, C_out, D_out, H_out, W_out].
    """
    options = _triple(stride), _triple(padding), _triple(dilation), groups
    return _of_input(F.conv3d, input_size, weight, grad_output, *options)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d with respect to its weight: [C_out, C_in / groups, kD, kH, kW] as
    weight_size says.

    input [N, C_in, D, H, W], grad_output [N, C_out, D_out, H_out, W_out].
    """
    options = _triple(stride), _triple(padding), _triple(dilation), groups
    return _of_weight(F.conv3d, input, weight_size, grad_output, *options)
