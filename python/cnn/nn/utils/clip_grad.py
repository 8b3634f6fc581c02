"""Bounds for gradients."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from ... import _C
from ...autograd import no_grad

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]

_tensor_or_tensors = _C.Tensor | Iterable[_C.Tensor]


def _no_grad(func):
    """The function without recording what it does."""
    return no_grad()(func)


def _as_list(tensors):
    return [tensors] if isinstance(tensors, _C.Tensor) else list(tensors)


def _gradients(parameters):
    return [param.grad for param in parameters if param.grad is not None]


@_no_grad
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all values of all tensors together, a 0-dim tensor.

    Raises RuntimeError for an infinite or nan norm if `error_if_nonfinite`.
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return _C.tensor(0.0)
    device, dtype = tensors[0].device, tensors[0].dtype
    alike = all(tensor.device == device and tensor.dtype == dtype for tensor in tensors)
    if norm_type == 2 and alike and device.type == "cuda" and dtype.itemsize > 1:
        total = _C._norm_of_all(tensors)  # in two launches
    else:
        norms = [tensor.norm(norm_type).to(device) for tensor in tensors]
        total = _C.stack(norms).norm(norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@_no_grad
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Multiplies the gradients by max_norm / total_norm where that is below one."""
    grads = _gradients(_as_list(parameters))
    if not grads:
        return
    # Multiplying by 1.0 costs less than asking the device for the norm.
    if total_norm.device.type == "cuda" and total_norm.dtype.itemsize > 2 and max_norm >= 0:
        _C._scale_all_(grads, total_norm, float(max_norm))  # in one launch
        return
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    if factor.device.type == "cuda":
        _C._scale_all_(grads, factor)
        return
    for grad in grads:
        grad.mul_(factor.to(grad.device))


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scales the gradients in place so that their common norm is at most max_norm.

    Returns the norm before.
    """
    if isinstance(parameters, types.GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
            )
    parameters = _as_list(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The old name of clip_grad_norm_."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


@_no_grad
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamps the gradients in place to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    for grad in _gradients(_as_list(parameters)):
        grad.clamp_(min=-clip_value, max=clip_value)


_get_total_norm = get_total_norm
_clip_grads_with_norm_ = clip_grads_with_norm_
