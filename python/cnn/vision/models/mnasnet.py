"""Tan et al., "MnasNet", 2019."""

from __future__ import annotations

from cnn import nn
from cnn.nn import init

from ._api import define, fan_out_normal, initialize

_MOMENTUM = 1 - 0.9997


def _conv(i, o, kernel=1, stride=1, groups=1, activated=True, momentum=_MOMENTUM):
    layers = [
        nn.Conv2d(i, o, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(o, momentum=momentum),
    ]
    return [*layers, nn.ReLU(inplace=True)] if activated else layers


class _InvertedResidual(nn.Module):
    def __init__(self, in_ch, out_ch, kernel_size, stride, expansion_factor, bn_momentum=0.1):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        mid = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_conv(in_ch, mid, momentum=bn_momentum),
            *_conv(mid, mid, kernel_size, stride, mid, momentum=bn_momentum),
            *_conv(mid, out_ch, activated=False, momentum=bn_momentum),
        )

    def forward(self, input):
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def _stack(in_ch, out_ch, kernel_size, stride, expansion, repeats):
    blocks = [_InvertedResidual(in_ch, out_ch, kernel_size, stride, expansion, _MOMENTUM)]
    for _ in range(1, repeats):
        blocks.append(_InvertedResidual(out_ch, out_ch, kernel_size, 1, expansion, _MOMENTUM))
    return nn.Sequential(*blocks)


def _rounded(value):
    """The multiple of 8 next to it, not below 0.9 of it."""
    near = max(8, int(value + 4) // 8 * 8)
    return near if near >= 0.9 * value else near + 8


# Kernel, stride, expansion and number of the blocks of each stage.
_STAGES = ((3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1))


def _linear(weight):
    init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="sigmoid")


class MNASNet(nn.Module):
    """Stages of inverted residuals; `alpha` scales the channels."""

    _version = 2

    def __init__(self, alpha, num_classes=1000, dropout=0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        widths = [_rounded(width * alpha) for width in (32, 16, 24, 40, 80, 96, 192, 320)]
        first = widths[0]
        self.layers = nn.Sequential(
            *_conv(3, first, 3, 2),
            *_conv(first, first, 3, groups=first),
            *_conv(first, widths[1], activated=False),
            *(_stack(i, o, *stage) for i, o, stage in zip(widths[1:], widths[2:], _STAGES)),
            *_conv(widths[-1], 1280),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes)
        )
        initialize(self, fan_out_normal, _linear)

    def forward(self, x):
        return self.classifier(self.layers(x).mean([2, 3]))


_VARIANTS = {
    "mnasnet0_5": {"alpha": 0.5},
    "mnasnet0_75": {"alpha": 0.75},
    "mnasnet1_0": {"alpha": 1.0},
    "mnasnet1_3": {"alpha": 1.3},
}
define(MNASNet, _VARIANTS)
__all__ = ["MNASNet", *_VARIANTS]
