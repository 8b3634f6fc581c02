"""Tensors that say what they hold, for transforms.v2: pictures, videos and masks."""

from __future__ import annotations

import cnn


class TVTensor(cnn.Tensor):
    """A tensor with a meaning; what ops make of it is a plain tensor."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        with cnn._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
        keeps = func in _KEEPING or getattr(func, "__name__", "") in _KEEPING_NAMES
        if keeps and isinstance(args[0], cls) and isinstance(result, cnn.Tensor):
            return result.as_subclass(cls)
        return result


_KEEPING = {cnn.Tensor.clone, cnn.Tensor.to, cnn.Tensor.detach, cnn.Tensor.requires_grad_}
_KEEPING_NAMES = {"clone", "to", "detach", "requires_grad_"}


def _made(cls, data, dtype=None, device=None, requires_grad=None):
    if not isinstance(data, cnn.Tensor) and hasattr(data, "getbands"):
        from .transforms.functional import pil_to_tensor

        data = pil_to_tensor(data)
    tensor = cnn.as_tensor(data, dtype=dtype, device=device)
    if requires_grad is None:
        requires_grad = data.requires_grad if isinstance(data, cnn.Tensor) else False
    return tensor.detach().as_subclass(cls).requires_grad_(requires_grad)


class Image(TVTensor):
    """A picture [..., C, H, W]."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = _made(cls, data, dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"An image must have at least two dimensions, got {tensor.ndim}")
        return tensor.unsqueeze(0).as_subclass(cls) if tensor.ndim == 2 else tensor


class Video(TVTensor):
    """Pictures [..., T, C, H, W]."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = _made(cls, data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError(f"A video must have at least four dimensions, got {tensor.ndim}")
        return tensor


class Mask(TVTensor):
    """Which pixel belongs to what, [..., H, W]: transforms move it and leave its values."""

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        return _made(cls, data, dtype, device, requires_grad)


def wrap(wrappee, *, like, **kwargs):
    """A plain tensor as what `like` is."""
    return wrappee.as_subclass(type(like))
