"""Tan and Le, "EfficientNet", 2019; "EfficientNetV2", 2021."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import cnn
from cnn import nn
from cnn.nn import init

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic import StochasticDepth
from ._api import define, fan_out_normal, initialize, make_divisible


@dataclass
class StageConfig:
    """Blocks of one kind: expansion, kernel, stride of the first, channels, how many."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    fused: bool = False

    def scaled(self, width_mult, depth_mult):
        """Wider and deeper."""
        return replace(
            self,
            input_channels=make_divisible(self.input_channels * width_mult, 8),
            out_channels=make_divisible(self.out_channels * width_mult, 8),
            num_layers=int(math.ceil(self.num_layers * depth_mult)),
        )


class _Block(nn.Module):
    """What the blocks share: what came in is added where it fits."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        wide = make_divisible(cnf.input_channels * cnf.expand_ratio, 8)
        self.block = nn.Sequential(*self._layers(cnf, wide, norm_layer))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


def _conv(norm_layer, *channels, activation=nn.SiLU, **options):
    return Conv2dNormActivation(
        *channels, norm_layer=norm_layer, activation_layer=activation, **options
    )


class MBConv(_Block):
    """More channels, a convolution of each of them, weighed, fewer channels."""

    def _layers(self, cnf, wide, norm_layer):
        conv = partial(_conv, norm_layer)
        layers = []
        if wide != cnf.input_channels:
            layers.append(conv(cnf.input_channels, wide, kernel_size=1))
        layers.append(conv(wide, wide, kernel_size=cnf.kernel, stride=cnf.stride, groups=wide))
        squeezed = max(1, cnf.input_channels // 4)
        layers.append(SqueezeExcitation(wide, squeezed, activation=partial(nn.SiLU, inplace=True)))
        layers.append(conv(wide, cnf.out_channels, kernel_size=1, activation=None))
        return layers


class FusedMBConv(_Block):
    """More channels by a convolution, fewer channels."""

    def _layers(self, cnf, wide, norm_layer):
        conv = partial(_conv, norm_layer)
        first = {"kernel_size": cnf.kernel, "stride": cnf.stride}
        if wide == cnf.input_channels:
            return [conv(cnf.input_channels, cnf.out_channels, **first)]
        return [
            conv(cnf.input_channels, wide, **first),
            conv(wide, cnf.out_channels, kernel_size=1, activation=None),
        ]


def _last_linear(weight):
    bound = 1.0 / math.sqrt(weight.shape[0])
    init.uniform_(weight, -bound, bound)


class EfficientNet(nn.Module):
    """Stages of blocks."""

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        norm_layer = norm_layer or nn.BatchNorm2d
        first = inverted_residual_setting[0].input_channels
        layers = [_conv(norm_layer, 3, first, kernel_size=3, stride=2)]
        total, done = sum(cnf.num_layers for cnf in inverted_residual_setting), 0
        for cnf in inverted_residual_setting:
            stage = []
            for _ in range(cnf.num_layers):
                if stage:
                    cnf = replace(cnf, input_channels=cnf.out_channels, stride=1)
                block = FusedMBConv if cnf.fused else MBConv
                stage.append(block(cnf, stochastic_depth_prob * float(done) / total, norm_layer))
                done += 1
            layers.append(nn.Sequential(*stage))
        width = inverted_residual_setting[-1].out_channels
        last = last_channel if last_channel is not None else 4 * width
        layers.append(_conv(norm_layer, width, last, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes)
        )
        initialize(self, fan_out_normal, _last_linear)

    def forward(self, x):
        return self.classifier(cnn.flatten(self.avgpool(self.features(x)), 1))


_B = (
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
)  # fmt: skip
_V2 = {
    "s": ((1, 3, 1, 24, 24, 2, True), (4, 3, 2, 24, 48, 4, True), (4, 3, 2, 48, 64, 4, True),
          (4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)),
    "m": ((1, 3, 1, 24, 24, 3, True), (4, 3, 2, 24, 48, 5, True), (4, 3, 2, 48, 80, 5, True),
          (4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18),
          (6, 3, 1, 304, 512, 5)),
    "l": ((1, 3, 1, 32, 32, 4, True), (4, 3, 2, 32, 64, 7, True), (4, 3, 2, 64, 96, 7, True),
          (4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25),
          (6, 3, 1, 384, 640, 7)),
}  # fmt: skip


def _efficientnet(rows, dropout, width_mult=1.0, depth_mult=1.0, **options):
    """Stages of inverted residuals, scaled in depth and width."""
    setting = [StageConfig(*row) for row in rows]
    if (width_mult, depth_mult) != (1.0, 1.0):
        setting = [cnf.scaled(width_mult, depth_mult) for cnf in setting]
    return EfficientNet(setting, dropout, **options)


def _b(dropout, width_mult, depth_mult, **options):
    return {
        "rows": _B, "dropout": dropout, "width_mult": width_mult, "depth_mult": depth_mult,
        **options,
    }  # fmt: skip


def _v2(size, dropout):
    norm = partial(nn.BatchNorm2d, eps=0.001)
    return {"rows": _V2[size], "dropout": dropout, "last_channel": 1280, "norm_layer": norm}


_SLOW = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_VARIANTS = {
    "efficientnet_b0": _b(0.2, 1.0, 1.0),
    "efficientnet_b1": _b(0.2, 1.0, 1.1),
    "efficientnet_b2": _b(0.3, 1.1, 1.2),
    "efficientnet_b3": _b(0.3, 1.2, 1.4),
    "efficientnet_b4": _b(0.4, 1.4, 1.8),
    "efficientnet_b5": _b(0.4, 1.6, 2.2, norm_layer=_SLOW),
    "efficientnet_b6": _b(0.5, 1.8, 2.6, norm_layer=_SLOW),
    "efficientnet_b7": _b(0.5, 2.0, 3.1, norm_layer=_SLOW),
    "efficientnet_v2_s": _v2("s", 0.2),
    "efficientnet_v2_m": _v2("m", 0.3),
    "efficientnet_v2_l": _v2("l", 0.4),
}
define(_efficientnet, _VARIANTS)
__all__ = ["EfficientNet", *_VARIANTS]
