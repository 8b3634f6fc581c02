"""What transforms are made of.

A transform of one picture draws its parameters (`_draw`) and then applies them (`_change`), so
that v2 can apply what was drawn once to several things.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from enum import Enum

import cnn
from cnn import nn


def uniform(low, high):
    """A random number."""
    return cnn.empty(1).uniform_(float(low), float(high)).item()


def integer(low, high):
    """A random integer below `high`."""
    return cnn.randint(low, high, size=(1,)).item()


def shown(self, names, separator=", "):
    """Class(name=value, ...)"""
    values = ((name, getattr(self, name)) for name in names)
    parts = (f"{n}={v.value if isinstance(v, Enum) else v}" for n, v in values)
    return f"{self.__class__.__name__}({separator.join(parts)})"


class Transform(nn.Module):
    """A transform of one picture: forward(img)."""

    _shown: tuple[str, ...] = ()
    _separator = ", "

    def _draw(self, img):
        """The parameters of this call; None: the picture stays as it is."""
        return ()

    def _change(self, img, *params):
        raise NotImplementedError

    def forward(self, img):
        params = self._draw(img)
        return img if params is None else self._change(img, *params)

    def __repr__(self):
        return shown(self, self._shown, self._separator)


class RandomTransform(Transform):
    """A transform that happens with probability `p`."""

    _shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def _draw(self, img):
        return self._params(img) if cnn.rand(1) < self.p else None

    def _params(self, img):
        return ()


def size_pair(size, message="Please provide only two dimensions (h, w) for size."):
    """(height, width) of a number or of a sequence."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size


def check_sequence(x, name, *sizes):
    """TypeError or ValueError unless x is a sequence of such a length."""
    text = str(sizes[0]) if len(sizes) < 2 else " or ".join(str(s) for s in sizes)
    if not isinstance(x, Sequence):
        raise TypeError(f"{name} should be a sequence of length {text}.")
    if len(x) not in sizes:
        raise ValueError(f"{name} should be a sequence of length {text}.")


def angles(x, name, *sizes):
    """A range of angles of a number (from -x to x) or of a sequence."""
    if isinstance(x, numbers.Number):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        x = [-x, x]
    else:
        check_sequence(x, name, *sizes)
    return [float(d) for d in x]
