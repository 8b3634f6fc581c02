"""Tensors and numbers as arrays of NumPy."""

from __future__ import annotations

import numpy

from ... import _C

__all__ = ["make_np"]


def make_np(x):
    """An array of what is a tensor, an array or a number already."""
    if isinstance(x, numpy.ndarray):
        return x
    if numpy.isscalar(x):
        return numpy.array([x])
    if isinstance(x, _C.Tensor):
        if x.device.type == "meta":
            raise NotImplementedError("tensorboard: a tensor on the meta device has no values")
        x = x.detach().cpu()
        return (x.to(_C.float16) if x.dtype == _C.bfloat16 else x).numpy()
    raise NotImplementedError(f"Got {type(x)}, but numpy array or torch tensor are expected.")
