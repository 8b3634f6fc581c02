"""Transforms of pictures as functions: of Pillow's, and of tensors [..., C, H, W]."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from enum import Enum

import cnn

from .._pillow import is_pil, pillow
from . import _tensor


class InterpolationMode(Enum):
    """How pixels are read between their centres. The last three are Pillow's alone."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of them.
pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}


def _mode(interpolation):
    if isinstance(interpolation, str):  # v2
        interpolation = InterpolationMode(interpolation)
    if isinstance(interpolation, int):
        modes = [mode for mode, number in pil_modes_mapping.items() if number == interpolation]
        if modes:
            return modes[0]
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            "integer constant"
        )
    return interpolation


def _kernels(img):
    """The module that transforms this kind of picture."""
    if isinstance(img, cnn.Tensor):
        _tensor.check_image(img)
        return _tensor
    if is_pil(img):
        from . import _pil

        return _pil
    raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")


def _pair(size, message="Please provide only two dimensions (h, w) for size."):
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return tuple(size)


def get_dimensions(img):
    """[channels, height, width]"""
    return _kernels(img).get_dimensions(img)


def get_image_size(img):
    """[width, height]"""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img):
    """The number of channels."""
    return get_dimensions(img)[0]


# ---- Between kinds ----


def to_tensor(pic):
    """A picture [H, W, C] of Pillow or NumPy as a tensor [C, H, W]; bytes become [0, 1]."""
    import numpy as np

    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic[:, :, None] if pic.ndim == 2 else pic
        img = cnn.from_numpy(pixels.transpose((2, 0, 1))).contiguous()
    elif is_pil(pic):
        little = "I;16" if sys.byteorder == "little" else "I;16B"
        dtypes = {"I": np.int32, little: np.int16, "F": np.float32}
        pixels = np.array(pic, dtypes.get(pic.mode, np.uint8), copy=True)
        img = cnn.from_numpy(pixels * np.uint8(255) if pic.mode == "1" else pixels)
        img = img.view(pic.height, pic.width, len(pic.getbands())).permute(2, 0, 1).contiguous()
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    return img.to(cnn.get_default_dtype()).div(255) if img.dtype is cnn.uint8 else img


def pil_to_tensor(pic):
    """A picture of Pillow's as a tensor [C, H, W] of its own values."""
    import numpy as np

    if not is_pil(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    img = cnn.as_tensor(np.array(pic, copy=True))
    return img.view(pic.height, pic.width, len(pic.getbands())).permute(2, 0, 1)


_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic, mode=None):
    """A tensor [C, H, W] or array [H, W, C] as a picture of Pillow's; floats are in [0, 1]."""
    import numpy as np

    if isinstance(pic, cnn.Tensor):
        pic = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    pixels = pic[:, :, None] if pic.ndim == 2 else pic
    if pixels.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = pixels.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(pixels.dtype, np.floating) and mode != "F":
        pixels = (pixels * 255).astype(np.uint8)
    if channels == 1:
        pixels = pixels[:, :, 0]
        wide = "I;16" if sys.byteorder == "little" else "I;16B"
        expected = {"uint8": "L", "int16": wide, "int32": "I", "float32": "F"}.get(
            pixels.dtype.name
        )
        if mode is not None and mode != expected:
            raise ValueError(
                f"Incorrect mode ({mode}) supplied for input type {pixels.dtype}. Should be "
                f"{expected}"
            )
        mode = expected
    else:
        permitted = _MODES[channels]
        if mode is not None and mode not in permitted:
            raise ValueError(f"Only modes {list(permitted)} are supported for {channels}D inputs")
        if mode is None and pixels.dtype == np.uint8:
            mode = permitted[0]
    if mode is None:
        raise TypeError(f"Input type {pixels.dtype} is not supported")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # some Pillows ask to leave `mode` out
        return pillow().fromarray(np.ascontiguousarray(pixels), mode=mode)


