"""Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014."""

from __future__ import annotations

import cnn
from cnn import nn

from ._api import define

# Channels in and out, kernel, stride, padding; pooled afterwards?
_CONVOLUTIONS = (
    (3, 64, 11, 4, 2, True),
    (64, 192, 5, 1, 2, True),
    (192, 384, 3, 1, 1, False),
    (384, 256, 3, 1, 1, False),
    (256, 256, 3, 1, 1, True),
)


class AlexNet(nn.Module):
    """Five convolutions and three linear layers."""

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        layers = []
        for *conv, pooled in _CONVOLUTIONS:
            layers += [nn.Conv2d(*conv), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(3, 2)] if pooled else []
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(cnn.flatten(self.avgpool(self.features(x)), 1))


define(AlexNet, {"alexnet": {}})
__all__ = ["AlexNet", "alexnet"]  # noqa: F822
