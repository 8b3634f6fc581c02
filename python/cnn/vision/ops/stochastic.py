"""Layers that drop paths and blocks at random."""

from __future__ import annotations

import cnn
from cnn import nn
from cnn.nn import functional as F


def stochastic_depth(input, p, mode, training=True):
    """Zeroes the input with probability `p`: as a whole ('batch') or each row of it ('row').

    Huang et al., "Deep Networks with Stochastic Depth", 2016.
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    rows = input.shape[0] if mode == "row" else 1
    size = [rows] + [1] * (input.ndim - 1)
    noise = cnn.empty(size, dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    if p < 1.0:
        noise.div_(1.0 - p)
    return input * noise


class StochasticDepth(nn.Module):
    """stochastic_depth as a layer."""

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"


def _drop_blocks(input, p, block_size, inplace, eps, training, n):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != n + 2:
        raise ValueError(f"input should be {n + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    *outer, spatial = input.shape[0], input.shape[1], list(input.shape[2:])
    block_size = min(block_size, *spatial)
    gamma, places = p, [size - block_size + 1 for size in spatial]
    for size, free in zip(spatial, places):
        gamma *= size / free
    gamma /= block_size**n
    noise = cnn.empty((*outer, *places), dtype=input.dtype, device=input.device).bernoulli_(gamma)
    noise = F.pad(noise, [block_size // 2] * (2 * n), value=0)
    pool = (F.max_pool2d, F.max_pool3d)[n - 2]
    noise = 1 - pool(noise, stride=[1] * n, kernel_size=[block_size] * n, padding=block_size // 2)
    scale = noise.numel() / (eps + noise.sum())
    return input.mul_(noise).mul_(scale) if inplace else input * noise * scale


def drop_block2d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """Zeroes blocks of [N, C, H, W] at random.

    Ghiasi et al., "DropBlock", 2018.
    """
    return _drop_blocks(input, p, block_size, inplace, eps, training, 2)


def drop_block3d(input, p, block_size, inplace=False, eps=1e-06, training=True):
    """Zeroes blocks of [N, C, D, H, W] at random."""
    return _drop_blocks(input, p, block_size, inplace, eps, training, 3)


class DropBlock2d(nn.Module):
    """drop_block2d as a layer."""

    _drop = staticmethod(drop_block2d)

    def __init__(self, p, block_size, inplace=False, eps=1e-06):
        super().__init__()
        self.p = p
        self.block_size = block_size
        self.inplace = inplace
        self.eps = eps

    def forward(self, input):
        return self._drop(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(p={self.p}, block_size={self.block_size}, "
            f"inplace={self.inplace})"
        )


class DropBlock3d(DropBlock2d):
    """drop_block3d as a layer."""

    _drop = staticmethod(drop_block3d)
