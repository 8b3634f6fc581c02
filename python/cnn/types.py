"""Names of types, for annotations and for `isinstance`, as PyTorch has them."""

import os
from builtins import bool as _bool  # noqa: F401  (where a name of the package hides the type)
from builtins import bytes as _bytes  # noqa: F401
from builtins import complex as _complex  # noqa: F401
from builtins import float as _float  # noqa: F401
from builtins import int as _int  # noqa: F401
from builtins import str as _str  # noqa: F401
from collections.abc import Sequence
from typing import IO

from . import _absent
from ._C import Size, Tensor
from ._C import device as _device
from ._C import dtype as _dtype  # noqa: F401
from ._C import layout as _layout  # noqa: F401
from .autograd.graph import GradientEdge
from .storage import _StorageBase as Storage

__all__ = ["Number", "Device", "FileLike", "Storage"]

Number = int | float | bool
_Number = (int, float, bool)  # for `isinstance`
Device = _device | str | int | None
FileLike = str | os.PathLike[str] | IO[bytes]

_TensorOrTensors = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors = Tensor | Sequence[Tensor | None]
_TensorOrTensorsOrGradEdge = Tensor | Sequence[Tensor] | GradientEdge | Sequence[GradientEdge]
_size = Size | list[int] | tuple[int, ...]

# Sizes and numbers are Python's own here: none is a symbol.
_symsize = Size | Sequence[int]
IntLikeType, FloatLikeType, BoolLikeType = int, float, bool
py_sym_types = ()

_absent.explain(__name__)
