"""Transforms of pictures [..., C, H, W] that are tensors. What they take is checked by
`functional`.
"""

from __future__ import annotations

import cnn
from cnn.nn.functional import conv2d, grid_sample, interpolate
from cnn.nn.functional import pad as _pad

_LARGEST = {
    cnn.uint8: 255,
    cnn.int8: 127,
    cnn.int16: 32767,
    cnn.int32: 2147483647,
    cnn.int64: 9223372036854775807,
    cnn.uint16: 65535,
}


def max_value(dtype):
    """What white is: 1 for floats."""
    return _LARGEST.get(dtype, 1)


def check_image(img):
    """TypeError unless it has a height and a width."""
    if not isinstance(img, cnn.Tensor) or img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def check_channels(img, permitted=(1, 3)):
    """TypeError for another number of channels."""
    check_image(img)
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(permitted)}, but found "
            f"{channels}"
        )


def _check_planes(img):
    check_image(img)
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    check_channels(img)


def get_dimensions(img):
    """[channels, height, width]"""
    check_image(img)
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def _working_dtype(img):
    return img.dtype if img.is_floating_point() else cnn.float32


class _Batched:
    """A picture as a batch of one in another dtype, and results back as it was."""

    def __init__(self, img, *dtypes):
        self._dtype, self._single = img.dtype, img.ndim < 4
        self.value = img if img.dtype in dtypes else img.to(dtypes[0])
        if self._single:
            self.value = self.value.unsqueeze(0)

    def back(self, img):
        if self._single:
            img = img.squeeze(0)
        if img.dtype is self._dtype:
            return img
        if not self._dtype.is_floating_point:
            img = img.round()
        return img.to(self._dtype)


def convert_image_dtype(img, dtype=cnn.float32):
    """In another dtype, black and white kept."""
    if img.dtype is dtype:
        return img
    if img.is_floating_point():
        if dtype.is_floating_point:
            return img.to(dtype)
        unsafe = (cnn.int32, cnn.int64) if img.dtype is cnn.float32 else ()
        if dtype in unsafe or (img.dtype is cnn.float64 and dtype is cnn.int64):
            raise RuntimeError(f"The cast from {img.dtype} to {dtype} cannot be performed safely.")
        return img.mul(max_value(dtype) + 1.0 - 1e-3).to(dtype)
    white = max_value(img.dtype)
    if dtype.is_floating_point:
        return img.to(dtype) / float(white)
    new_white = max_value(dtype)
    if white > new_white:
        return cnn.div(img, (white + 1) // (new_white + 1), rounding_mode="floor").to(dtype)
    return img.to(dtype) * ((new_white + 1) // (white + 1))


def hflip(img):
    return img.flip(-1)


def vflip(img):
    return img.flip(-2)


def crop(img, top, left, height, width):
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return inside
    margins = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(w, left), 0),
        max(bottom - max(h, top), 0),
    ]
    return pad(inside, margins, 0)


def pad(img, padding, fill=0, padding_mode="constant"):
    """padding: left, top, right, bottom."""
    left, top, right, bottom = padding
    if padding_mode == "symmetric":
        return _pad_symmetric(img, left, top, right, bottom)
    mode = {"edge": "replicate"}.get(padding_mode, padding_mode)
    dtype = img.dtype
    single = img.ndim < 4
    img = img.unsqueeze(0) if single else img
    if mode == "constant":
        img = _pad(img, [left, right, top, bottom], mode, float(0 if fill is None else fill))
    else:
        exact = dtype in (cnn.float32, cnn.float64)
        img = _pad(img if exact else img.to(cnn.float32), [left, right, top, bottom], mode)
    return (img.squeeze(0) if single else img).to(dtype)


def _pad_symmetric(img, left, top, right, bottom):
    if not 3 <= img.ndim <= 4:
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    _, h, w = get_dimensions(img)
    img = img[..., max(-top, 0) : h - max(-bottom, 0), max(-left, 0) : w - max(-right, 0)]
    rows, columns = (
        cnn.tensor(
            [*range(max(before, 0) - 1, -1, -1), *range(size), *range(-1, -max(after, 0) - 1, -1)],
            dtype=cnn.int64,
            device=img.device,
        )
        for before, size, after in ((top, img.shape[-2], bottom), (left, img.shape[-1], right))
    )
    return img[..., rows[:, None], columns[None, :]]


