"""Between kinds of pictures and dtypes; normalization."""

from __future__ import annotations

from cnn import nn

from . import functional as F
from ._base import Transform, shown

__all__ = [
    "ConvertImageDtype",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "ToPILImage",
    "ToTensor",
]


class ToTensor:
    """A picture of Pillow or NumPy as a tensor [C, H, W]; bytes become floats in [0, 1]."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class PILToTensor:
    """A picture of Pillow's as a tensor [C, H, W] of its own values."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class ToPILImage:
    """A tensor [C, H, W] or array [H, W, C] as a picture of Pillow's."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return shown(self, () if self.mode is None else ("mode",))


class ConvertImageDtype(nn.Module):
    """A tensor in another dtype, black and white kept."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(tensor - mean) / std, channel by channel."""

    _shown = ("mean", "std")

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def _change(self, img):
        return F.normalize(img, self.mean, self.std, self.inplace)


class LinearTransformation(Transform):
    """Flattened, less `mean_vector`, times a square matrix: for whitening."""

    _shown = ("transformation_matrix", "mean_vector")

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        rows, columns = transformation_matrix.shape
        if rows != columns:
            raise ValueError(
                "transformation_matrix should be square. Got "
                f"{tuple(transformation_matrix.shape)} rectangular matrix."
            )
        if mean_vector.size(0) != rows:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.size(0)} as any one of the "
                f"dimensions of the transformation_matrix [{(rows, columns)}]"
            )
        self.transformation_matrix = transformation_matrix
        self.mean_vector = mean_vector

    def _change(self, img):
        n = img.shape[-3] * img.shape[-2] * img.shape[-1]
        if n != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{img.shape[-3]} x {img.shape[-2]} x {img.shape[-1]}] != "
                f"{self.transformation_matrix.shape[0]}"
            )
        flat = img.reshape(-1, n) - self.mean_vector
        return flat.mm(self.transformation_matrix).reshape(img.shape)
