"""CIFAR-10 and CIFAR-100, the Python versions."""

from __future__ import annotations

import os

from cnn.utils.data import readers

from .._pillow import pillow
from .vision import VisionDataset, missing


class CIFAR10(VisionDataset):
    """Pictures of 32 x 32 in ten classes; the files lie in `root/cifar-10-batches-py`."""

    base_folder = "cifar-10-batches-py"
    _files = {True: [f"data_batch_{i}" for i in range(1, 6)], False: ["test_batch"]}
    _meta, _key, _count = "batches.meta", b"label_names", 10
    _reader = staticmethod(readers.cifar10)

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        folder = os.path.join(self.root, self.base_folder)
        needed = [*self._files[bool(train)], self._meta]
        if not all(os.path.exists(os.path.join(folder, name)) for name in needed):
            raise missing(self, ", ".join(needed), folder, download)
        images, labels = self._reader(self.root, train)
        self.data = images.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = labels.tolist()
        path = os.path.join(folder, self._meta)
        names = readers._load_restricted(path).get(self._key)
        if not isinstance(names, list) or len(names) != self._count:
            raise ValueError(f"{path}: no list of {self._count} names in it")
        self.classes = [n.decode("ascii") if isinstance(n, bytes) else n for n in names]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def __getitem__(self, index):
        return self._transformed(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """Pictures of 32 x 32 in a hundred classes; the files lie in `root/cifar-100-python`."""

    base_folder = "cifar-100-python"
    _files = {True: ["train"], False: ["test"]}
    _meta, _key, _count = "meta", b"fine_label_names", 100
    _reader = staticmethod(readers.cifar100)
