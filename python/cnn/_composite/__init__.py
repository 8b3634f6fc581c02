"""Functions composed of others, where one kernel of their own would gain nothing."""

from __future__ import annotations

from .. import _faces
from .arithmetic import cross, diff, dist, inner, isin, kron
from .choices import combinations, tril_indices, triu_indices
from .elements import (
    apply_,
    dense_dim,
    dequantize,
    dim_order,
    is_distributed,
    is_nonzero,
    map2_,
    map_,
    module_load,
    record_stream,
    refusing_methods,
    reinforce,
    sparse_dim,
    to_dense,
)
from .histograms import histc, histogram, histogramdd
from .integrals import cumulative_trapezoid, gradient, trapezoid, trapz
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
from .statistics import corrcoef, cov, nanquantile, quantile

__all__ = [
    "column_stack", "combinations", "corrcoef", "cov", "cross", "cumulative_trapezoid",
    "dequantize", "diagflat", "diff", "dist", "dstack", "fliplr", "flipud", "gradient", "histc",
    "histogram", "histogramdd", "hstack", "inner", "is_distributed", "is_floating_point",
    "is_nonzero", "is_tensor", "isin", "isreal", "kron", "nanquantile", "numel", "quantile",
    "rot90", "row_stack", "tile", "trapezoid", "trapz", "tril_indices", "triu_indices", "vstack",
]  # fmt: skip

# Those that are methods of Tensor as well.
METHODS = [
    "corrcoef", "cov", "cross", "dequantize", "diagflat", "diff", "dist", "fliplr", "flipud",
    "histc", "histogram", "inner", "is_distributed", "is_nonzero", "isreal", "kron", "nanquantile",
    "quantile", "rot90", "tile",
]  # fmt: skip
# Those that are methods only.
_METHODS_ONLY = [
    apply_, dense_dim, dim_order, map2_, map_, module_load, record_stream, reinforce, sparse_dim,
    to_dense,
]  # fmt: skip

for _name in __all__:
    globals()[_name].__module__ = "cnn"  # where users and pickles find them
_faces.let_override(globals(), [n for n in __all__ if n != "is_tensor"])  # which asks of a type


def own_methods():
    """Methods of Tensor that are no functions of `cnn`: {name: function}."""
    methods = {f.__name__: f for f in _METHODS_ONLY} | refusing_methods()
    _faces.let_override(methods, list(methods))
    return methods
