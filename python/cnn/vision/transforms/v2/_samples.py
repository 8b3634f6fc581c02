"""The transforms of samples."""

from __future__ import annotations

from collections.abc import Sequence

import cnn
from cnn import nn

from ... import tv_tensors
from ..._pillow import is_pil
from .. import autoaugment, colours, conversions, geometry
from .. import functional as F
from . import functional as F2
from ._transform import OfPicture, Transform, is_plain, shown_attributes

# Those of one picture, taken over as they are.
_MOVING = (
    "CenterCrop ElasticTransform FiveCrop Pad RandomAffine RandomHorizontalFlip RandomPerspective "
    "RandomRotation RandomVerticalFlip TenCrop"
).split()
_COLOURS = (
    "ColorJitter GaussianBlur Grayscale RandomAdjustSharpness RandomAutocontrast RandomEqualize "
    "RandomErasing RandomGrayscale RandomInvert RandomPosterize RandomSolarize"
).split()

__all__ = [
    *_MOVING, *_COLOURS, "AugMix", "AutoAugment", "Compose", "ConvertImageDtype", "Identity",
    "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "RGB", "RandAugment",
    "RandomApply", "RandomChoice", "RandomCrop", "RandomOrder", "RandomResizedCrop", "Resize",
    "ToDtype", "ToImage", "ToPILImage", "ToPureTensor", "ToTensor", "TrivialAugmentWide",
]  # fmt: skip


def _take_over(module, names, moves):
    for name in names:
        of = getattr(module, name)
        members = {"__doc__": of.__doc__, "__module__": __name__, "_moves": moves}
        globals()[name] = type(name, (OfPicture, of), members)


_take_over(geometry, _MOVING, True)
_take_over(colours, _COLOURS, False)


class Resize(OfPicture, geometry.Resize):
    """Of size (height, width), or with the shorter side `size`; None: the longer one `max_size`."""

    _moves = True

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        if size is None and not isinstance(max_size, int):
            raise ValueError(
                f"max_size must be an integer when size is None, but got {max_size} instead."
            )
        super().__init__(1 if size is None else size, interpolation, max_size, antialias)
        self.size = [size] if isinstance(size, int) else size and list(size)

    def _change(self, img):
        return F2.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class RandomResizedCrop(OfPicture, geometry.RandomResizedCrop):
    """A random part, of random area and shape, resized to `size`."""

    _moves = True

    def _change(self, img, *where):
        return F2.resize(F.crop(img, *where), self.size, self.interpolation, None, self.antialias)


class RandomCrop(OfPicture, geometry.RandomCrop):
    """A random part of size (height, width), after padding."""

    _moves = True

    def _draw(self, img):
        _, height, width = F.get_dimensions(img)
        left, top, right, bottom = (0,) * 4 if self.padding is None else F._four(self.padding)
        height, width = height + top + bottom, width + left + right
        if self.pad_if_needed:
            missing = max(self.size[0] - height, 0), max(self.size[1] - width, 0)
            top, bottom, height = top + missing[0], bottom + missing[0], height + 2 * missing[0]
            left, right, width = left + missing[1], right + missing[1], width + 2 * missing[1]
        if height < self.size[0] or width < self.size[1]:
            raise ValueError(
                f"Required crop size {self.size} is larger than padded input image size "
                f"{(height, width)}."
            )
        y, x = (
            int(cnn.randint(0, have - wanted + 1, size=())) if have > wanted else 0
            for have, wanted in zip((height, width), self.size)
        )
        return [left, top, right, bottom], y, x

    def _change(self, img, margins, top, left):
        if any(margins):
            img = F.pad(img, margins, self.fill, self.padding_mode)
        return F.crop(img, top, left, *self.size)


class _Whole(OfPicture):
    """What draws and changes in one."""

    def _draw(self, img):
        return ()

    def _change(self, img):
        return self._of_one.forward(self, img)

    def _signed(self, strength, signed):
        return -strength if signed and cnn.rand(()) <= 0.5 else strength


class AutoAugment(_Whole, autoaugment.AutoAugment):
    """One of the learned pairs of changes."""

    def _change(self, img):
        for name, p, step in self.policies[int(cnn.randint(len(self.policies), ()))]:
            if cnn.rand(()) <= p:
                strengths, signed = self._space(img)[name]
                strength = 0.0 if step is None else float(strengths[step].item())
                img = self._apply(img, name, self._signed(strength, signed))
        return img


class RandAugment(_Whole, autoaugment.RandAugment):
    """`num_ops` random changes of one strength."""

    _of_one = autoaugment.RandAugment


class TrivialAugmentWide(_Whole, autoaugment.TrivialAugmentWide):
    """One random change of random strength."""

    _of_one = autoaugment.TrivialAugmentWide


class AugMix(_Whole, autoaugment.AugMix):
    """A mix of the picture and of several chains of random changes."""

    _of_one = autoaugment.AugMix


