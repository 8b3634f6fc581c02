"""Transforms of Pillow's pictures."""

from __future__ import annotations

import numbers

import numpy as np
from PIL import Image, ImageEnhance, ImageOps


def check_image(img):
    """TypeError unless it is a picture of Pillow's."""
    if not isinstance(img, Image.Image):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")


def get_dimensions(img):
    """[channels, height, width]"""
    if not isinstance(img, Image.Image):
        raise TypeError(f"Unexpected type {type(img)}")
    return [len(img.getbands()), img.height, img.width]


def hflip(img):
    return img.transpose(Image.FLIP_LEFT_RIGHT)


def vflip(img):
    return img.transpose(Image.FLIP_TOP_BOTTOM)


def crop(img, top, left, height, width):
    return img.crop((left, top, left + width, top + height))


def resize(img, size, interpolation):
    return img.resize((size[1], size[0]), interpolation)


def _colour(fill, img):
    """`fill` as Pillow takes it: a number for each channel."""
    channels = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * channels
        elif len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the "
                f"image ({len(fill)} != {channels})"
            )
    if img.mode == "F":
        return tuple(fill) if isinstance(fill, list) else fill
    return tuple(int(x) for x in fill) if isinstance(fill, (list, tuple)) else int(fill)


def pad(img, padding, fill=0, padding_mode="constant"):
    """padding: left, top, right, bottom."""
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    palette = img.getpalette() if img.mode == "P" else None
    if padding_mode == "constant":
        out = ImageOps.expand(img, border=tuple(padding), fill=_colour(fill, img))
    else:
        left, top, right, bottom = (max(-p, 0) for p in padding)
        if left or top or right or bottom:
            img = img.crop((left, top, img.width - right, img.height - bottom))
        left, top, right, bottom = (max(p, 0) for p in padding)
        pixels = np.asarray(img)
        margins = ((top, bottom), (left, right), (0, 0))[: pixels.ndim]
        out = Image.fromarray(np.pad(pixels, margins, mode=padding_mode))
    if palette is not None:
        out.putpalette(palette)
    return out


def to_grayscale(img, num_output_channels):
    gray = img.convert("L")
    if num_output_channels == 1:
        return gray
    if num_output_channels != 3:
        raise ValueError("num_output_channels should be either 1 or 3")
    return Image.merge("RGB", (gray, gray, gray))


def adjust_brightness(img, factor):
    return ImageEnhance.Brightness(img).enhance(factor)


def adjust_contrast(img, factor):
    return ImageEnhance.Contrast(img).enhance(factor)


def adjust_saturation(img, factor):
    return ImageEnhance.Color(img).enhance(factor)


def adjust_sharpness(img, factor):
    return ImageEnhance.Sharpness(img).enhance(factor)


def adjust_hue(img, factor):
    if img.mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    turned = np.array(h, dtype=np.uint8) + np.int32(factor * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert(img.mode)


def adjust_gamma(img, gamma, gain=1.0):
    table = [int((255 + 1 - 1e-3) * gain * pow(i / 255.0, gamma)) for i in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


def invert(img):
    return ImageOps.invert(img)


def posterize(img, bits):
    return ImageOps.posterize(img, bits)


def solarize(img, threshold):
    return ImageOps.solarize(img, threshold)


def autocontrast(img):
    return ImageOps.autocontrast(img)


def equalize(img):
    return ImageOps.equalize(img)


def affine(img, matrix, interpolation, fill=None):
    return img.transform(
        img.size, Image.AFFINE, matrix, interpolation, fillcolor=_colour(fill, img)
    )


def rotate(img, angle, interpolation, expand=False, center=None, fill=None):
    return img.rotate(angle, interpolation, expand, center, fillcolor=_colour(fill, img))


def perspective(img, coeffs, interpolation, fill=None):
    return img.transform(
        img.size, Image.PERSPECTIVE, coeffs, interpolation, fillcolor=_colour(fill, img)
    )
