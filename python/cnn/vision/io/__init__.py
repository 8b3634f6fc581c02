"""Pictures as tensors [C, H, W] of uint8, read and written by Pillow."""

from __future__ import annotations

from enum import Enum

from . import _codecs


class ImageReadMode(Enum):
    """What a picture is converted to when it is read."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


def _number(mode):
    return (ImageReadMode[mode.upper()] if isinstance(mode, str) else mode).value


def read_file(path):
    """The bytes of a file, as a tensor of uint8."""
    return _codecs.read_file(str(path))


def write_file(filename, data):
    """Writes a tensor of bytes to a file."""
    _codecs.write_file(str(filename), data)


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A JPEG, PNG, GIF or WebP, from its bytes or its path."""
    if isinstance(input, str) or hasattr(input, "__fspath__"):
        input = read_file(input)
    return _codecs.decode_image(input, _number(mode), apply_exif_orientation)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in a file."""
    return decode_image(read_file(path), mode, apply_exif_orientation)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """A PNG, from its bytes."""
    return _codecs.decode_png(input, _number(mode), apply_exif_orientation)


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """A JPEG from its bytes, or a list of them."""
    if isinstance(input, list):
        if not input:
            raise ValueError("Input list must contain at least one element")
        return [decode_jpeg(i, mode, device, apply_exif_orientation) for i in input]
    return _codecs.decode_jpeg(input, _number(mode), apply_exif_orientation).to(device)


def decode_gif(input):
    """A GIF from its bytes: [C, H, W], or [N, C, H, W] of several pictures."""
    return _codecs.decode_gif(input)


def decode_webp(input, mode=ImageReadMode.UNCHANGED):
    """A WebP, from its bytes."""
    return _codecs.decode_webp(input, _number(mode))


def encode_png(input, compression_level=6):
    """The bytes of a PNG of a picture [1 or 3, H, W] of uint8."""
    return _codecs.encode_png(input, compression_level)


def write_png(input, filename, compression_level=6):
    """Writes a picture [1 or 3, H, W] of uint8 as a PNG."""
    write_file(filename, encode_png(input, compression_level))


def encode_jpeg(input, quality=75):
    """The bytes of a JPEG of a picture [1 or 3, H, W] of uint8, or a list of them."""
    if quality < 1 or quality > 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        if not input:
            raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
        return [encode_jpeg(i, quality) for i in input]
    return _codecs.encode_jpeg(input, quality)


def write_jpeg(input, filename, quality=75):
    """Writes a picture [1 or 3, H, W] of uint8 as a JPEG."""
    write_file(filename, encode_jpeg(input, quality))


__all__ = [
    "ImageReadMode", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "decode_webp",
    "encode_jpeg", "encode_png", "read_file", "read_image", "write_file", "write_jpeg",
    "write_png",
]  # fmt: skip