class Normalize(OfPicture, conversions.Normalize):
    """(tensor - mean) / std, channel by channel."""

    def __init__(self, mean, std, inplace=False):
        super().__init__(list(mean), list(std), inplace)

    def check_inputs(self, flat_inputs):
        if any(map(is_pil, flat_inputs)):
            raise TypeError(f"{type(self).__name__}() does not support PIL images.")


class LinearTransformation(OfPicture, conversions.LinearTransformation):
    """Flattened, less `mean_vector`, times a square matrix."""


# ---- Conversions ----


class Identity(Transform):
    """Nothing changes."""

    def transform(self, inpt, params):
        return inpt


class RGB(Transform):
    """Three channels, of one or three."""

    def transform(self, inpt, params):
        if isinstance(inpt, tv_tensors.Mask):
            return inpt
        return F2.grayscale_to_rgb(inpt)


class ToImage(Transform):
    """tv_tensors.Image, of whatever a picture is."""

    def _takes(self, value):
        return is_plain(value) or is_pil(value) or _is_array(value)

    def transform(self, inpt, params):
        return F2.to_image(inpt)


def _is_array(value):
    return type(value).__module__ == "numpy" and hasattr(value, "__array_interface__")


class PILToTensor(Transform):
    """A picture of Pillow's as a tensor [C, H, W] of its own values."""

    def _takes(self, value):
        return is_pil(value)

    def transform(self, inpt, params):
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """A tensor or array as a picture of Pillow's."""

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def _takes(self, value):
        return is_plain(value) or isinstance(value, tv_tensors.Image) or _is_array(value)

    def transform(self, inpt, params):
        return F.to_pil_image(inpt, self.mode)


class ToPureTensor(Transform):
    """Tensors that no longer say what they hold."""

    def _takes(self, value):
        return isinstance(value, tv_tensors.TVTensor)

    def transform(self, inpt, params):
        return inpt.as_subclass(cnn.Tensor)


class ToTensor(Transform):
    """[Old] ToImage, then ToDtype(float32, scale=True)."""

    def _takes(self, value):
        return is_pil(value) or _is_array(value)

    def transform(self, inpt, params):
        return F.to_tensor(inpt)


class ToDtype(Transform):
    """Another dtype, of pictures with black and white kept if `scale`; {type: dtype} for some."""

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, (dict, cnn.dtype)):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype = dtype
        self.scale = scale

    def _takes(self, value):
        return isinstance(value, cnn.Tensor)

    def transform(self, inpt, params):
        if isinstance(self.dtype, dict):
            if type(inpt) not in self.dtype and "others" not in self.dtype:
                raise ValueError(f"No dtype was specified for type {type(inpt)}.")
            dtype = self.dtype.get(type(inpt), self.dtype.get("others"))
        elif is_plain(inpt) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
            dtype = self.dtype
        else:
            return inpt
        return inpt if dtype is None else F2.to_dtype(inpt, dtype, scale=self.scale)


class ConvertImageDtype(Transform):
    """Another dtype, black and white kept."""

    def __init__(self, dtype=cnn.float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt, params):
        if is_pil(inpt) or isinstance(inpt, tv_tensors.Mask):
            return inpt
        return F2.to_dtype(inpt, self.dtype, scale=True)


class Lambda(Transform):
    """A function of everything, or of what is of one of `types`."""

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def _takes(self, value):
        return True

    def _needs_transform_list(self, flat_inputs):
        return [isinstance(x, self.types) for x in flat_inputs]

    def transform(self, inpt, params):
        return self.lambd(inpt)


# ---- Transforms of transforms ----


class _Container(nn.Module):
    def __init__(self, transforms):
        super().__init__()
        if not isinstance(transforms, (Sequence, nn.ModuleList)):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        self.transforms = transforms

    def _run(self, transforms, inputs):
        for transform in transforms:
            outputs = transform(*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return inputs if len(inputs) > 1 else inputs[0]

    def extra_repr(self):
        return shown_attributes(self)


class Compose(_Container):
    """One transform after the other."""

    def extra_repr(self):
        return "\n".join(f"    {t}" for t in self.transforms)

    def forward(self, *inputs):
        return self._run(self.transforms, inputs)


class RandomApply(_Container):
    """One transform after the other, with probability `p`."""

    def __init__(self, transforms, p=0.5):
        super().__init__(transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.p = p

    extra_repr = Compose.extra_repr

    def forward(self, *inputs):
        return self._run([] if cnn.rand(1) >= self.p else self.transforms, inputs)


class RandomChoice(_Container):
    """One of them, by chance, or by the weights `p`."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and len(p) != len(transforms):
            raise ValueError(
                f"Length of p doesn't match the number of transforms: {len(p)} != {len(transforms)}"
            )
        p = [1] * len(transforms) if p is None else p
        self.p = [weight / sum(p) for weight in p]

    def forward(self, *inputs):
        return self.transforms[int(cnn.multinomial(cnn.tensor(self.p), 1))](*inputs)


class RandomOrder(_Container):
    """All of them, in a random order."""

    def forward(self, *inputs):
        order = cnn.randperm(len(self.transforms)).tolist()
        return self._run([self.transforms[i] for i in order], inputs)
