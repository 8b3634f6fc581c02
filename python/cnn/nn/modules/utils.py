"""Sizes per dimension, under the names that code written for PyTorch imports."""

from __future__ import annotations

from ..sizes import ntuple as _ntuple
from ..sizes import pair as _pair
from ..sizes import quadruple as _quadruple
from ..sizes import reverse_repeat as _reverse_repeat_tuple
from ..sizes import single as _single
from ..sizes import triple as _triple

__all__ = ["_ntuple", "_pair", "_quadruple", "_reverse_repeat_tuple", "_single", "_triple"]
