"""Transforms of pictures, with torchvision's names, arguments and random draws."""

from __future__ import annotations

from .autoaugment import *  # noqa: F403
from .colours import *  # noqa: F403
from .containers import *  # noqa: F403
from .conversions import *  # noqa: F403
from .functional import InterpolationMode as InterpolationMode
from .geometry import *  # noqa: F403


def __getattr__(name):
    if name in ("functional", "v2"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