def resize(img, size, interpolation="bilinear", antialias=True):
    smooth = interpolation in ("bilinear", "bicubic")
    batched = _Batched(img, cnn.float32, cnn.float64)
    out = interpolate(
        batched.value,
        size=size,
        mode=interpolation,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if interpolation == "bicubic" and img.dtype is cnn.uint8:
        out = out.clamp(min=0, max=255)
    return batched.back(out)


# ---- Colours ----


def rgb_to_grayscale(img, num_output_channels=1):
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    check_channels(img)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        r, g, b = img.unbind(-3)
        gray = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        gray = img.clone()
    return gray.expand(img.shape) if num_output_channels == 3 else gray  # one channel stays one


def _blend(img, other, ratio):
    mixed = ratio * img + (1.0 - ratio) * other
    return mixed.clamp(0, max_value(img.dtype)).to(img.dtype)


def adjust_brightness(img, factor):
    check_channels(img)
    return _blend(img, cnn.zeros_like(img), factor)


def adjust_contrast(img, factor):
    check_channels(img)
    gray = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    mean = gray.to(_working_dtype(img)).mean(dim=(-3, -2, -1), keepdim=True)
    return _blend(img, mean, factor)


def adjust_saturation(img, factor):
    check_channels(img)
    return img if get_dimensions(img)[0] == 1 else _blend(img, rgb_to_grayscale(img), factor)


def adjust_hue(img, factor):
    check_channels(img)
    if get_dimensions(img)[0] == 1:
        return img
    h, s, v = _to_hsv(convert_image_dtype(img, cnn.float32))
    return convert_image_dtype(_from_hsv((h + factor) % 1.0, s, v), img.dtype)


def _to_hsv(img):
    r, g, b = img.unbind(-3)
    high, low = img.max(dim=-3).values, img.min(dim=-3).values
    gray, ones = high == low, cnn.ones_like(high)
    range_ = high - low
    saturation = range_ / cnn.where(gray, ones, high)
    divisor = cnn.where(gray, ones, range_)
    rc, gc, bc = (high - r) / divisor, (high - g) / divisor, (high - b) / divisor
    of_red = (high == r) * (bc - gc)
    of_green = ((high == g) & (high != r)) * (2.0 + rc - bc)
    of_blue = ((high != g) & (high != r)) * (4.0 + gc - rc)
    hue = cnn.fmod((of_red + of_green + of_blue) / 6.0 + 1.0, 1.0)
    return hue, saturation, high


def _from_hsv(h, s, v):
    sextant = cnn.floor(h * 6.0)
    f = h * 6.0 - sextant
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    at = (sextant.to(cnn.int64) % 6).unsqueeze(0)
    choices = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    return cnn.stack([cnn.stack(c).gather(0, at).squeeze(0) for c in choices], dim=-3)


def adjust_gamma(img, gamma, gain=1):
    check_channels(img)
    wide = img if img.is_floating_point() else convert_image_dtype(img, cnn.float32)
    return convert_image_dtype((gain * wide.pow(gamma)).clamp(0, 1), img.dtype)


def invert(img):
    _check_planes(img)
    return max_value(img.dtype) - img


def posterize(img, bits):
    _check_planes(img)
    _check_bytes(img)
    return img & (256 - 2 ** (8 - bits))


def _check_bytes(img):
    if img.dtype is not cnn.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def solarize(img, threshold):
    _check_planes(img)
    if threshold > max_value(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return cnn.where(img >= threshold, invert(img), img)


def adjust_sharpness(img, factor):
    check_channels(img)
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    return _blend(img, _smoothed(img), factor)


def _smoothed(img):
    """Each pixel mixed with its neighbours; those of the border stay."""
    batched = _Batched(img, _working_dtype(img))
    channels = batched.value.shape[-3]
    kernel = cnn.ones((3, 3), dtype=batched.value.dtype, device=img.device)
    kernel[1, 1] = 5.0
    kernel /= kernel.sum()
    inner = conv2d(batched.value, kernel.expand(channels, 1, 3, 3), groups=channels)
    out = img.clone()
    out[..., 1:-1, 1:-1] = batched.back(inner)
    return out


def autocontrast(img):
    _check_planes(img)
    white, dtype = max_value(img.dtype), _working_dtype(img)
    low = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    high = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    scale = white / (high - low)
    flat = ~cnn.isfinite(scale)
    low = low.masked_fill(flat, 0)
    scale = scale.masked_fill(flat, 1)
    return ((img - low) * scale).clamp(0, white).to(img.dtype)


def equalize(img):
    check_image(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _check_bytes(img)
    check_channels(img)
    planes = img.reshape(-1, *img.shape[-2:])
    return cnn.stack([_equalized(plane) for plane in planes]).reshape(img.shape)


def _equalized(plane):
    counts = cnn.bincount(plane.reshape(-1).to(cnn.int64), minlength=256)
    used = counts[counts != 0]
    step = int(used[:-1].sum()) // 255
    if step == 0:
        return plane
    table = cnn.div(cnn.cumsum(counts, 0) + step // 2, step, rounding_mode="floor")
    table = _pad(table, [1, 0])[:-1].clamp(0, 255)
    return table[plane.to(cnn.int64)].to(cnn.uint8)


def normalize(img, mean, std, inplace=False):
    check_image(img)
    if not img.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {img.dtype}.")
    if img.ndim < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{img.size()}"
        )
    mean = cnn.as_tensor(mean, dtype=img.dtype, device=img.device)
    std = cnn.as_tensor(std, dtype=img.dtype, device=img.device)
    if (std == 0).any():
        raise ValueError(
            f"std evaluated to zero after conversion to {img.dtype}, leading to division by zero."
        )
    mean = mean.view(-1, 1, 1) if mean.ndim == 1 else mean
    std = std.view(-1, 1, 1) if std.ndim == 1 else std
    return img.sub_(mean).div_(std) if inplace else img.sub(mean).div_(std)


def erase(img, i, j, h, w, v, inplace=False):
    check_image(img)
    img = img if inplace else img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


# ---- Filters ----


def gaussian_kernel(size, sigma, dtype, device):
    """[size] weights of a Gaussian."""
    half = (size - 1) * 0.5
    x = cnn.linspace(-half, half, steps=size, dtype=dtype, device=device)
    weights = cnn.exp(-0.5 * (x / sigma).pow(2))
    return weights / weights.sum()


def gaussian_blur(img, kernel_size, sigma):
    batched = _Batched(img, _working_dtype(img))
    value = batched.value
    kx, ky = (gaussian_kernel(k, s, value.dtype, img.device) for k, s in zip(kernel_size, sigma))
    kernel = cnn.mm(ky[:, None], kx[None, :])
    channels = value.shape[-3]
    x, y = kernel_size[0] // 2, kernel_size[1] // 2
    value = _pad(value, [x, x, y, y], mode="reflect")
    kernel = kernel.expand(channels, 1, *kernel.shape)
    return batched.back(conv2d(value, kernel, groups=channels))


# ---- Geometry ----


def _sample(img, grid, mode, fill):
    """The picture at the points of `grid`; around it lies `fill`, or black."""
    batched = _Batched(img, grid.dtype)
    value = batched.value
    if value.shape[0] > 1:
        grid = grid.expand(value.shape[0], *grid.shape[1:])
    if fill is not None:
        mask = cnn.ones((value.shape[0], 1, *value.shape[2:]), dtype=value.dtype, device=img.device)
        value = cnn.cat((value, mask), dim=1)
    value = grid_sample(value, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        value, mask = value[:, :-1], value[:, -1:].expand_as(value[:, :-1])
        colours = fill if isinstance(fill, (tuple, list)) else [float(fill)]
        around = cnn.tensor(colours, dtype=value.dtype, device=img.device).view(1, -1, 1, 1)
        if mode == "nearest":
            value = cnn.where(mask < 0.5, around.expand_as(value), value)
        else:
            value = value * mask + (1.0 - mask) * around
    return batched.back(value)


def check_fill(img, fill):
    """ValueError unless there is a number for each channel, or one for all."""
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )


def check_mode(interpolation):
    """ValueError unless points can be sampled so."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")


def _points(ow, oh, x0, y0, dtype, device):
    """Homogeneous coordinates of pixels: [1, oh * ow, 3]."""
    points = cnn.empty(1, oh, ow, 3, dtype=dtype, device=device)
    points[..., 0] = cnn.linspace(x0, x0 + ow - 1, steps=ow, device=device)
    points[..., 1] = cnn.linspace(y0, y0 + oh - 1, steps=oh, device=device).unsqueeze(-1)
    points[..., 2] = 1
    return points.view(1, oh * ow, 3)


def _affine_grid(matrix, w, h, ow, oh, dtype, device):
    theta = cnn.tensor(matrix, dtype=dtype, device=device).reshape(1, 2, 3)
    half = cnn.tensor([0.5 * w, 0.5 * h], dtype=dtype, device=device)
    points = _points(ow, oh, -ow * 0.5 + 0.5, -oh * 0.5 + 0.5, dtype, device)
    return points.bmm(theta.transpose(1, 2) / half).view(1, oh, ow, 2)


def affine(img, matrix, interpolation="nearest", fill=None):
    """`matrix`: from places of the result to places in the picture, around its middle."""
    return rotate(img, matrix, interpolation, False, fill)


def rotate(img, matrix, interpolation="nearest", expand=False, fill=None):
    check_image(img)
    check_fill(img, fill)
    check_mode(interpolation)
    h, w = img.shape[-2:]
    ow, oh = _expanded_size(matrix, w, h) if expand else (w, h)
    grid = _affine_grid(matrix, w, h, ow, oh, _working_dtype(img), img.device)
    return _sample(img, grid, interpolation, fill)


def _expanded_size(matrix, w, h):
    """Of the box around the turned picture."""
    corners = [[-0.5 * w, -0.5 * h], [-0.5 * w, 0.5 * h], [0.5 * w, 0.5 * h], [0.5 * w, -0.5 * h]]
    theta = cnn.tensor(matrix, dtype=cnn.float32).view(2, 3)
    turned = cnn.matmul(cnn.tensor([[*c, 1.0] for c in corners]), theta.t())
    middle = cnn.tensor((w * 0.5, h * 0.5))
    low, high = turned.min(dim=0).values + middle, turned.max(dim=0).values + middle
    tolerance = 1e-4  # a corner that has moved by a rounding does not add a pixel
    size = cnn.ceil((high / tolerance).trunc() * tolerance)
    size = size - cnn.floor((low / tolerance).trunc() * tolerance)
    return int(size[0]), int(size[1])


def perspective(img, coeffs, interpolation="bilinear", fill=None):
    """`coeffs`: the eight numbers of the map from places of the result to the picture."""
    check_image(img)
    check_fill(img, fill)
    check_mode(interpolation)
    oh, ow = img.shape[-2:]
    dtype, device = _working_dtype(img), img.device
    a, b, c, d, e, f, g, h = coeffs
    half = cnn.tensor([0.5 * ow, 0.5 * oh], dtype=dtype, device=device)
    top = cnn.tensor([[[a, b, c], [d, e, f]]], dtype=dtype, device=device).transpose(1, 2) / half
    below = cnn.tensor([[[g, h, 1.0]] * 2], dtype=dtype, device=device).view(1, 2, 3)
    points = _points(ow, oh, 0.5, 0.5, dtype, device)
    grid = points.bmm(top) / points.bmm(below.transpose(1, 2)) - 1.0
    return _sample(img, grid.view(1, oh, ow, 2), interpolation, fill)


def elastic_transform(img, displacement, interpolation="bilinear", fill=None):
    """Each pixel read `displacement` [1, H, W, 2] from its place, in halves of the picture."""
    check_image(img)
    axes = [cnn.linspace((-s + 1) / s, (s - 1) / s, s) for s in img.shape[-2:]]
    y, x = cnn.meshgrid(*axes, indexing="ij")
    grid = cnn.stack([x, y], -1).unsqueeze(0).to(img.device) + displacement.to(img.device)
    return _sample(img, grid, interpolation, fill)
