"""Ma et al., "ShuffleNet V2", 2018."""

from __future__ import annotations

import cnn
from cnn import nn
from cnn.nn.functional import channel_shuffle

from ._api import define


def _pointwise(i, o):
    return [nn.Conv2d(i, o, kernel_size=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]


def _depthwise(i, stride):
    conv = nn.Conv2d(i, i, kernel_size=3, stride=stride, padding=1, bias=False, groups=i)
    return [conv, nn.BatchNorm2d(i)]


class InvertedResidual(nn.Module):
    """Half of the channels, or all at stride 2, through three convolutions; then shuffled."""

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. If "
                "stride == 1 then inp should be equal to oup // 2 << 1."
            )
        self.stride = stride
        first = [*_depthwise(inp, stride), *_pointwise(inp, half)] if stride > 1 else []
        self.branch1 = nn.Sequential(*first)
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else half, half),
            *_depthwise(half, stride),
            *_pointwise(half, half),
        )

    def forward(self, x):
        if self.stride == 1:
            x1, x2 = x.chunk(2, dim=1)
            out = cnn.cat((x1, self.branch2(x2)), dim=1)
        else:
            out = cnn.cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNetV2(nn.Module):
    """Three stages of blocks."""

    def __init__(
        self,
        stages_repeats,
        stages_out_channels,
        num_classes=1000,
        inverted_residual=InvertedResidual,
    ):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        first, *stages, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        width = first
        for i, (count, out) in enumerate(zip(stages_repeats, stages), 2):
            blocks = [inverted_residual(width, out, 2)]
            blocks += [inverted_residual(out, out, 1) for _ in range(count - 1)]
            setattr(self, f"stage{i}", nn.Sequential(*blocks))
            width = out
        self.conv5 = nn.Sequential(*_pointwise(width, last))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


_VARIANTS = {
    f"shufflenet_v2_x{name}": {"stages_repeats": [4, 8, 4], "stages_out_channels": channels}
    for name, channels in {
        "0_5": [24, 48, 96, 192, 1024],
        "1_0": [24, 116, 232, 464, 1024],
        "1_5": [24, 176, 352, 704, 1024],
        "2_0": [24, 244, 488, 976, 2048],
    }.items()
}
define(ShuffleNetV2, _VARIANTS)
__all__ = ["ShuffleNetV2", *_VARIANTS]
