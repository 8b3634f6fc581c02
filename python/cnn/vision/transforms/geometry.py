"""Random and fixed changes of place and size."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence

import cnn

from . import functional as F
from ._base import (
    RandomTransform,
    Transform,
    angles,
    check_sequence,
    integer,
    shown,
    size_pair,
    uniform,
)
from .functional import InterpolationMode

__all__ = [
    "CenterCrop", "ElasticTransform", "FiveCrop", "Pad", "RandomAffine", "RandomCrop",
    "RandomHorizontalFlip", "RandomPerspective", "RandomResizedCrop", "RandomRotation",
    "RandomVerticalFlip", "Resize", "TenCrop",
]  # fmt: skip


class Resize(Transform):
    """Of size (height, width), or with the shorter side `size`."""

    _shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = F._mode(interpolation)
        self.antialias = antialias

    def _change(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle."""

    _shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = size_pair(size)

    def _change(self, img):
        return F.center_crop(img, self.size)


class FiveCrop(Transform):
    """The four corners and the middle, as a tuple."""

    _shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = size_pair(size)

    def _change(self, img):
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """FiveCrop of the picture and of its mirror image, as a tuple."""

    _shown = ("size", "vertical_flip")

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size = size_pair(size)
        self.vertical_flip = vertical_flip

    def _change(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)


class Pad(Transform):
    """With margins (left, top, right, bottom), (left and right, top and bottom), or one for all."""

    _shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, (numbers.Number, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(fill, (numbers.Number, str, tuple, list)):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        if isinstance(padding, Sequence) and len(padding) not in (1, 2, 4):
            raise ValueError(
                f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} "
                "element tuple"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def _change(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomHorizontalFlip(RandomTransform):
    """Left and right exchanged, with probability `p`."""

    def _change(self, img):
        return F.hflip(img)


class RandomVerticalFlip(RandomTransform):
    """Top and bottom exchanged, with probability `p`."""

    def _change(self, img):
        return F.vflip(img)


class RandomCrop(Transform):
    """A random part of size (height, width), after padding."""

    _shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(size_pair(size))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width)"""
        _, h, w = F.get_dimensions(img)
        th, tw = output_size
        if h < th or w < tw:
            raise ValueError(
                f"Required crop size {(th, tw)} is larger than input image size {(h, w)}"
            )
        if (h, w) == (th, tw):
            return 0, 0, h, w
        return integer(0, h - th + 1), integer(0, w - tw + 1), th, tw

    def _padded(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, height, width = F.get_dimensions(img)
            if width < self.size[1]:
                img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
            if height < self.size[0]:
                img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return img

    def _draw(self, img):
        return self.get_params(self._padded(img), self.size)

    def _change(self, img, *where):
        return F.crop(self._padded(img), *where)


class RandomResizedCrop(Transform):
    """A random part, of random area and shape, resized to `size`.

    Szegedy et al., "Going Deeper with Convolutions", 2015.
    """

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.size = size_pair(size)
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = F._mode(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width)"""
        _, height, width = F.get_dimensions(img)
        log_ratio = cnn.log(cnn.tensor(ratio))
        for _ in range(10):
            area = height * width * uniform(*scale)
            aspect = cnn.exp(cnn.empty(1).uniform_(log_ratio[0].item(), log_ratio[1].item())).item()
            w, h = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        # The middle, as near to these shapes as it goes.
        w, h = width, height
        if width / height < min(ratio):
            h = int(round(w / min(ratio)))
        elif width / height > max(ratio):
            w = int(round(h * max(ratio)))
        return (height - h) // 2, (width - w) // 2, h, w

    def _draw(self, img):
        return self.get_params(img, self.scale, self.ratio)

    def _change(self, img, *where):
        return F.resized_crop(img, *where, self.size, self.interpolation, self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(v, 4) for v in pair) for pair in (self.scale, self.ratio))
        return (
            f"{self.__class__.__name__}(size={self.size}, scale={scale}, ratio={ratio}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


def _fill_of(img, fill):
    """A number for each channel of a tensor; Pillow takes `fill` as it is."""
    if not isinstance(img, cnn.Tensor):
        return fill
    if isinstance(fill, (int, float)):
        return [float(fill)] * F.get_dimensions(img)[0]
    return None if fill is None else [float(f) for f in fill]


class RandomRotation(Transform):
    """Turned by a random angle, in degrees against the clock."""

    def __init__(
        self,
        degrees,
        interpolation=InterpolationMode.NEAREST,
        expand=False,
        center=None,
        fill=0,
    ):
        super().__init__()
        self.degrees = angles(degrees, "degrees", 2)
        if center is not None:
            check_sequence(center, "center", 2)
        self.center = center
        self.interpolation = F._mode(interpolation)
        self.expand = expand
        fill = 0 if fill is None else fill
        if not isinstance(fill, (Sequence, numbers.Number)):
            raise TypeError("Fill should be either a sequence or a number.")
        self.fill = fill

    @staticmethod
    def get_params(degrees):
        """An angle."""
        return uniform(degrees[0], degrees[1])

    def _draw(self, img):
        return (self.get_params(self.degrees),)

    def _change(self, img, angle):
        fill = _fill_of(img, self.fill)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self):
        optional = ("center",) if self.center is not None else ()
        return shown(self, ("degrees", "interpolation", "expand", *optional, "fill"))


