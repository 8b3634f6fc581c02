"""Random and fixed changes of colour, blur, erased parts."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence

import cnn

from . import functional as F
from ._base import RandomTransform, Transform, integer, size_pair, uniform

__all__ = [
    "ColorJitter", "GaussianBlur", "Grayscale", "RandomAdjustSharpness", "RandomAutocontrast",
    "RandomEqualize", "RandomErasing", "RandomGrayscale", "RandomInvert", "RandomPosterize",
    "RandomSolarize",
]  # fmt: skip


class ColorJitter(Transform):
    """Random brightness, contrast, saturation and hue, in a random order.

    Each is a range (low, high), or a number for the range around no change.
    """

    _shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", center=0, bound=(-0.5, 0.5))

    @staticmethod
    def _range(value, name, center=1, bound=(0, float("inf"))):
        if value is None:
            return None
        if isinstance(value, numbers.Number):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [center - float(value), center + float(value)]
            if center:
                value[0] = max(value[0], 0.0)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            value = [float(value[0]), float(value[1])]
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {value}.")
        return None if value[0] == value[1] == center else tuple(value)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(order, brightness, contrast, saturation, hue)"""
        order = cnn.randperm(4)
        factors = (
            None if r is None else uniform(*r) for r in (brightness, contrast, saturation, hue)
        )
        return (order, *factors)

    def _draw(self, img):
        return self.get_params(self.brightness, self.contrast, self.saturation, self.hue)

    def _change(self, img, order, *factors):
        adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = adjust[i](img, factors[i])
        return img


class Grayscale(Transform):
    """In black and white, of 1 or 3 channels."""

    _shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def _change(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomGrayscale(RandomTransform):
    """In black and white with probability `p`, with as many channels."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def _params(self, img):
        return (F.get_dimensions(img)[0],)

    def _change(self, img, channels):
        return F.rgb_to_grayscale(img, channels)


class RandomInvert(RandomTransform):
    """The negative with probability `p`."""

    def _change(self, img):
        return F.invert(img)


class RandomPosterize(RandomTransform):
    """The highest `bits` of each value with probability `p`."""

    _shown = ("bits", "p")
    _separator = ","

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def _change(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(RandomTransform):
    """The negative of what is at least `threshold`, with probability `p`."""

    _shown = ("threshold", "p")
    _separator = ","

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def _change(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(RandomTransform):
    """Sharper, or blurred, with probability `p`."""

    _shown = ("sharpness_factor", "p")
    _separator = ","

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class RandomAutocontrast(RandomTransform):
    """Stretched from black to white with probability `p`."""

    def _change(self, img):
        return F.autocontrast(img)


class RandomEqualize(RandomTransform):
    """With values spread evenly, with probability `p`."""

    def _change(self, img):
        return F.equalize(img)


class GaussianBlur(Transform):
    """Convolved with a Gaussian of random width."""

    _shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = size_pair(
            kernel_size, "Kernel size should be a tuple/list of two integers"
        )
        if any(k <= 0 or k % 2 == 0 for k in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise TypeError("sigma should be a single number or a list/tuple with length 2.")
        elif not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A width."""
        return uniform(sigma_min, sigma_max)

    def _draw(self, img):
        return (self.get_params(*self.sigma),)

    def _change(self, img, sigma):
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


class RandomErasing(RandomTransform):
    """A random rectangle set to `value`, with probability `p`; 'random' is noise.

    Zhong et al., "Random Erasing Data Augmentation", 2020.
    """

    _shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        if not isinstance(value, (numbers.Number, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        if not isinstance(scale, Sequence):
            raise TypeError("Scale should be a sequence")
        if not isinstance(ratio, Sequence):
            raise TypeError("Ratio should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        super().__init__(p)
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, value)"""
        channels, img_h, img_w = img.shape[-3:]
        log_ratio = cnn.log(cnn.tensor(ratio))
        for _ in range(10):
            area = img_h * img_w * uniform(*scale)
            aspect = cnn.exp(cnn.empty(1).uniform_(log_ratio[0].item(), log_ratio[1].item())).item()
            h, w = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if not (h < img_h and w < img_w):
                continue
            if value is None:
                v = cnn.empty([channels, h, w], dtype=cnn.float32).normal_()
            else:
                v = cnn.tensor(value)[:, None, None]
            return integer(0, img_h - h + 1), integer(0, img_w - w + 1), h, w, v
        return 0, 0, img_h, img_w, img

    def _params(self, img):
        if isinstance(self.value, (int, float)):
            value = [float(self.value)]
        elif isinstance(self.value, str):
            value = None
        else:
            value = [float(v) for v in self.value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        return self.get_params(img, scale=self.scale, ratio=self.ratio, value=value)

    def _change(self, img, *params):
        return F.erase(img, *params, self.inplace)