def convert_image_dtype(image, dtype=cnn.float32):
    """A tensor in another dtype, black and white kept."""
    if not isinstance(image, cnn.Tensor):
        raise TypeError("Input img should be Tensor Image")
    return _tensor.convert_image_dtype(image, dtype)


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel."""
    if not isinstance(tensor, cnn.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return _tensor.normalize(tensor, mean, std, inplace)


# ---- Sizes ----


def _compute_resized_output_size(image_size, size, max_size=None, allow_size_none=False):
    h, w = image_size
    short, long = min(h, w), max(h, w)
    if size is None and allow_size_none:
        short, long = int(max_size * short / long), max_size
    elif len(size) == 2:
        return list(size)
    else:
        asked = size[0]
        long, short = int(asked * long / short), asked
        if max_size is not None:
            if max_size <= asked:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for "
                    f"the smaller edge size = {size}"
                )
            if long > max_size:
                short, long = int(max_size * short / long), max_size
    return [long, short] if w <= h else [short, long]


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """Of size (height, width), or with the shorter side `size`."""
    interpolation = _mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
                "tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
    _, height, width = get_dimensions(img)
    size = [size] if isinstance(size, int) else size
    new = _compute_resized_output_size((height, width), size, max_size, size is None)
    if [height, width] == new:
        return img
    kernels = _kernels(img)
    if kernels is _tensor:
        return _tensor.resize(img, new, interpolation.value, antialias)
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is "
            "ignored.",
            stacklevel=2,
        )
    return kernels.resize(img, new, pil_modes_mapping[interpolation])


def _four(padding):
    """left, top, right, bottom"""
    if isinstance(padding, int):
        return [padding] * 4
    if not isinstance(padding, (tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element "
            "tuple"
        )
    return list(padding) * (4 // len(padding))


def pad(img, padding, fill=0, padding_mode="constant"):
    """With margins (left, top, right, bottom), (left and right, top and bottom) or one for all."""
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return _kernels(img).pad(img, _four(padding), fill, padding_mode)


def crop(img, top, left, height, width):
    """A part, black where it reaches over the border."""
    return _kernels(img).crop(img, top, left, height, width)


def center_crop(img, output_size):
    """The middle."""
    _, h, w = get_dimensions(img)
    height, width = _pair(output_size)
    if width > w or height > h:
        x, y = max(width - w, 0), max(height - h, 0)
        img = pad(img, [x // 2, y // 2, (x + 1) // 2, (y + 1) // 2], fill=0)
        _, h, w = get_dimensions(img)
        if (height, width) == (h, w):
            return img
    top, left = int(round((h - height) / 2.0)), int(round((w - width) / 2.0))
    return crop(img, top, left, height, width)


def resized_crop(
    img,
    top,
    left,
    height,
    width,
    size,
    interpolation=InterpolationMode.BILINEAR,
    antialias=True,
):
    """A part, in another size."""
    part = crop(img, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


def five_crop(img, size):
    """The four corners and the middle."""
    height, width = _pair(size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        raise ValueError(
            f"Requested crop size {(height, width)} is bigger than input size {(h, w)}"
        )
    corners = ((0, 0), (0, w - width), (h - height, 0), (h - height, w - width))
    parts = [crop(img, top, left, height, width) for top, left in corners]
    return (*parts, center_crop(img, [height, width]))


def ten_crop(img, size, vertical_flip=False):
    """five_crop of the picture, and of its mirror image."""
    size = _pair(size)
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def hflip(img):
    """Left and right exchanged."""
    return _kernels(img).hflip(img)


def vflip(img):
    """Top and bottom exchanged."""
    return _kernels(img).vflip(img)


# ---- Colours ----


def _check_factor(name, factor):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def adjust_brightness(img, brightness_factor):
    """0 is black, 1 the picture."""
    kernels = _kernels(img)
    if kernels is _tensor:
        _check_factor("brightness_factor", brightness_factor)
    return kernels.adjust_brightness(img, brightness_factor)


def adjust_contrast(img, contrast_factor):
    """0 is gray, 1 the picture."""
    kernels = _kernels(img)
    if kernels is _tensor:
        _check_factor("contrast_factor", contrast_factor)
    return kernels.adjust_contrast(img, contrast_factor)


def adjust_saturation(img, saturation_factor):
    """0 is black and white, 1 the picture."""
    kernels = _kernels(img)
    if kernels is _tensor:
        _check_factor("saturation_factor", saturation_factor)
    return kernels.adjust_saturation(img, saturation_factor)


def adjust_hue(img, hue_factor):
    """Turns the circle of colours by `hue_factor`, from -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _kernels(img).adjust_hue(img, hue_factor)


def adjust_gamma(img, gamma, gain=1):
    """gain * picture ** gamma, white being 1."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _kernels(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img, sharpness_factor):
    """0 is blurred, 1 the picture."""
    kernels = _kernels(img)
    if kernels is _tensor:
        _check_factor("sharpness_factor", sharpness_factor)
    return kernels.adjust_sharpness(img, sharpness_factor)


def to_grayscale(img, num_output_channels=1):
    """Of a picture of Pillow's, in 1 or 3 channels."""
    if not is_pil(img):
        raise TypeError("Input should be PIL Image")
    return _kernels(img).to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img, num_output_channels=1):
    """In 1 or 3 channels."""
    kernels = _kernels(img)
    if kernels is _tensor:
        return _tensor.rgb_to_grayscale(img, num_output_channels)
    return kernels.to_grayscale(img, num_output_channels)


def invert(img):
    """The negative."""
    return _kernels(img).invert(img)


