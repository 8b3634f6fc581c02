"""Transforms of batches that mix each picture, and its label, with the one before it."""

from __future__ import annotations

import math

import cnn
from cnn.nn.functional import one_hot
from cnn.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from ..._pillow import is_pil
from ._transform import Transform, is_picture, is_plain

__all__ = ["CutMix", "MixUp"]


def _default_labels(inputs):
    """The second of (pictures, labels), or what a dictionary calls labels."""
    if isinstance(inputs, (tuple, list)):
        inputs = inputs[1]
    if isinstance(inputs, cnn.Tensor):
        return inputs
    if not isinstance(inputs, dict):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a "
            "dictionary or a two-tuple whose second item is a dictionary or a tensor, but got "
            f"{inputs} instead."
        )
    names = [k for k in inputs if k.lower() == "labels"] or [
        k for k in inputs if "label" in k.lower()
    ]
    if not names:
        raise ValueError(
            "Could not infer where the labels are in the sample. Try passing a callable as the "
            "labels_getter parameter?"
        )
    return inputs[names[0]]


class _Mixing(Transform):
    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha = float(alpha)
        self.num_classes = num_classes
        if labels_getter == "default":
            labels_getter = _default_labels
        elif isinstance(labels_getter, str):
            raise ValueError(
                f"labels_getter should be a callable or 'default', got {labels_getter}"
            )
        self._labels_getter = labels_getter

    def _share(self):
        limit = cnn.tensor([self.alpha])
        return float(cnn.distributions.Beta(limit, limit).sample(()))

    def _check_labels(self, labels):
        if not isinstance(labels, cnn.Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with "
                f"shape (batch_size, num_classes), but got a tensor of shape {labels.shape} "
                "instead."
            )
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[1]):
            raise ValueError(
                f"When passing 2D labels, the number of elements in last dimension must match "
                f"num_classes: {labels.shape[1]} != {self.num_classes}. You can Leave num_classes "
                "to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        needed = self._needs_transform_list(flat)
        if any(is_pil(x) or isinstance(x, tv_tensors.Mask) for x in flat):
            raise ValueError(f"{type(self).__name__}() does not support PIL images and masks.")
        labels = None if self._labels_getter is None else self._labels_getter(inputs)
        if labels is not None:
            self._check_labels(labels)
        pictures = [x for x, wanted in zip(flat, needed) if wanted and is_picture(x)]
        for x in pictures:
            if x.ndim != (5 if isinstance(x, tv_tensors.Video) else 4):
                raise ValueError(f"Expected a batched input, but got a tensor of shape {x.shape}.")
            if labels is not None and len(labels) != len(x):
                raise ValueError(
                    f"The batch size of the image does not match the batch size of the labels: "
                    f"{len(x)} != {len(labels)}."
                )
        params = self.make_params(pictures)
        for i, (x, wanted) in enumerate(zip(flat, needed)):
            if x is labels:
                flat[i] = self._mixed_labels(x, params["lam"])
            elif wanted:
                flat[i] = self.transform(x, params)
        return tree_unflatten(flat, spec)

    def _takes(self, value):
        return is_plain(value) or is_picture(value)

    def _mixed_labels(self, labels, share):
        if labels.ndim == 1:
            labels = one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return labels.roll(1, 0).mul_(1.0 - share).add_(labels.mul(share))

    @staticmethod
    def _like(result, given):
        typed = isinstance(given, tv_tensors.TVTensor)
        return tv_tensors.wrap(result, like=given) if typed else result


class MixUp(_Mixing):
    """Weighed means of two pictures: Zhang et al., "mixup", 2018."""

    def make_params(self, flat_inputs):
        return {"lam": self._share()}

    def transform(self, inpt, params):
        share, plain = params["lam"], inpt.as_subclass(cnn.Tensor)
        return self._like(plain.roll(1, 0).mul_(1.0 - share).add_(plain.mul(share)), inpt)


class CutMix(_Mixing):
    """A rectangle of another picture: Yun et al., "CutMix", 2019."""

    def make_params(self, flat_inputs):
        share = self._share()
        height, width = flat_inputs[0].shape[-2:]
        x, y = (int(cnn.randint(size, size=(1,))) for size in (width, height))
        half = 0.5 * math.sqrt(1.0 - share)
        half_w, half_h = int(half * width), int(half * height)
        x1, y1 = max(x - half_w, 0), max(y - half_h, 0)
        x2, y2 = min(x + half_w, width), min(y + half_h, height)
        return {"lam": 1.0 - (x2 - x1) * (y2 - y1) / (width * height), "box": (x1, y1, x2, y2)}

    def transform(self, inpt, params):
        x1, y1, x2, y2 = params["box"]
        plain = inpt.as_subclass(cnn.Tensor).clone()
        plain[..., y1:y2, x1:x2] = plain.roll(1, 0)[..., y1:y2, x1:x2]
        return self._like(plain, inpt)
