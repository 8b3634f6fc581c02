"""Random choices among changes of colour and place, of learned or random strength."""

from __future__ import annotations

import math
from enum import Enum

import cnn
from cnn import nn

from . import functional as F
from ._base import integer
from .functional import InterpolationMode

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


def apply_op(img, name, magnitude, interpolation, fill):
    """One change by its name."""
    place = {"interpolation": interpolation, "fill": fill}
    if name in ("ShearX", "ShearY"):
        angle = math.degrees(math.atan(magnitude))
        shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
        return F.affine(img, 0.0, [0, 0], 1.0, shear, center=[0, 0], **place)
    if name in ("TranslateX", "TranslateY"):
        shift = [int(magnitude), 0] if name == "TranslateX" else [0, int(magnitude)]
        return F.affine(img, 0.0, shift, 1.0, [0.0, 0.0], **place)
    if name == "Rotate":
        return F.rotate(img, magnitude, **place)
    if name in _FACTORS:
        return _FACTORS[name](img, 1.0 + magnitude)
    if name == "Posterize":
        return F.posterize(img, int(magnitude))
    if name == "Solarize":
        return F.solarize(img, magnitude)
    if name in _PLAIN:
        return _PLAIN[name](img)
    if name == "Identity":
        return img
    raise ValueError(f"The provided operator {name} is not recognized.")


_FACTORS = {
    "Brightness": F.adjust_brightness,
    "Color": F.adjust_saturation,
    "Contrast": F.adjust_contrast,
    "Sharpness": F.adjust_sharpness,
}
_PLAIN = {"AutoContrast": F.autocontrast, "Equalize": F.equalize, "Invert": F.invert}


_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


def _space(bins, shear, shift, turn, colour, bits_lost, first_bits=8):
    """{name: (strengths, may the sign change?)}; `shift` is (x, y)."""

    def up_to(limit):
        return cnn.linspace(0.0, limit, bins), True

    bits = first_bits - (cnn.arange(bins) / ((bins - 1) / bits_lost)).round().int()
    return {
        "ShearX": up_to(shear),
        "ShearY": up_to(shear),
        "TranslateX": up_to(shift[0]),
        "TranslateY": up_to(shift[1]),
        "Rotate": up_to(turn),
        **{name: up_to(colour) for name in _COLOURS},
        "Posterize": (bits, False),
        "Solarize": (cnn.linspace(255.0, 0.0, bins), False),
        "AutoContrast": (None, False),
        "Equalize": (None, False),
    }


