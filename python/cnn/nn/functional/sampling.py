"""Values of images at points between their elements."""

from __future__ import annotations

import itertools
import warnings

from ... import _C
from .images import _CORNERS_WARNING

_CUBIC = -0.75  # the free coefficient of the cubic convolution (Keys 1981), as PyTorch has it


def _places(points, size, align_corners):
    """Points in [-1, 1] as places along an axis; -1 is the middle or the edge of element 0."""
    if align_corners:
        return (points + 1) / 2 * (size - 1)
    return ((points + 1) * size - 1) / 2


def _reflected(places, low, high):
    """Mirrored at low / 2 and high / 2 until it lies between them."""
    if low == high:
        return _C.zeros_like(places)
    low, span = low / 2, (high - low) / 2
    distance = (places - low).abs()
    flips = (distance / span).floor().detach()
    rest = distance - flips * span
    return _C.where(flips % 2 == 0, rest + low, span - rest + low)


def _inside(places, size, padding_mode, align_corners):
    """The places that padding stands for, for other padding than zeros; 0 for nan.

    On the border, as beyond it, moving the point changes nothing.
    """
    if padding_mode == "zeros":
        return places
    if padding_mode == "reflection":
        low, high = (0, 2 * (size - 1)) if align_corners else (-1, 2 * size - 1)
        places = _reflected(places, low, high)
    border = places.detach().clamp(0, size - 1).nan_to_num(0.0)
    return _C.where((places > 0) & (places < size - 1), places, border)


def _values_at(flat, spatial, index):
    """Elements [N, C, points] of flat [N, C, elements] at integer places per axis; 0 outside."""
    valid, at = None, 0
    for places, size in zip(index, spatial):
        ok = (places >= 0) & (places <= size - 1)
        valid = ok if valid is None else valid & ok
        at = at * size + _C.where(ok, places, _C.zeros_like(places)).to(_C.int64)
    at = at.reshape(flat.shape[0], 1, -1)
    found = flat.gather(2, at.expand(-1, flat.shape[1], -1))
    return found * valid.reshape(at.shape).to(flat.dtype)


def _linear(flat, spatial, places):
    """Of the 2^n neighbours, each weighted by how near the point is along every axis."""
    below = [p.detach().floor() for p in places]
    total = 0
    for corner in itertools.product((0, 1), repeat=len(spatial)):
        weight = 1
        for p, low, step in zip(places, below, corner):
            weight = weight * ((p - low) if step else (low + 1 - p))
        index = [low + step for low, step in zip(below, corner)]
        total = total + _values_at(flat, spatial, index) * weight.reshape(flat.shape[0], 1, -1)
    return total


def _cubic_weights(t):
    """Weights of the elements at -1, 0, 1 and 2 for a point at t in [0, 1)."""
    a = _CUBIC

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _cubic(flat, spatial, places, padding_mode, align_corners):
    below = [p.detach().floor() for p in places]
    weights = [_cubic_weights(p - low) for p, low in zip(places, below)]
    total = 0
    for steps in itertools.product(range(4), repeat=2):
        index = [
            _inside(low + step - 1, size, padding_mode, align_corners)
            for low, step, size in zip(below, steps, spatial)
        ]
        weight = weights[0][steps[0]] * weights[1][steps[1]]
        total = total + _values_at(flat, spatial, index) * weight.reshape(flat.shape[0], 1, -1)
    return total


def _check_grid(input, grid, mode):
    if input.device != grid.device:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to be on same device, but input is on "
            f"{input.device} and grid is on {grid.device}"
        )
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.size(-1) != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but "
            f"got grid with sizes {list(grid.shape)}"
        )
    if min(input.shape[2:]) <= 0:
        raise RuntimeError(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {list(input.shape)} with dimension "
            f"{2 + list(input.shape[2:]).index(0)} being empty"
        )
    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if mode == "bicubic" and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


# The options of grid_sample, and the numbers that they are to the core.
GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of [N, C, H, W] at points (x, y) of grid [N, H', W', 2], in [-1, 1]: [N, C, H', W'].

    Volumes [N, C, D, H, W] take grids [N, D', H', W', 3] of (x, y, z). Modes 'bilinear', 'nearest'
    and, for images, 'bicubic'; padding 'zeros', 'border' or 'reflection'. Raises ValueError for
    others, RuntimeError for shapes that do not fit.
    """
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_CORNERS_WARNING, stacklevel=2)
        align_corners = False
    _check_grid(input, grid, mode)
    spatial = list(input.shape[2:])
    n = len(spatial)
    # x, which runs along the last axis, comes first in a grid.
    places = [
        _places(grid[..., n - 1 - axis], size, align_corners) for axis, size in enumerate(spatial)
    ]
    flat = input.flatten(2)
    if mode == "bicubic":
        values = _cubic(flat, spatial, places, padding_mode, align_corners)
    else:
        places = [_inside(p, size, padding_mode, align_corners) for p, size in zip(places, spatial)]
        if mode == "nearest":
            values = _values_at(flat, spatial, [p.detach().round() for p in places])
            if grid.requires_grad:  # whose gradient is 0, not missing
                still = (grid - grid.detach()).sum(-1).flatten(1).unsqueeze(1)
                values = values + still * 0.0
        else:
            values = _linear(flat, spatial, places)
    return values.reshape(*input.shape[:2], *grid.shape[1:-1])
