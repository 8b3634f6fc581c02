"""Poolings over regions of interest, and deformable convolution.

Regions are a tensor [K, 5] of rows (index of the picture, x1, y1, x2, y2), or a list of boxes
[L, 4], one tensor for each picture.
"""

from __future__ import annotations

import math

import cnn
from cnn import nn
from cnn.nn import init
from cnn.nn.modules.utils import _pair

from ... import _C
from .boxes import box_area


def _rois(boxes):
    if isinstance(boxes, cnn.Tensor):
        if boxes.size(1) != 5:
            raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
        return boxes
    if not isinstance(boxes, (list, tuple)):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    if any(b.size(1) != 4 for b in boxes):
        raise AssertionError(
            "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]"
        )
    ids = [cnn.full_like(b[:, :1], i) for i, b in enumerate(boxes)]
    return cnn.cat([cnn.cat(ids), cnn.cat(list(boxes))], dim=1)


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Means of bilinear samples: He et al., "Mask R-CNN", 2017. [K, C, *output_size]."""
    height, width = _pair(output_size)
    return _C._vision_roi_align(
        input, _rois(boxes), spatial_scale, height, width, sampling_ratio, aligned
    )


def ps_roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1):
    """The same where each bin has channels of its own: Li et al., "Light-Head R-CNN", 2017."""
    height, width = _pair(output_size)
    return _C._vision_ps_roi_align(
        input, _rois(boxes), spatial_scale, height, width, sampling_ratio
    )[0]


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """The largest pixels: Girshick, "Fast R-CNN", 2015. [K, C, *output_size]."""
    height, width = _pair(output_size)
    return _C._vision_roi_pool(input, _rois(boxes), spatial_scale, height, width)[0]


def ps_roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Means where each bin has channels of its own: Dai et al., "R-FCN", 2016."""
    height, width = _pair(output_size)
    return _C._vision_ps_roi_pool(input, _rois(boxes), spatial_scale, height, width)[0]


class _Pooling(nn.Module):
    """A pooling as a layer: its arguments are the attributes named in `_names`."""

    _names = ("output_size", "spatial_scale")
    _pool = None

    def forward(self, input, rois):
        return self._pool(input, rois, *(getattr(self, name) for name in self._names))

    def __repr__(self):
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self._names)
        return f"{self.__class__.__name__}({shown})"


class RoIAlign(_Pooling):
    """roi_align as a layer."""

    _names = ("output_size", "spatial_scale", "sampling_ratio", "aligned")
    _pool = staticmethod(roi_align)

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned


class PSRoIAlign(_Pooling):
    """ps_roi_align as a layer."""

    _names = ("output_size", "spatial_scale", "sampling_ratio")
    _pool = staticmethod(ps_roi_align)

    def __init__(self, output_size, spatial_scale, sampling_ratio):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio


class RoIPool(_Pooling):
    """roi_pool as a layer."""

    _pool = staticmethod(roi_pool)

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale


class PSRoIPool(RoIPool):
    """ps_roi_pool as a layer."""

    _pool = staticmethod(ps_roi_pool)


class MultiScaleRoIAlign(nn.Module):
    """roi_align over a pyramid of maps: the larger a box, the smaller the map it is read from.

    Lin et al., "Feature Pyramid Networks for Object Detection", 2017, equation 1.
    """

    def __init__(
        self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224, canonical_level=4
    ):
        super().__init__()
        self.featmap_names = featmap_names
        self.sampling_ratio = sampling_ratio
        self.output_size = tuple(_pair(output_size))
        self.scales = None
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level

    def _find_scales(self, maps, image_shapes):
        if not image_shapes:
            raise ValueError("images list should not be empty")
        height = max(shape[0] for shape in image_shapes)
        return [2.0 ** round(math.log2(m.shape[-2] / height)) for m in maps]

    def _levels(self, boxes):
        """Which map each box is read from."""
        side = cnn.sqrt(cnn.cat([box_area(b) for b in boxes]))
        level = self.canonical_level + cnn.log2(side / self.canonical_scale)
        low, high = (int(-math.log2(scale)) for scale in (self.scales[0], self.scales[-1]))
        level = cnn.floor(level + cnn.tensor(1e-6, dtype=side.dtype)).clamp(min=low, max=high)
        return level.to(cnn.int64) - low

    def forward(self, x, boxes, image_shapes):
        maps = [value for name, value in x.items() if name in self.featmap_names]
        if self.scales is None:
            self.scales = self._find_scales(maps, image_shapes)
        rois = _rois(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, self.scales[0], self.sampling_ratio)
        levels = self._levels(boxes)
        shape = (len(rois), maps[0].shape[1], *self.output_size)
        result = cnn.zeros(shape, dtype=maps[0].dtype, device=maps[0].device)
        for i, (features, scale) in enumerate(zip(maps, self.scales)):
            at = cnn.where(levels == i)[0]
            pooled = roi_align(features, rois[at], self.output_size, scale, self.sampling_ratio)
            result[at] = pooled.to(result.dtype)
        return result

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(featmap_names={self.featmap_names}, "
            f"output_size={self.output_size}, sampling_ratio={self.sampling_ratio})"
        )


def deform_conv2d(
    input,
    offset,
    weight,
    bias=None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    mask=None,
):
    """A convolution each of whose taps reads at its place plus offset
    [N, 2 * groups * taps, H, W], and is multiplied by mask [N, groups * taps, H, W] if there is
    one.

    Zhu et al., "Deformable ConvNets v2", 2018; Dai et al., 2017, without the mask.
    """
    taps = weight.shape[-2] * weight.shape[-1]
    use_mask = mask is not None
    if mask is None:
        mask = cnn.zeros((input.shape[0], 1), device=input.device, dtype=input.dtype)
    if bias is None:
        bias = cnn.zeros(weight.shape[0], device=input.device, dtype=input.dtype)
    offset_groups = offset.shape[1] // (2 * taps)
    if offset_groups == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple "
            "of 2 * weight.size[2] * weight.size[3].\n"
            f"Got offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * weight.size[3]="
            f"{2 * taps}"
        )
    return _C._vision_deform_conv2d(
        input,
        weight,
        offset,
        mask,
        bias,
        *_pair(stride),
        *_pair(padding),
        *_pair(dilation),
        input.shape[1] // weight.shape[1],
        offset_groups,
        use_mask,
    )


class DeformConv2d(nn.Module):
    """deform_conv2d with weights of its own: forward(input, offset, mask=None)."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
    ):
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride)
        self.padding = _pair(padding)
        self.dilation = _pair(dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = nn.Parameter(cnn.empty(shape))
        if bias:
            self.bias = nn.Parameter(cnn.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        return deform_conv2d(
            input,
            offset,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            mask=mask,
        )

    def __repr__(self):
        text = (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}"
        )
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        text += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return text + ")"