class AutoAugmentPolicy(Enum):
    """What a policy was learned on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Pairs of (change, probability, step of its strength), separated by commas.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 Rotate 0.6 9, Solarize 0.6 5 AutoContrast 0.6 -,
        Equalize 0.8 - Equalize 0.6 -, Posterize 0.6 7 Posterize 0.6 6,
        Equalize 0.4 - Solarize 0.2 4, Equalize 0.4 - Rotate 0.8 8,
        Solarize 0.6 3 Equalize 0.6 -, Posterize 0.8 5 Equalize 1 -,
        Rotate 0.2 3 Solarize 0.6 8, Equalize 0.6 - Posterize 0.4 6, Rotate 0.8 8 Color 0.4 0,
        Rotate 0.4 9 Equalize 0.6 -, Equalize 0 - Equalize 0.8 -, Invert 0.6 - Equalize 1 -,
        Color 0.6 4 Contrast 1 8, Rotate 0.8 8 Color 1 2, Color 0.8 8 Solarize 0.8 7,
        Sharpness 0.4 7 Invert 0.6 -, ShearX 0.6 5 Equalize 1 -, Color 0.4 0 Equalize 0.6 -,
        Equalize 0.4 - Solarize 0.2 4, Solarize 0.6 5 AutoContrast 0.6 -,
        Invert 0.6 - Equalize 1 -, Color 0.6 4 Contrast 1 8, Equalize 0.8 - Equalize 0.6 -
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 - Contrast 0.2 6, Rotate 0.7 2 TranslateX 0.3 9,
        Sharpness 0.8 1 Sharpness 0.9 3, ShearY 0.5 8 TranslateY 0.7 9,
        AutoContrast 0.5 - Equalize 0.9 -, ShearY 0.2 7 Posterize 0.3 7,
        Color 0.4 3 Brightness 0.6 7, Sharpness 0.3 9 Brightness 0.7 9,
        Equalize 0.6 - Equalize 0.5 -, Contrast 0.6 7 Sharpness 0.6 5,
        Color 0.7 7 TranslateX 0.5 8, Equalize 0.3 - AutoContrast 0.4 -,
        TranslateY 0.4 3 Sharpness 0.2 6, Brightness 0.9 6 Color 0.2 8,
        Solarize 0.5 2 Invert 0 -, Equalize 0.2 - AutoContrast 0.6 -,
        Equalize 0.2 - Equalize 0.6 -, Color 0.9 9 Equalize 0.6 -,
        AutoContrast 0.8 - Solarize 0.2 8, Brightness 0.1 3 Color 0.7 0,
        Solarize 0.4 5 AutoContrast 0.9 -, TranslateY 0.9 9 TranslateY 0.7 9,
        AutoContrast 0.9 - Solarize 0.8 3, Equalize 0.8 - Invert 0.1 -,
        TranslateY 0.7 9 AutoContrast 0.9 -
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 Invert 0.2 -, ShearY 0.9 8 Invert 0.7 -, Equalize 0.6 - Solarize 0.6 6,
        Invert 0.9 - Equalize 0.6 -, Equalize 0.6 - Rotate 0.9 3,
        ShearX 0.9 4 AutoContrast 0.8 -, ShearY 0.9 8 Invert 0.4 -,
        ShearY 0.9 5 Solarize 0.2 6, Invert 0.9 - AutoContrast 0.8 -,
        Equalize 0.6 - Rotate 0.9 3, ShearX 0.9 4 Solarize 0.3 3, ShearY 0.8 8 Invert 0.7 -,
        Equalize 0.9 - TranslateY 0.6 6, Invert 0.9 - Equalize 0.6 -,
        Contrast 0.3 3 Rotate 0.8 4, Invert 0.8 - TranslateY 0 2, ShearY 0.7 6 Solarize 0.4 8,
        Invert 0.6 - Rotate 0.8 4, ShearY 0.3 7 TranslateX 0.9 3, ShearX 0.1 6 Invert 0.6 -,
        Solarize 0.7 2 TranslateY 0.6 7, ShearY 0.8 4 Invert 0.8 -,
        ShearX 0.7 9 TranslateY 0.8 3, ShearY 0.8 5 AutoContrast 0.7 -,
        ShearX 0.7 2 Invert 0.1 -
    """,
}


def _policies(text):
    pairs = []
    for pair in text.split(","):
        words = pair.split()
        pairs.append(
            tuple(
                (words[i], float(words[i + 1]), None if words[i + 2] == "-" else int(words[i + 2]))
                for i in (0, 3)
            )
        )
    return pairs


class _Augment(nn.Module):
    """What these have in common: how pixels are read, and what lies around the picture."""

    _shown: tuple[str, ...] = ()

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def _fill_for(self, img):
        if not isinstance(img, cnn.Tensor) or self.fill is None:
            return self.fill
        if isinstance(self.fill, (int, float)):
            return [float(self.fill)] * F.get_dimensions(img)[0]
        return [float(f) for f in self.fill]

    def _apply(self, img, name, strength):
        return apply_op(img, name, strength, self.interpolation, self._fill_for(img))

    def _signed(self, strength, signed):
        """The strength, by chance with the other sign."""
        return -strength if signed and cnn.randint(2, (1,)) else strength

    def __repr__(self):
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{self.__class__.__name__}({shown})"


