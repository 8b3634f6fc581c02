"""Rearranging, padding and resampling of images."""

from __future__ import annotations

import math
import warnings

from ... import _C
from ..._refusals import require_string

_CORNERS_WARNING = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1) -> _C.Tensor:
    """Windows of [N, C, H, W] as columns: [N, C * kH * kW, L]."""
    kernel, dilation, padding, stride = map(_pair, (kernel_size, dilation, padding, stride))
    if input.dim() not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    if input.dim() == 3:
        return unfold(input.unsqueeze(0), kernel, dilation, padding, stride).squeeze(0)
    _check_windows("unfold", input.shape[2:], kernel, dilation, padding, stride)
    x = _C.constant_pad_nd(input, (padding[1], padding[1], padding[0], padding[0]))
    for d in (0, 1):
        x = x.unfold(2 + d, dilation[d] * (kernel[d] - 1) + 1, stride[d])[..., :: dilation[d]]
    n, c, rows, columns = x.shape[:4]
    return x.permute(0, 1, 4, 5, 2, 3).reshape(n, c * kernel[0] * kernel[1], rows * columns)


def _check_windows(name, size, kernel, dilation, padding, stride):
    """The number of windows along both dimensions. RuntimeError when there are none."""
    if min(kernel) <= 0 or min(dilation) <= 0 or min(stride) <= 0 or min(padding) < 0:
        raise RuntimeError(
            f"{name}: kernel_size, dilation and stride should be greater than zero and padding "
            f"non-negative, but got {kernel}, {dilation}, {stride}, {padding}"
        )
    counts = [
        (size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) // stride[d] + 1
        for d in (0, 1)
    ]
    if min(counts) < 1:
        raise RuntimeError(
            f"{name}: given spatial size {tuple(size)}, kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, the number of windows {tuple(counts)} must be at least one"
        )
    return counts


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1) -> _C.Tensor:
    """Sums columns [N, C * kH * kW, L] back into images [N, C, *output_size]."""
    size, kernel, dilation, padding, stride = map(
        _pair, (output_size, kernel_size, dilation, padding, stride)
    )
    for i, n in enumerate(size):
        if not hasattr(n, "__index__"):
            kind = type(n).__name__
            raise TypeError(f"fold(): argument 'output_size' must be ints, got {kind} at {i}")
    if len(size) != 2:
        raise RuntimeError(f"It is expected output_size equals to 2, but got size {len(size)}")
    if input.dim() not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    if input.dim() == 2:
        return fold(input.unsqueeze(0), size, kernel, dilation, padding, stride).squeeze(0)
    rows, columns = _check_windows("fold", size, kernel, dilation, padding, stride)
    channels, rest = divmod(input.shape[1], kernel[0] * kernel[1])
    if rest or rows * columns != input.shape[2]:
        raise RuntimeError(
            f"fold: expected input of size [N, C * {kernel[0]} * {kernel[1]}, {rows * columns}], "
            f"but got {list(input.shape)}"
        )
    x = input.reshape(-1, channels, *kernel, rows, columns)
    height, width = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    image = x.new_zeros(x.shape[0], channels, height, width)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            down, across = top + stride[0] * rows, left + stride[1] * columns
            image[:, :, top : down : stride[0], left : across : stride[1]] += x[:, :, i, j]
    return image[
        :, :, padding[0] : height - padding[0], padding[1] : width - padding[1]
    ].contiguous()


def pad(input, pad, mode="constant", value=None) -> _C.Tensor:
    """Pads the last dimensions by (left, right, top, bottom, ...); negative numbers crop.

    `mode`: 'constant' (with `value`), 'reflect', 'replicate' or 'circular'.
    """
    if type(mode) is not str:
        require_string("pad", "mode", mode)
    pad = tuple(pad)
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) > 2 * input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return _C.constant_pad_nd(input, pad, 0 if value is None else value)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    n = len(pad) // 2
    if n not in (1, 2, 3) or input.dim() not in (n + 1, n + 2):
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported"
        )
    if mode == "circular":
        return _pad_circular(input, pad)
    if mode == "reflect":
        return (_C.reflection_pad1d, _C.reflection_pad2d, _C.reflection_pad3d)[n - 1](input, pad)
    if mode == "replicate":
        return (_C.replication_pad1d, _C.replication_pad2d, _C.replication_pad3d)[n - 1](input, pad)
    raise NotImplementedError(f"Unrecognised padding mode {mode}")


