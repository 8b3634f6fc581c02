"""Normalization."""

from __future__ import annotations

import math

from ... import _C


def _verify_batch_size(size):
    if math.prod(size[2:]) * size[0] == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def _verify_spatial_size(size):
    if math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )


def _check_batch_norm(input, training, eps):
    if training:
        _verify_batch_size(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-05,
) -> _C.Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias per channel of [N, C, ...].

    In training the statistics are the batch's, and the running ones move towards them by
    `momentum`. Ioffe and Szegedy, "Batch Normalization", 2015.
    """
    _check_batch_norm(input, training, eps)
    return _C.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )


def _batch_norm_relu(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-05,
) -> _C.Tensor:
    """relu(batch_norm(...)) in one pass over memory; as modules, where they are neighbours in a
    Sequential.
    """
    _check_batch_norm(input, training, eps)
    return _C._batch_norm_relu(
        input, weight, bias, running_mean, running_var, training, momentum, eps
    )


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-05,
) -> _C.Tensor:
    """batch_norm over each sample of [N, C, ...] by itself.

    Ulyanov et al., "Instance Normalization", 2016.
    """
    if use_input_stats:
        _verify_spatial_size(input.size())
    return _C.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False
    )


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05) -> _C.Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, `normalized_shape`.

    Ba et al., "Layer Normalization", 2016.
    """
    return _C.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(input, normalized_shape, weight=None, eps=None) -> _C.Tensor:
    """x / sqrt(mean(x * x) + eps) * weight over the last dimensions.

    Eps None is the dtype's epsilon.

    Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    """
    return _C.rms_norm(input, normalized_shape, weight, eps)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05) -> _C.Tensor:
    """Normalizes [N, C, ...] over groups of C / num_groups channels.

    Wu and He, "Group Normalization", 2018.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    size = input.size()
    _verify_batch_size([size[0] * size[1] // num_groups, num_groups, *size[2:]])
    return _C.group_norm(input, num_groups, weight, bias, eps)


def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0) -> _C.Tensor:
    """x / (k + alpha * mean of x * x over `size` neighbouring channels) ** beta, for [N, C, ...].

    Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012.
    """
    dim = input.dim()
    if dim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {dim} "
            "dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input.mul(input).reshape(input.size(0), 1, input.size(1), -1)
    padded = _C.constant_pad_nd(squares, (0, 0, size // 2, (size - 1) // 2), 0.0)
    means = _C.avg_pool2d(padded, (size, 1), stride=1).view(input.size())
    return input / means.mul(alpha).add(k).pow(beta)


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None) -> _C.Tensor:
    """x / max(norm of x along dim, eps)."""
    norm = input.norm(p, dim, keepdim=True)
    if out is None:
        return input / norm.clamp_min(eps).expand_as(input)
    return _C.div(input, norm.clamp_min_(eps).expand_as(input), out=out)