class RandomAffine(Transform):
    """Turned, shifted (by parts of the size), scaled and sheared at random."""

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = angles(degrees, "degrees", 2)
        if translate is not None:
            check_sequence(translate, "translate", 2)
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            check_sequence(scale, "scale", 2)
            if min(scale) <= 0:
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = None if shear is None else angles(shear, "shear", 2, 4)
        self.interpolation = F._mode(interpolation)
        fill = 0 if fill is None else fill
        if not isinstance(fill, (Sequence, numbers.Number)):
            raise TypeError("Fill should be either a sequence or a number.")
        self.fill = fill
        if center is not None:
            check_sequence(center, "center", 2)
        self.center = center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, shift, scale, shear); img_size is (width, height)."""
        angle, shift, scale, shear = uniform(degrees[0], degrees[1]), (0, 0), 1.0, [0.0, 0.0]
        if translate is not None:
            limits = [float(t * size) for t, size in zip(translate, img_size)]
            shift = tuple(int(round(uniform(-limit, limit))) for limit in limits)
        if scale_ranges is not None:
            scale = uniform(scale_ranges[0], scale_ranges[1])
        if shears is not None:
            for i in range(len(shears) // 2):
                shear[i] = uniform(shears[2 * i], shears[2 * i + 1])
        return angle, shift, scale, tuple(shear)

    def _draw(self, img):
        _, height, width = F.get_dimensions(img)
        size = [width, height]
        return self.get_params(self.degrees, self.translate, self.scale, self.shear, size)

    def _change(self, img, *params):
        fill = _fill_of(img, self.fill)
        return F.affine(
            img, *params, interpolation=self.interpolation, fill=fill, center=self.center
        )

    def __repr__(self):
        names = [
            "degrees",
            *(n for n in ("translate", "scale", "shear") if getattr(self, n) is not None),
        ]
        names += ["interpolation"] if self.interpolation is not InterpolationMode.NEAREST else []
        names += ["fill"] if self.fill != 0 else []
        names += ["center"] if self.center is not None else []
        return shown(self, names)


class RandomPerspective(RandomTransform):
    """Seen from a random side, with probability `p`."""

    def __init__(
        self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0
    ):
        super().__init__(p)
        self.interpolation = F._mode(interpolation)
        self.distortion_scale = distortion_scale
        fill = 0 if fill is None else fill
        if not isinstance(fill, (Sequence, numbers.Number)):
            raise TypeError("Fill should be either a sequence or a number.")
        self.fill = fill

    @staticmethod
    def get_params(width, height, distortion_scale):
        """Where the corners are, and where they go."""
        x = int(distortion_scale * (width // 2)) + 1
        y = int(distortion_scale * (height // 2)) + 1
        end = [
            [integer(0, x), integer(0, y)],
            [integer(width - x, width), integer(0, y)],
            [integer(width - x, width), integer(height - y, height)],
            [integer(0, x), integer(height - y, height)],
        ]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], end

    def _params(self, img):
        _, height, width = F.get_dimensions(img)
        return self.get_params(width, height, self.distortion_scale)

    def _change(self, img, *corners):
        return F.perspective(img, *corners, self.interpolation, _fill_of(img, self.fill))


class ElasticTransform(Transform):
    """Bent at random: smooth shifts of up to about `alpha` pixels."""

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha = self._two(alpha, "alpha")
        self.sigma = self._two(sigma, "sigma")
        self.interpolation = F._mode(interpolation)
        self.fill = [float(fill)] if isinstance(fill, (int, float)) else [float(f) for f in fill]

    @staticmethod
    def _two(value, name):
        if not isinstance(value, (float, Sequence)):
            raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
        if isinstance(value, Sequence) and len(value) not in (1, 2):
            raise ValueError(
                f"If {name} is a sequence its length should be 1 or 2. Got {len(value)}"
            )
        values = [value] if isinstance(value, float) else list(value)
        if not all(isinstance(v, float) for v in values):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(values[0])}")
        return values * (2 // len(values))

    @staticmethod
    def get_params(alpha, sigma, size):
        """How far each pixel goes: [1, H, W, 2]."""
        moves = []
        for a, s, extent in zip(alpha, sigma, reversed(size)):
            move = cnn.rand([1, 1, *size]) * 2 - 1
            if s > 0.0:
                kernel = int(8 * s + 1)
                kernel += 1 - kernel % 2
                move = F.gaussian_blur(move, [kernel, kernel], list(sigma))
            moves.append(move * a / extent)
        return cnn.cat(moves, 1).permute(0, 2, 3, 1)

    def _draw(self, img):
        _, height, width = F.get_dimensions(img)
        return (self.get_params(self.alpha, self.sigma, [height, width]),)

    def _change(self, img, displacement):
        return F.elastic_transform(img, displacement, self.interpolation, self.fill)

    def __repr__(self):
        return (
            f"{self.__class__.__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