def _pad_circular(input, pad):
    for i in range(len(pad) // 2):
        left, right = pad[2 * i], pad[2 * i + 1]
        dim = input.dim() - 1 - i
        size = input.size(dim)
        if left > size or right > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if left + right + size < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        # What is cropped away does not come back on the other side.
        start, stop = max(0, -left), size - max(0, -right)
        middle = input.narrow(dim, start, stop - start)
        parts = []
        if left > 0:
            parts.append(middle.narrow(dim, stop - start - left, left))
        parts.append(middle)
        if right > 0:
            parts.append(middle.narrow(dim, 0, right))
        input = _C.cat(parts, dim) if len(parts) > 1 else parts[0]
    return input.contiguous()


def _as_laid_out(output, input):
    """`output` in the memory format of `input`."""
    memory_format = _C._memory_format_of(input)
    if memory_format is _C.contiguous_format:
        return output.contiguous()
    return output.clone(memory_format=memory_format)


def _check_image(name, input):
    if input.dim() < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {input.dim()} "
            "dimension(s)"
        )


def pixel_shuffle(input, upscale_factor) -> _C.Tensor:
    """[*, C * r * r, H, W] -> [*, C, H * r, W * r].

    Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.
    """
    _check_image("pixel_shuffle", input)
    r = upscale_factor
    *batch, channels, h, w = input.shape
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    c, n = channels // (r * r), len(batch)
    blocks = input.reshape(*batch, c, r, r, h, w)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return _as_laid_out(blocks.permute(order).reshape(*batch, c, h * r, w * r), input)


