"""Products and differences of tensors, differences of neighbours, membership."""

from __future__ import annotations

from .. import _C
from .._refusals import dim_of, into
from ..functional import tensordot


def inner(input, other, *, out=None):
    """Sums of products over the last dimensions."""
    if input.dim() == 0 or other.dim() == 0:
        return _C.mul(input, other, out=out)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]), out)


def kron(input, other, *, out=None):
    """Kronecker product."""
    n = max(input.dim(), other.dim())
    a = input.reshape((1,) * (n - input.dim()) + tuple(input.shape))
    b = other.reshape((1,) * (n - other.dim()) + tuple(other.shape))
    left = [s for d in range(n) for s in (a.shape[d], 1)]
    right = [s for d in range(n) for s in (1, b.shape[d])]
    product = a.reshape(left) * b.reshape(right)
    return into(out, product.reshape([a.shape[d] * b.shape[d] for d in range(n)]), "kron")


def cross(input, other, dim=None, *, out=None):
    """Cross product of 3-vectors along `dim` (the first dimension of size 3 when none)."""
    if dim is None:
        dim = next((d for d, s in enumerate(input.shape) if s == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    dim = dim_of(input, dim)
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. "
            f"Got {input.shape[dim]} and {other.shape[dim]}"
        )
    if input.dtype != other.dtype:
        raise RuntimeError(f"cross: expected one dtype, but found {input.dtype} and {other.dtype}")
    if input.dtype == _C.bool:
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    a, b = _C.broadcast_tensors(input, other)
    a1, b1 = _C.roll(a, (-1,), (dim,)), _C.roll(b, (-1,), (dim,))
    a2, b2 = _C.roll(a, (-2,), (dim,)), _C.roll(b, (-2,), (dim,))
    return into(out, a1 * b2 - a2 * b1, "cross")


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
    given = [x for x in (elements, test_elements) if isinstance(x, _C.Tensor)]
    device = given[0].device if given else None
    elements, tests = (
        x if isinstance(x, _C.Tensor) else _C.tensor(x, device=device)
        for x in (elements, test_elements)
    )
    if _C.bool in (elements.dtype, tests.dtype):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    found = (elements.unsqueeze(-1) == tests.reshape(-1)).any(-1)
    return into(out, ~found if invert else found, "isin")
