"""Padding of the last one, two or three dimensions."""

from __future__ import annotations

from .. import functional as F
from .module import Module
from .utils import _pair, _quadruple, _sextuple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """Padding (left, right, top, bottom, front, back), or one number for all sides."""

    __constants__ = ["padding"]
    _mode = "constant"

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _Pad1d(_PadNd):
    def __init__(self, padding):
        super().__init__()
        self.padding = _pair(padding)


class _Pad2d(_PadNd):
    def __init__(self, padding):
        super().__init__()
        self.padding = _quadruple(padding)


class _Pad3d(_PadNd):
    def __init__(self, padding):
        super().__init__()
        self.padding = _sextuple(padding)


class _CircularPadNd:
    """Pads with the values from the other side."""

    _mode = "circular"

    def forward(self, input):
        n = len(self.padding) // 2
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd, _Pad1d):
    """Pads [N, C, W] or [C, W] with the values from the other side."""


class CircularPad2d(_CircularPadNd, _Pad2d):
    """Pads [N, C, H, W] or [C, H, W] with the values from the other side."""


class CircularPad3d(_CircularPadNd, _Pad3d):
    """Pads [N, C, D, H, W] or [C, D, H, W] with the values from the other side."""


class ReflectionPad1d(_Pad1d):
    """Mirrors the last dimension at its borders, which are not repeated."""

    _mode = "reflect"


class ReflectionPad2d(_Pad2d):
    """Mirrors the last two dimensions at their borders, which are not repeated."""

    _mode = "reflect"


class ReflectionPad3d(_Pad3d):
    """Mirrors the last three dimensions at their borders, which are not repeated."""

    _mode = "reflect"


class ReplicationPad1d(_Pad1d):
    """Repeats the border of the last dimension."""

    _mode = "replicate"


class ReplicationPad2d(_Pad2d):
    """Repeats the borders of the last two dimensions."""

    _mode = "replicate"


class ReplicationPad3d(_Pad3d):
    """Repeats the borders of the last three dimensions."""

    _mode = "replicate"


class _ConstantPadNd:
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd, _Pad1d):
    """Pads the last dimension with a value."""


class ConstantPad2d(_ConstantPadNd, _Pad2d):
    """Pads the last two dimensions with a value."""


class ConstantPad3d(_ConstantPadNd, _Pad3d):
    """Pads the last three dimensions with a value."""


class _ZeroPadNd:
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd, ConstantPad1d):
    """Pads the last dimension with zeros."""


class ZeroPad2d(_ZeroPadNd, ConstantPad2d):
    """Pads the last two dimensions with zeros."""


class ZeroPad3d(_ZeroPadNd, ConstantPad3d):
    """Pads the last three dimensions with zeros."""
