"""Szegedy et al., "Rethinking the Inception Architecture", 2016."""

from __future__ import annotations

from collections import namedtuple

import cnn
from cnn import nn
from cnn.nn import functional as F

from ._api import define
from .googlenet import BasicConv2d, from_imagenet, initialize_truncated, warn_of_initialization

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])


class _Mixed(nn.Module):
    """Ways side by side.

    `ways` lists them as names of layers, each a chain; a tuple in a chain stands for layers side by
    side. A way that begins with "avg" or "max" pools first.
    """

    ways: tuple[tuple, ...] = ()

    def _add(self, name, *channels, kernel, stride=1):
        kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (0, 0) if stride == 2 else tuple(k // 2 for k in kernel)
        conv = BasicConv2d(*channels, kernel_size=kernel, stride=stride, padding=padding)
        self.add_module(f"branch{name}", conv)

    def _run(self, step, x):
        if step == "avg":
            return F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)
        if step == "max":
            return F.max_pool2d(x, kernel_size=3, stride=2)
        if isinstance(step, tuple):
            return cnn.cat([self._run(s, x) for s in step], 1)
        return getattr(self, f"branch{step}")(x)

    def forward(self, x):
        outputs = []
        for way in self.ways:
            out = x
            for step in way:
                out = self._run(step, out)
            outputs.append(out)
        return cnn.cat(outputs, 1)


class InceptionA(_Mixed):
    """Kernels up to 5 x 5."""

    ways = (("1x1",), ("5x5_1", "5x5_2"), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"), ("avg", "_pool"))

    def __init__(self, in_channels, pool_features):
        super().__init__()
        self._add("1x1", in_channels, 64, kernel=1)
        self._add("5x5_1", in_channels, 48, kernel=1)
        self._add("5x5_2", 48, 64, kernel=5)
        self._add("3x3dbl_1", in_channels, 64, kernel=1)
        self._add("3x3dbl_2", 64, 96, kernel=3)
        self._add("3x3dbl_3", 96, 96, kernel=3)
        self._add("_pool", in_channels, pool_features, kernel=1)


class InceptionB(_Mixed):
    """Halves the size."""

    ways = (("3x3",), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"), ("max",))

    def __init__(self, in_channels):
        super().__init__()
        self._add("3x3", in_channels, 384, kernel=3, stride=2)
        self._add("3x3dbl_1", in_channels, 64, kernel=1)
        self._add("3x3dbl_2", 64, 96, kernel=3)
        self._add("3x3dbl_3", 96, 96, kernel=3, stride=2)


class InceptionC(_Mixed):
    """Kernels of 7 x 7, in rows and columns."""

    ways = (
        ("1x1",),
        ("7x7_1", "7x7_2", "7x7_3"),
        ("7x7dbl_1", "7x7dbl_2", "7x7dbl_3", "7x7dbl_4", "7x7dbl_5"),
        ("avg", "_pool"),
    )

    def __init__(self, in_channels, channels_7x7):
        super().__init__()
        c = channels_7x7
        self._add("1x1", in_channels, 192, kernel=1)
        self._add("7x7_1", in_channels, c, kernel=1)
        self._add("7x7_2", c, c, kernel=(1, 7))
        self._add("7x7_3", c, 192, kernel=(7, 1))
        self._add("7x7dbl_1", in_channels, c, kernel=1)
        self._add("7x7dbl_2", c, c, kernel=(7, 1))
        self._add("7x7dbl_3", c, c, kernel=(1, 7))
        self._add("7x7dbl_4", c, c, kernel=(7, 1))
        self._add("7x7dbl_5", c, 192, kernel=(1, 7))
        self._add("_pool", in_channels, 192, kernel=1)


class InceptionD(_Mixed):
    """Halves the size again."""

    ways = (("3x3_1", "3x3_2"), ("7x7x3_1", "7x7x3_2", "7x7x3_3", "7x7x3_4"), ("max",))

    def __init__(self, in_channels):
        super().__init__()
        self._add("3x3_1", in_channels, 192, kernel=1)
        self._add("3x3_2", 192, 320, kernel=3, stride=2)
        self._add("7x7x3_1", in_channels, 192, kernel=1)
        self._add("7x7x3_2", 192, 192, kernel=(1, 7))
        self._add("7x7x3_3", 192, 192, kernel=(7, 1))
        self._add("7x7x3_4", 192, 192, kernel=3, stride=2)


class InceptionE(_Mixed):
    """Rows and columns side by side."""

    ways = (
        ("1x1",),
        ("3x3_1", ("3x3_2a", "3x3_2b")),
        ("3x3dbl_1", "3x3dbl_2", ("3x3dbl_3a", "3x3dbl_3b")),
        ("avg", "_pool"),
    )

    def __init__(self, in_channels):
        super().__init__()
        self._add("1x1", in_channels, 320, kernel=1)
        self._add("3x3_1", in_channels, 384, kernel=1)
        self._add("3x3_2a", 384, 384, kernel=(1, 3))
        self._add("3x3_2b", 384, 384, kernel=(3, 1))
        self._add("3x3dbl_1", in_channels, 448, kernel=1)
        self._add("3x3dbl_2", 448, 384, kernel=3)
        self._add("3x3dbl_3a", 384, 384, kernel=(1, 3))
        self._add("3x3dbl_3b", 384, 384, kernel=(3, 1))
        self._add("_pool", in_channels, 192, kernel=1)


class InceptionAux(nn.Module):
    """Classes from the middle of the network."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv0 = BasicConv2d(in_channels, 128, kernel_size=1)
        self.conv1 = BasicConv2d(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x):
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(cnn.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Inception3(nn.Module):
    """Blocks of ways side by side, of pictures of 299 x 299; in training also classes from the
    middle.
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        init_weights=None,
        dropout=0.5,
    ):
        super().__init__()
        if init_weights is None:
            warn_of_initialization("inception_v3")
            init_weights = True
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = InceptionA(192, pool_features=32)
        self.Mixed_5c = InceptionA(256, pool_features=64)
        self.Mixed_5d = InceptionA(288, pool_features=64)
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, channels_7x7=128)
        self.Mixed_6c = InceptionC(768, channels_7x7=160)
        self.Mixed_6d = InceptionC(768, channels_7x7=160)
        self.Mixed_6e = InceptionC(768, channels_7x7=192)
        self.AuxLogits = InceptionAux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights:
            initialize_truncated(self, lambda m: float(getattr(m, "stddev", 0.1)))

    def forward(self, x):
        x = from_imagenet(x) if self.transform_input else x
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(cnn.flatten(self.dropout(self.avgpool(x)), 1))
        return InceptionOutputs(x, aux) if self.training and self.aux_logits else x


define(Inception3, {"inception_v3": {}})
__all__ = ["Inception3", "InceptionOutputs", "inception_v3"]  # noqa: F822
