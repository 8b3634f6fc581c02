"""Weights of convolutions in another memory format, and the other weights left as they are."""

from __future__ import annotations

from ..modules import conv


def _convert(module, memory_format, kinds):
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module, memory_format):
    """Lays the weights of every Conv2d and ConvTranspose2d in `module`, itself included, out in
    `memory_format`. Returns the module.
    """
    return _convert(module, memory_format, (conv.Conv2d, conv.ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """convert_conv2d_weight_memory_format for Conv3d and ConvTranspose3d."""
    return _convert(module, memory_format, (conv.Conv3d, conv.ConvTranspose3d))
