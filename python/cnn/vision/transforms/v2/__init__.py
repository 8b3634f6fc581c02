"""Transforms of whole samples: pictures, masks and labels in any nesting of lists and dicts, all
changed by one draw. A sample's first plain tensor is its picture, unless it has another one.
"""

from __future__ import annotations

from ..autoaugment import AutoAugmentPolicy as AutoAugmentPolicy
from ..functional import InterpolationMode as InterpolationMode
from ._mixing import *  # noqa: F403
from ._samples import *  # noqa: F403
from ._transform import Transform as Transform


def __getattr__(name):
    if name == "functional":
        from importlib import import_module

        return import_module(f"{__name__}.functional")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
