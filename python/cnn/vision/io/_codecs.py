"""What torchvision's library of codecs does, through Pillow: `torch.ops.image`.

Modes are ImageReadMode's numbers.
"""

from __future__ import annotations

import io

import cnn

from .._pillow import pillow

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def read_file(filename):
    """The bytes of a file."""
    with open(filename, "rb") as file:
        data = file.read()
    if not data:
        raise RuntimeError("Expected a non empty file")
    return cnn.frombuffer(bytearray(data), dtype=cnn.uint8)


def write_file(filename, data):
    """Writes bytes to a file."""
    if data.device.type != "cpu":
        raise RuntimeError("Input tensor should be on CPU")
    if data.dtype is not cnn.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if data.dim() != 1:
        raise RuntimeError("Input data should be a 1-dimensional tensor")
    with open(filename, "wb") as file:
        file.write(data.contiguous().numpy().tobytes())


def _opened(data, *formats, mode=0):
    if data.dtype is not cnn.uint8:
        raise RuntimeError("Expected a torch.uint8 tensor")
    if data.dim() != 1 or data.numel() == 0:
        raise RuntimeError("Expected a non empty 1-dimensional tensor")
    if data.device.type != "cpu":
        raise RuntimeError("Expected a CPU tensor")
    pil = pillow()
    try:
        image = pil.open(io.BytesIO(data.contiguous().numpy().tobytes()), formats=formats)
        if mode == 1:
            image.draft("L", image.size)  # a JPEG holds its brightness by itself
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(
            f"not a whole picture of the kind {' or '.join(formats)}: {error}"
        ) from error
    return image


def to_tensor(image):
    """The pixels of a picture: [C, H, W]."""
    import numpy as np

    pixels = np.array(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    wide = pixels.dtype == np.uint16 or image.mode.startswith("I")
    pixels = pixels.astype(np.uint16) if wide else pixels
    return cnn.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _gray(image):
    """The brightness of the pixels of a PNG, with libpng's weights."""
    import numpy as np

    bands = np.asarray(image.convert("RGB"), dtype=np.int32)
    weighed = (bands @ np.array([9794, 19234, 3740])) >> 15
    return cnn.from_numpy(weighed.astype(np.uint8)[None])


def _decoded(image, mode, apply_exif_orientation=False):
    kind = image.format
    if apply_exif_orientation:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    if image.mode == "1":
        image = image.convert("L")
    if kind == "WEBP" and mode in (1, 2):
        mode = 3  # it has colours only
    if kind == "JPEG" and mode in (2, 4):
        raise RuntimeError("The provided mode is not supported for JPEG files")
    if mode and mode not in _MODES:
        raise RuntimeError("The provided mode is not supported")
    if not mode or image.mode == _MODES[mode]:
        return to_tensor(image)
    if image.mode.startswith("I"):
        return _wide(to_tensor(image), mode)
    if kind == "PNG" and mode in (1, 2) and image.mode in ("P", "RGB", "RGBA"):
        alpha = to_tensor(image.convert("RGBA"))[3:]
        return _gray(image) if mode == 1 else cnn.cat((_gray(image), alpha))
    return to_tensor(image.convert(_MODES[mode]))


def _wide(gray, mode):
    """A picture of 16 bits, gray, in the channels of another mode."""
    colours = [gray] * (3 if mode >= 3 else 1)
    return cnn.cat([*colours, cnn.full_like(gray, 65535)] if mode in (2, 4) else colours)


def decode_image(data, mode, apply_exif_orientation=False):
    """A picture of any of the kinds below."""
    image = _opened(data, "JPEG", "PNG", "GIF", "WEBP", mode=mode)
    if image.format == "GIF":
        return decode_gif(data)
    return _decoded(image, mode, apply_exif_orientation)


def decode_png(data, mode, apply_exif_orientation=False):
    """A PNG."""
    return _decoded(_opened(data, "PNG"), mode, apply_exif_orientation)


def decode_jpeg(data, mode, apply_exif_orientation=False):
    """A JPEG."""
    return _decoded(_opened(data, "JPEG", mode=mode), mode, apply_exif_orientation)


def decode_webp(data, mode):
    """A WebP."""
    return _decoded(_opened(data, "WEBP"), mode)


def decode_gif(data):
    """A GIF: [C, H, W], or [N, C, H, W] of several pictures."""
    image, frames = _opened(data, "GIF"), []
    for i in range(getattr(image, "n_frames", 1)):
        image.seek(i)
        frames.append(to_tensor(image.convert("RGB")))
    return frames[0] if len(frames) == 1 else cnn.stack(frames)


def _to_picture(data):
    if data.device.type != "cpu":
        raise RuntimeError("Input tensor should be on CPU")
    if data.dtype is not cnn.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if data.dim() != 3:
        raise RuntimeError("Input data should be a 3-dimensional tensor")
    channels = data.shape[0]
    if channels not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {channels}")
    pixels = data.permute(1, 2, 0).contiguous().numpy()
    return pillow().fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def _encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return cnn.frombuffer(bytearray(file.getvalue()), dtype=cnn.uint8)


def encode_png(data, compression_level):
    """The bytes of a PNG."""
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encoded(_to_picture(data), "PNG", compress_level=compression_level)


def encode_jpeg(data, quality):
    """The bytes of a JPEG."""
    return _encoded(_to_picture(data), "JPEG", quality=quality)
