"""Simonyan and Zisserman, "Very Deep Convolutional Networks", 2014."""

from __future__ import annotations

import cnn
from cnn import nn

from ._api import define, fan_out_normal, initialize, small_normal

# Convolutions of 64, 128, 256, 512 and 512 channels between two poolings.
_COUNTS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


class VGG(nn.Module):
    """`features`, then three linear layers."""

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self, fan_out_normal, small_normal)

    def forward(self, x):
        return self.classifier(cnn.flatten(self.avgpool(self.features(x)), 1))


def _vgg(counts, batch_norm, **options):
    """Convolutions of 3 x 3 and three linear layers."""
    layers, channels = [], 3
    for width, count in zip((64, 128, 256, 512, 512), counts):
        for _ in range(count):
            norm = [nn.BatchNorm2d(width)] if batch_norm else []
            layers += [nn.Conv2d(channels, width, 3, padding=1), *norm, nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    return VGG(nn.Sequential(*layers), **options)


_VARIANTS = {
    name + ("_bn" if norm else ""): {"counts": counts, "batch_norm": norm}
    for name, counts in _COUNTS.items()
    for norm in (False, True)
}
define(_vgg, _VARIANTS)
__all__ = ["VGG", *_VARIANTS]
