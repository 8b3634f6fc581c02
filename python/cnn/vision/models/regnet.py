"""Radosavovic et al., "Designing Network Design Spaces", 2020."""

from __future__ import annotations

import math
from collections import OrderedDict

from cnn import nn
from cnn.nn import init

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import define, make_divisible


class ResBottleneckBlock(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 in groups and 1 x 1, perhaps weighed, and what came in."""

    def __init__(
        self, width_in, width_out, stride, norm_layer, activation_layer, group_width, se_ratio
    ):
        super().__init__()

        def conv(i, o, activation=activation_layer, **options):
            options |= {"norm_layer": norm_layer, "activation_layer": activation}
            return Conv2dNormActivation(i, o, **options)

        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = conv(width_in, width_out, None, kernel_size=1, stride=stride)
        groups = width_out // group_width
        layers = OrderedDict(
            a=conv(width_in, width_out, kernel_size=1),
            b=conv(width_out, width_out, kernel_size=3, stride=stride, groups=groups),
        )
        if se_ratio:
            squeezed = int(round(se_ratio * width_in))
            layers["se"] = SqueezeExcitation(width_out, squeezed, activation=activation_layer)
        layers["c"] = conv(width_out, width_out, None, kernel_size=1)
        self.f = nn.Sequential(layers)
        self.activation = activation_layer(inplace=True)

    def forward(self, x):
        return self.activation((x if self.proj is None else self.proj(x)) + self.f(x))


def _stages(depth, w_0, w_a, w_m, group_width):
    """[(width, blocks, width of a group), ...]: a line of widths, w_0 + i w_a, rounded to powers
    of w_m times w_0 and to multiples of 8; blocks of one width are a stage.
    """
    if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
        raise ValueError("Invalid RegNet settings")
    widths = []
    for i in range(depth):
        power = round(math.log((w_0 + i * w_a) / w_0) / math.log(w_m))
        widths.append(round(w_0 * w_m**power / 8) * 8)
    stages = []
    for width in sorted(set(widths)):
        group = min(group_width, width)
        stages.append((make_divisible(width, group), widths.count(width), group))
    return stages


class RegNet(nn.Module):
    """Stages of bottlenecks; `stages` lists (width, blocks, width of a group)."""

    def __init__(
        self,
        stages,
        num_classes=1000,
        stem_width=32,
        se_ratio=None,
        norm_layer=None,
        activation=None,
    ):
        super().__init__()
        norm_layer, activation = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        self.stem = Conv2dNormActivation(
            3,
            stem_width,
            kernel_size=3,
            stride=2,
            norm_layer=norm_layer,
            activation_layer=activation,
        )
        width, trunk = stem_width, OrderedDict()
        for i, (out, depth, group) in enumerate(stages, 1):
            blocks = OrderedDict()
            for j in range(depth):
                first = j == 0
                blocks[f"block{i}-{j}"] = ResBottleneckBlock(
                    width if first else out,
                    out,
                    2 if first else 1,
                    norm_layer,
                    activation,
                    group,
                    se_ratio,
                )
            trunk[f"block{i}"] = nn.Sequential(blocks)
            width = out
        self.trunk_output = nn.Sequential(trunk)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                fan_out = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
                init.normal_(m.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(m, nn.BatchNorm2d):
                init.ones_(m.weight)
                init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                init.normal_(m.weight, mean=0.0, std=0.01)
                init.zeros_(m.bias)

    def forward(self, x):
        x = self.avgpool(self.trunk_output(self.stem(x)))
        return self.fc(x.flatten(start_dim=1))


def _regnet(depth, w_0, w_a, w_m, group_width, **options):
    """Stages of bottlenecks whose widths lie on a line."""
    return RegNet(_stages(depth, w_0, w_a, w_m, group_width), **options)


# depth, w_0, w_a, w_m, width of a group
_X = {
    "400mf": (22, 24, 24.48, 2.54, 16), "800mf": (16, 56, 35.73, 2.28, 16),
    "1_6gf": (18, 80, 34.01, 2.25, 24), "3_2gf": (25, 88, 26.31, 2.25, 48),
    "8gf": (23, 80, 49.56, 2.88, 120), "16gf": (22, 216, 55.59, 2.1, 128),
    "32gf": (23, 320, 69.86, 2.0, 168),
}  # fmt: skip
_Y = {
    "400mf": (16, 48, 27.89, 2.09, 8), "800mf": (14, 56, 38.84, 2.4, 16),
    "1_6gf": (27, 48, 20.71, 2.65, 24), "3_2gf": (21, 80, 42.63, 2.66, 24),
    "8gf": (17, 192, 76.82, 2.19, 56), "16gf": (18, 200, 106.23, 2.48, 112),
    "32gf": (20, 232, 115.89, 2.53, 232), "128gf": (27, 456, 160.83, 2.52, 264),
}  # fmt: skip
_NAMES = ("depth", "w_0", "w_a", "w_m", "group_width")
_VARIANTS = {f"regnet_x_{size}": dict(zip(_NAMES, row)) for size, row in _X.items()}
_VARIANTS |= {
    f"regnet_y_{size}": dict(zip(_NAMES, row)) | {"se_ratio": 0.25} for size, row in _Y.items()
}
define(_regnet, _VARIANTS)
__all__ = ["RegNet", *_VARIANTS]