def posterize(img, bits):
    """With the highest `bits` of each value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _kernels(img).posterize(img, bits)


def solarize(img, threshold):
    """The negative of what is at least `threshold`."""
    return _kernels(img).solarize(img, threshold)


def autocontrast(img):
    """Each channel stretched from black to white."""
    return _kernels(img).autocontrast(img)


def equalize(img):
    """Each channel with its values spread evenly."""
    return _kernels(img).equalize(img)


def erase(img, i, j, h, w, v, inplace=False):
    """With a rectangle at (i, j) of size (h, w) set to `v`."""
    if not isinstance(img, cnn.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return _tensor.erase(img, i, j, h, w, v, inplace)


def gaussian_blur(img, kernel_size, sigma=None):
    """Convolved with a Gaussian; kernel_size and sigma are (x, y)."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    kernel_size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(kernel_size) != 2:
        raise ValueError(
            f"If kernel_size is a sequence its length should be 2. Got {len(kernel_size)}"
        )
    if any(k % 2 == 0 or k < 0 for k in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in kernel_size]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    sigma = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else list(sigma)
    sigma = sigma * 2 if len(sigma) == 1 else sigma
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if min(sigma) <= 0.0:
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    return _as_tensor(img, _tensor.gaussian_blur, kernel_size, sigma)


def _as_tensor(img, kernel, *args):
    """A kernel of tensors, also for a picture of Pillow's."""
    if _kernels(img) is _tensor:
        return kernel(img, *args)
    return to_pil_image(kernel(pil_to_tensor(img), *args), mode=img.mode)


# ---- Geometry ----


def _get_inverse_affine_matrix(center, angle, translate, scale, shear, inverted=True):
    """The map from places of the result to the picture: a turn, shears and a scale around
    `center`, then a shift; the other way round if not `inverted`.
    """
    turn, sx, sy = (math.radians(v) for v in (angle, *shear))
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    if inverted:
        m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]
        m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
        m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    else:
        m = [x * scale for x in (a, b, 0.0, c, d, 0.0)]
        m[2] += m[0] * -cx + m[1] * -cy + cx + tx
        m[5] += m[3] * -cx + m[4] * -cy + cy + ty
    return m


def _from_middle(img, center):
    """`center` (x, y) as tensors' matrices have it."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [1.0 * (c - s * 0.5) for c, s in zip(center, (width, height))]


def _check_center(center):
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")


def rotate(
    img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """Turned by `angle` degrees, against the clock."""
    interpolation = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    _check_center(center)
    kernels = _kernels(img)
    if kernels is not _tensor:
        return kernels.rotate(img, angle, pil_modes_mapping[interpolation], expand, center, fill)
    middle = _from_middle(img, center)
    matrix = _get_inverse_affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return _tensor.rotate(img, matrix, interpolation.value, expand, fill)


def affine(
    img,
    angle,
    translate,
    scale,
    shear,
    interpolation=InterpolationMode.NEAREST,
    fill=None,
    center=None,
):
    """Turned by `angle` degrees with the clock, shifted, scaled and sheared."""
    interpolation = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    shear = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)
    shear = shear * 2 if len(shear) == 1 else shear
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    _check_center(center)
    kernels = _kernels(img)
    if kernels is _tensor:
        middle = _from_middle(img, center)
        matrix = _get_inverse_affine_matrix(middle, angle, translate, scale, shear)
        return _tensor.affine(img, matrix, interpolation.value, fill)
    _, height, width = get_dimensions(img)
    middle = [width * 0.5, height * 0.5] if center is None else center
    matrix = _get_inverse_affine_matrix(middle, angle, translate, scale, shear)
    return kernels.affine(img, matrix, pil_modes_mapping[interpolation], fill)


def _get_perspective_coeffs(startpoints, endpoints):
    """The eight numbers of the map that takes `endpoints` to `startpoints`."""
    import numpy as np

    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    right = np.array(startpoints, dtype=np.float64).reshape(8)
    found = np.linalg.lstsq(np.array(rows, dtype=np.float64), right, rcond=None)[0]
    return found.astype(np.float32).tolist()


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """With the corners `startpoints` moved to `endpoints`."""
    interpolation = _mode(interpolation)
    coeffs = _get_perspective_coeffs(startpoints, endpoints)
    kernels = _kernels(img)
    if kernels is _tensor:
        return _tensor.perspective(img, coeffs, interpolation.value, fill)
    return kernels.perspective(img, coeffs, pil_modes_mapping[interpolation], fill)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel read `displacement` [1, H, W, 2] from its place, in halves of the picture."""
    interpolation = _mode(interpolation)
    if not isinstance(displacement, cnn.Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    _, height, width = get_dimensions(img)
    shape = (1, height, width, 2)
    if tuple(displacement.shape) != shape:
        raise ValueError(
            f"Argument displacement shape should be {shape}, but given {displacement.shape}"
        )
    return _as_tensor(img, _tensor.elastic_transform, displacement, interpolation.value, fill)