def pixel_unshuffle(input, downscale_factor) -> _C.Tensor:
    """[*, C, H * r, W * r] -> [*, C * r * r, H, W]."""
    _check_image("pixel_unshuffle", input)
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *batch, c, height, width = input.shape
    for name, position, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({position})={size} is not divisible by {r}"
            )
    h, w, n = height // r, width // r, len(batch)
    blocks = input.reshape(*batch, c, h, r, w, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return _as_laid_out(blocks.permute(order).reshape(*batch, c * r * r, h, w), input)


def channel_shuffle(input, groups) -> _C.Tensor:
    """Interleaves the channels of `groups` groups of [N, C, ...].

    Zhang et al., "ShuffleNet", 2018.
    """
    if input.dim() <= 2:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    n, channels, *rest = input.shape
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} "
            "groups."
        )
    split = input.reshape(n, groups, channels // groups, *rest)
    return _as_laid_out(split.transpose(1, 2).reshape(input.shape), input)


def native_channel_shuffle(input, groups) -> _C.Tensor:
    """The same as channel_shuffle."""
    return channel_shuffle(input, groups)


def _scaled(size, factor):
    scaled = size * factor
    if not abs(scaled) < 2**63:
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    return math.floor(scaled)


def _target_size(input, size, scale_factor, mode, recompute_scale_factor):
    """(output_size, scale_factors) for the core: exactly one of them is None."""
    dim = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if not isinstance(size, (list, tuple)):
            return [size] * dim, None
        if len(size) != dim:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(input.shape[2:])} and output size of {size}. "
                "Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                "(o1, o2, ...,oK) format."
            )
        if not all(hasattr(x, "__index__") for x in size):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, "
                f"int, int], but got size with types {[type(x) for x in size]}"
            )
        return size, None
    if not isinstance(scale_factor, (list, tuple)):
        scale_factor = [scale_factor] * dim
    elif len(scale_factor) != dim:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got "
            f"input with spatial dimensions of {list(input.shape[2:])} and scale_factor of shape "
            f"{scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            "scale_factor in (s1, s2, ...,sK) format."
        )
    if recompute_scale_factor or mode == "area":
        return [_scaled(s, f) for s, f in zip(input.shape[2:], scale_factor)], None
    return None, scale_factor


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
) -> _C.Tensor:
    """Resizes [N, C, L], [N, C, H, W] or [N, C, D, H, W] to `size` or by `scale_factor`.

    `mode`: 'nearest', 'nearest-exact', 'area', 'linear' (3-D), 'bilinear', 'bicubic' (4-D),
    'trilinear' (5-D). Raises ValueError for arguments that contradict each other,
    NotImplementedError for a mode that does not fit the input's dimensions.
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    size, scales = _target_size(input, size, scale_factor, mode, recompute_scale_factor)
    if size is None:
        size = [_scaled(n, f) for n, f in zip(input.shape[2:], scales)]
    ndim = input.dim()
    if antialias and (mode not in ("bilinear", "bicubic") or ndim != 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    if mode in ("nearest", "nearest-exact", "area") and 3 <= ndim <= 5:
        n = ndim - 2
        if mode == "area":
            return getattr(_C, f"adaptive_avg_pool{n}d")(input, size)
        prefix = "upsample_nearest" if mode == "nearest" else "_upsample_nearest_exact"
        nearest = getattr(_C, f"{prefix}{n}d")
        if input.dtype is _C.uint8:  # masks and pictures, whose values float32 holds exactly
            return nearest(input.float(), size, _factors(scales)).to(_C.uint8)
        return nearest(input, size, _factors(scales))
    wanted = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}.get(mode)
    if wanted == ndim:
        op = {
            "linear": "upsample_linear1d",
            "bilinear": "upsample_bilinear2d",
            "bicubic": "upsample_bicubic2d",
            "trilinear": "upsample_trilinear3d",
        }[mode]
        if antialias:
            op = f"_{op}_aa"
        return getattr(_C, op)(input, size, align_corners, _factors(scales))
    if mode in ("linear", "bilinear", "trilinear") and 3 <= ndim <= 5:
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {wanted}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
        f"nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
    )


def _factors(scales):
    """The scale factors as the core takes them."""
    return None if scales is None else _C.tensor(list(scales), dtype=_C.float64, device="cpu")


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None) -> _C.Tensor:
    """The old name of interpolate."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None) -> _C.Tensor:
    """interpolate with mode 'nearest'."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None) -> _C.Tensor:
    """interpolate with mode 'bilinear' and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def affine_grid(theta, size, align_corners=None) -> _C.Tensor:
    """The points [N, H, W, 2] that grid_sample needs for the affine maps theta [N, 2, 3].

    3-D alike.
    """
    if align_corners is None:
        warnings.warn(_CORNERS_WARNING, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    n = len(size) - 2
    if theta.dim() != 3 or theta.shape[-2] != n or theta.shape[-1] != n + 1:
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    spatial = size[-n:]
    axes = [_grid_axis(theta, steps, align_corners) for steps in spatial]
    coordinates = [
        axis.view([-1 if i == j else 1 for j in range(n)]).expand(*spatial)
        for i, axis in enumerate(axes)
    ]
    # x runs along the last axis and comes first.
    points = _C.stack([*reversed(coordinates), _C.ones_like(coordinates[0])], -1)
    rows = points.reshape(1, -1, n + 1).expand(size[0], -1, -1)
    return rows.matmul(theta.transpose(1, 2)).view(size[0], *spatial, n)


def _grid_axis(theta, steps, align_corners):
    if steps <= 1:
        return _C.zeros(1, dtype=theta.dtype, device=theta.device)
    axis = _C.linspace(-1, 1, steps, dtype=theta.dtype, device=theta.device)
    return axis if align_corners else axis * (steps - 1) / steps
