"""Transforms as functions, by the names of torchvision.transforms.v2.functional."""

from __future__ import annotations

import platform

import cnn

from ... import tv_tensors
from .. import _tensor
from .. import functional as _F
from ..functional import (
    InterpolationMode,
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    affine,
    autocontrast,
    center_crop,
    convert_image_dtype,
    crop,
    elastic_transform,
    equalize,
    erase,
    five_crop,
    gaussian_blur,
    get_dimensions,
    get_image_size,
    hflip,
    invert,
    normalize,
    pad,
    perspective,
    pil_to_tensor,
    posterize,
    rgb_to_grayscale,
    rotate,
    solarize,
    ten_crop,
    to_grayscale,
    to_pil_image,
    to_tensor,
    vflip,
)
from ..functional import elastic_transform as elastic
from ..functional import hflip as horizontal_flip
from ..functional import vflip as vertical_flip

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue",
    "adjust_saturation", "adjust_sharpness", "affine", "autocontrast", "center_crop",
    "convert_image_dtype", "crop", "elastic", "elastic_transform", "equalize", "erase",
    "five_crop", "gaussian_blur", "get_dimensions", "get_image_size", "get_size",
    "grayscale_to_rgb", "hflip", "horizontal_flip", "invert", "normalize", "pad", "perspective",
    "pil_to_tensor", "posterize", "resize", "resized_crop", "rgb_to_grayscale", "rotate",
    "solarize", "ten_crop", "to_dtype", "to_grayscale", "to_image", "to_pil_image", "to_tensor",
    "vertical_flip", "vflip",
]  # fmt: skip


def get_size(inpt):
    """[height, width]"""
    return get_dimensions(inpt)[1:]


def to_image(inpt):
    """tv_tensors.Image, of a tensor, an array [H, W, C] or a picture of Pillow's."""
    if not isinstance(inpt, cnn.Tensor):
        import numpy as np

        pixels = np.array(inpt, copy=True)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        inpt = cnn.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    return tv_tensors.Image(inpt)


def to_dtype(inpt, dtype=cnn.float32, scale=False):
    """In another dtype, with black and white kept if `scale`."""
    if not isinstance(inpt, tv_tensors.TVTensor):
        return _tensor.convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)
    plain = inpt.as_subclass(cnn.Tensor)
    picture = not isinstance(inpt, tv_tensors.Mask)
    return tv_tensors.wrap(to_dtype(plain, dtype, scale and picture), like=inpt)


def grayscale_to_rgb(inpt):
    """Three channels, of one or three."""
    if not isinstance(inpt, cnn.Tensor):
        return inpt.convert("RGB")
    return inpt.expand(*inpt.shape[:-3], 3, *inpt.shape[-2:]) if inpt.shape[-3] == 1 else inpt


def _resizes_bytes(interpolation):
    if interpolation is InterpolationMode.BILINEAR:  # where PyTorch has a fast way
        fast = cnn.backends.cpu.get_cpu_capability() != "DEFAULT"
        return fast or platform.machine() in ("aarch64", "arm64")
    return interpolation is InterpolationMode.BICUBIC


def resize(inpt, size, interpolation="bilinear", max_size=None, antialias=True):
    """Of size (height, width), or with the shorter side `size`; None: the longer one `max_size`."""
    interpolation = _F._mode(interpolation)
    whole = isinstance(inpt, cnn.Tensor) and inpt.dtype is cnn.uint8
    if not whole or not _resizes_bytes(interpolation):
        return _F.resize(inpt, size, interpolation, max_size, antialias)
    size = [size] if isinstance(size, int) else size
    old = list(inpt.shape[-2:])
    new = _F._compute_resized_output_size(old, size, max_size, size is None)
    if new == old:
        return inpt
    batch = inpt.reshape(-1, *inpt.shape[-3:])
    out = cnn.nn.functional.interpolate(
        batch, new, mode=interpolation.value, align_corners=False, antialias=bool(antialias)
    )
    return out.reshape(*inpt.shape[:-2], *new)


def resized_crop(inpt, top, left, height, width, size, interpolation="bilinear", antialias=True):
    """A part, in another size."""
    return resize(crop(inpt, top, left, height, width), size, interpolation, None, antialias)
