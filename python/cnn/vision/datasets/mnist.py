"""MNIST and the sets in its format."""

from __future__ import annotations

import os

import cnn
from cnn.utils.data import readers

from .._pillow import pillow
from .vision import VisionDataset, missing


class MNIST(VisionDataset):
    """Handwritten digits: pictures of 28 x 28 bytes and labels.

    Files lie in `root/MNIST/raw` as torchvision puts them, or in `root` itself, plain or with
    `.gz`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`.
    """

    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = self._folder()
        if folder is None:
            names = " and ".join(self._names())
            raise missing(self, f"{names} (or with .gz)", self.raw_folder, download)
        self.data, self.targets = self._read(folder)

    def _names(self):
        part = "train" if self.train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _folder(self):
        for folder in (self.raw_folder, self.root):
            paths = [os.path.join(folder, name) for name in self._names()]
            if all(os.path.exists(p) or os.path.exists(p + ".gz") for p in paths):
                return folder
        return None

    def _read(self, folder):
        return readers.mnist(folder, self.train)

    @property
    def raw_folder(self):
        """Where the files lie."""
        return os.path.join(self.root, self.__class__.__name__, "raw")

    @property
    def class_to_idx(self):
        """{class: label}"""
        return {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index):
        image = pillow().fromarray(self.data[index].numpy())
        return self._transformed(image, int(self.targets[index]))

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Pictures of clothes."""

    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Handwritten Japanese letters."""

    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


class EMNIST(MNIST):
    """Handwritten letters and digits; `split` is byclass, bymerge, balanced, letters, digits or
    mnist. Files: `emnist-SPLIT-train-images-idx3-ubyte` and so on.
    """

    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    _digits, _upper = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    _merged = sorted({*_digits, *_upper, *_upper.lower()} - set("cijklmopsuvwxyz"))
    classes_split_dict = {
        "byclass": sorted({*_digits, *_upper, *_upper.lower()}),
        "bymerge": _merged,
        "balanced": _merged,
        "letters": ["N/A", *_upper.lower()],
        "digits": list(_digits),
        "mnist": list(_digits),
    }

    def __init__(self, root, split, **kwargs):
        if split not in self.splits:
            raise ValueError(
                f"Unknown value '{split}' for argument split. Valid values are "
                f"{{{', '.join(map(repr, self.splits))}}}."
            )
        self.split = split
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[split]

    def _names(self):
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    def _read(self, folder):
        paths = [os.path.join(folder, name) for name in self._names()]
        paths = [p if os.path.exists(p) else p + ".gz" for p in paths]
        images, labels = (readers.idx(p) for p in paths)
        if images.dtype is not cnn.uint8 or images.dim() != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{paths[0]}: expected pictures of bytes and as many labels, got {images.dtype} of "
                f"shape {tuple(images.shape)} and {tuple(labels.shape)}"
            )
        return images, labels.to(cnn.int64)
