"""Differences of tensors, and of neighbours; membership."""

from __future__ import annotations

from .. import _C
from .queries import is_tensor
from .results import into


def dist(input, other, p=2):
    """The p-norm of input - other."""
    return (input - other).norm(p)


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """Differences of neighbours along `dim`, n times."""
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:  # nothing is put before or behind it either
        return into(out, input.clone(), "diff")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = _C.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim]
        if size == 0:
            break
        high, low = x.narrow(dim, 1, size - 1), x.narrow(dim, 0, size - 1)
        x = high ^ low if x.dtype == _C.bool else high - low
    return into(out, x, "diff")


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Is each element among test_elements?"""
    elements = elements if is_tensor(elements) else _C.tensor(elements)
    tests = test_elements if is_tensor(test_elements) else _C.tensor(test_elements)
    if _C.bool in (elements.dtype, tests.dtype):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    found = (elements.unsqueeze(-1) == tests.reshape(-1)).any(-1)
    return into(out, ~found if invert else found, "isin")
