"""Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018."""

from __future__ import annotations

import cnn
from cnn import nn
from cnn.nn import functional as F

from ..ops.misc import Conv2dNormActivation
from ._api import define, fan_out_normal, initialize, make_divisible, small_normal


class InvertedResidual(nn.Module):
    """More channels, a convolution of each of them, fewer channels."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        self.stride = stride
        norm_layer = norm_layer or nn.BatchNorm2d
        options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        hidden = int(round(inp * expand_ratio))
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expand_ratio != 1:
            layers.append(Conv2dNormActivation(inp, hidden, kernel_size=1, **options))
        layers += [
            Conv2dNormActivation(hidden, hidden, stride=stride, groups=hidden, **options),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# Expansion, channels, blocks, stride of the first.
_SETTING = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


class MobileNetV2(nn.Module):
    """Inverted residuals; `width_mult` scales the channels."""

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                f"inverted_residual_setting should be non-empty or a 4-element list, got {setting}"
            )
        options = {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
        width = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features = [Conv2dNormActivation(3, width, stride=2, **options)]
        for expansion, channels, count, stride in setting:
            out = make_divisible(channels * width_mult, round_nearest)
            for i in range(count):
                step = stride if i == 0 else 1
                features.append(
                    block(width, out, step, expand_ratio=expansion, norm_layer=norm_layer)
                )
                width = out
        features.append(Conv2dNormActivation(width, self.last_channel, kernel_size=1, **options))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.last_channel, num_classes)
        )
        initialize(self, fan_out_normal, small_normal)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(cnn.flatten(x, 1))


define(MobileNetV2, {"mobilenet_v2": {}})
__all__ = ["MobileNetV2", "mobilenet_v2"]  # noqa: F822