class AutoAugment(_Augment):
    """One of the learned pairs of changes.

    Cubuk et al., "AutoAugment", 2019.
    """

    _shown = ("policy", "fill")

    def __init__(
        self,
        policy=AutoAugmentPolicy.IMAGENET,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.policies = _policies(_POLICIES[policy])

    @staticmethod
    def get_params(transform_num):
        """(which pair, two numbers to compare with its probabilities, two signs)"""
        return integer(0, transform_num), cnn.rand((2,)), cnn.randint(2, (2,))

    def _space(self, img):
        _, height, width = F.get_dimensions(img)
        shift = (150.0 / 331.0 * width, 150.0 / 331.0 * height)
        return _space(10, 0.3, shift, 30.0, 0.9, 4) | {"Invert": (None, False)}

    def forward(self, img):
        which, chances, signs = self.get_params(len(self.policies))
        space = self._space(img)
        for i, (name, p, step) in enumerate(self.policies[which]):
            if chances[i] > p:
                continue
            strengths, signed = space[name]
            strength = 0.0 if step is None else float(strengths[step].item())
            img = self._apply(img, name, -strength if signed and signs[i] == 0 else strength)
        return img


class RandAugment(_Augment):
    """`num_ops` random changes of one strength.

    Cubuk et al., "RandAugment", 2020.
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self,
        num_ops=2,
        magnitude=9,
        num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        _, height, width = F.get_dimensions(img)
        shift = (150.0 / 331.0 * width, 150.0 / 331.0 * height)
        space = _space(self.num_magnitude_bins, 0.3, shift, 30.0, 0.9, 4)
        space = {"Identity": (None, False)} | space
        for _ in range(self.num_ops):
            name = list(space)[integer(0, len(space))]
            strengths, signed = space[name]
            strength = 0.0 if strengths is None else float(strengths[self.magnitude].item())
            img = self._apply(img, name, self._signed(strength, signed))
        return img


class TrivialAugmentWide(_Augment):
    """One random change of random strength.

    Müller and Hutter, "TrivialAugment", 2021.
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        space = _space(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, 6)
        space = {"Identity": (None, False)} | space
        name = list(space)[integer(0, len(space))]
        strengths, signed = space[name]
        strength = 0.0
        if strengths is not None:
            strength = float(strengths[cnn.randint(len(strengths), (1,))].item())
        return self._apply(img, name, self._signed(strength, signed))


class AugMix(_Augment):
    """A mix of the picture and of several chains of random changes.

    Hendrycks et al., "AugMix", 2020.
    """

    _shown = (
        "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill",
    )  # fmt: skip

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def _choices(self, height, width):
        space = _space(10, 0.3, (width / 3.0, height / 3.0), 30.0, 0.9, 4, first_bits=4)
        colours = {name: space.pop(name) for name in _COLOURS}
        return space | colours if self.all_ops else space

    def forward(self, orig_img):
        img = orig_img if isinstance(orig_img, cnn.Tensor) else F.pil_to_tensor(orig_img)
        _, height, width = F.get_dimensions(img)
        space = self._choices(height, width)
        batch = img.reshape([1] * max(4 - img.ndim, 0) + list(img.shape))
        n, rest = batch.size(0), [1] * (batch.ndim - 1)
        shares = cnn._sample_dirichlet(cnn.tensor([self.alpha] * 2).expand(n, -1))
        weights = cnn._sample_dirichlet(cnn.tensor([self.alpha] * self.mixture_width).expand(n, -1))
        weights = weights * shares[:, 1].view(n, -1)
        mix = shares[:, 0].view(n, *rest) * batch
        for i in range(self.mixture_width):
            changed = batch
            depth = self.chain_depth if self.chain_depth > 0 else integer(1, 4)
            for _ in range(depth):
                name = list(space)[integer(0, len(space))]
                strengths, signed = space[name]
                strength = 0.0
                if strengths is not None:
                    strength = float(strengths[integer(0, self.severity)].item())
                changed = self._apply(changed, name, self._signed(strength, signed))
            mix.add_(weights[:, i].view(n, *rest) * changed)
        mix = mix.view(img.shape).to(img.dtype)
        return mix if isinstance(orig_img, cnn.Tensor) else F.to_pil_image(mix)
