"""Functions composed of others, where one kernel of their own would gain nothing."""

from __future__ import annotations

from .. import _faces
from .arithmetic import cross, diff, dist, inner, isin, kron
from .choices import combinations, tril_indices, triu_indices
from .shapes import (
    column_stack,
    diagflat,
    dstack,
    fliplr,
    flipud,
    hstack,
    is_floating_point,
    is_tensor,
    isreal,
    numel,
    rot90,
    row_stack,
    tile,
    vstack,
)
from .statistics import corrcoef, cov, histc, nanquantile, quantile

__all__ = [
    "column_stack", "combinations", "corrcoef", "cov", "cross", "diagflat", "diff", "dist",
    "dstack", "fliplr", "flipud", "histc", "hstack", "inner", "is_floating_point", "is_tensor",
    "isin", "isreal", "kron", "nanquantile", "numel", "quantile", "rot90", "row_stack", "tile",
    "tril_indices", "triu_indices", "vstack",
]  # fmt: skip

# Those that are methods of Tensor as well.
METHODS = [
    "corrcoef", "cov", "cross", "diagflat", "diff", "dist", "fliplr", "flipud", "histc",
    "inner", "isreal", "kron", "nanquantile", "quantile", "rot90", "tile",
]  # fmt: skip

for _name in __all__:
    globals()[_name].__module__ = "cnn"  # where users and pickles find them
_faces.let_override(globals(), [n for n in __all__ if n != "is_tensor"])  # which asks of a type
