"""Dropout in all its forms."""

from __future__ import annotations

import math
import warnings

from ... import _C

# The value that SELU tends to for large negative inputs, with the sign turned.
_ALPHA = 1.7580993408473766


def _check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input, p=0.5, training=True, inplace=False) -> _C.Tensor:
    """Zeroes each element with probability p and scales the rest by 1 / (1 - p)."""
    _check_probability(p)
    return _C.dropout_(input, p, training) if inplace else _C.dropout(input, p, training)


def _multiply(input, noise, inplace):
    return input.mul_(noise) if inplace else input.mul(noise)


def _masked(input, p, training, inplace, *, per_channel, alpha):
    """Dropout of elements or of whole channels, towards zero or towards SELU's lower limit."""
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        zero = _C.zeros((), dtype=input.dtype, device=input.device)
        return _multiply(input, zero, inplace)
    if not per_channel:
        noise = _C.empty_like(input)
    elif input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    else:
        shape = [input.size(0), input.size(1)] + [1] * (input.dim() - 2)
        noise = _C.empty(shape, dtype=input.dtype, device=input.device)
    noise.bernoulli_(1 - p)
    if not alpha:
        return _multiply(input, noise.div_(1 - p), inplace)
    # y = a * (x * noise + limit * (1 - noise)) + b with mean and variance of x.
    scale = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = noise.add(-1).mul_(_ALPHA * scale).add_(_ALPHA * scale * p)
    return _multiply(input, noise.mul_(scale), inplace).add_(shift)


def alpha_dropout(input, p=0.5, training=False, inplace=False) -> _C.Tensor:
    """Dropout that keeps mean 0 and variance 1 after SELU."""
    _check_probability(p)
    return _masked(input, p, training, inplace, per_channel=False, alpha=True)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False) -> _C.Tensor:
    """alpha_dropout of whole channels."""
    _check_probability(p)
    return _masked(input, p, training, inplace, per_channel=True, alpha=True)


def _channels(input, p, training, inplace):
    return _masked(input, p, training, inplace, per_channel=True, alpha=False)


def _unbatched_channels(input, p, training, inplace):
    input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = _channels(input, p, training, inplace)
    return result.squeeze_(0) if inplace else result.squeeze(0)


def dropout1d(input, p=0.5, training=True, inplace=False) -> _C.Tensor:
    """Zeroes whole channels of [N, C, L] or [C, L] with probability p."""
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return (_channels if ndim == 3 else _unbatched_channels)(input, p, training, inplace)


def dropout2d(input, p=0.5, training=True, inplace=False) -> _C.Tensor:
    """Zeroes whole channels of [N, C, H, W] (or [N, C, L]) with probability p."""
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (3, 4):
        warnings.warn(
            _unexpected_rank("dropout2d", ndim, "2 spatial dimensions", "3D or 4D"), stacklevel=2
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D "
            "dropout behavior is desired - input is interpreted as shape (N, C, L), where C is "
            "the channel dim. This behavior will change in a future release to interpret the "
            "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _channels(input, p, training, inplace)


def dropout3d(input, p=0.5, training=True, inplace=False) -> _C.Tensor:
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W] with probability p."""
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (4, 5):
        warnings.warn(
            _unexpected_rank("dropout3d", ndim, "3 spatial dimensions", "4D or 5D"), stacklevel=2
        )
    return (_channels if ndim == 5 else _unbatched_channels)(input, p, training, inplace)


def _unexpected_rank(name, ndim, spatial, ranks):
    return (
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs with "
        f"{spatial}, a channel dimension, and an optional batch dimension (i.e. {ranks} inputs)."
    )
