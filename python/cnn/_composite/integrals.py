"""Integrals and derivatives of what is sampled along a dimension."""

from __future__ import annotations

from .. import _C
from .._refusals import dim_of


def _parts(y, x, dx, dim, op):
    """(left + right, steps): sums of neighbours, and how far they are apart, twice."""
    left, right = y.narrow(dim, 0, y.shape[dim] - 1), y.narrow(dim, 1, y.shape[dim] - 1)
    if x is None:
        return left + right, dx
    if x.dim() == 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(f"{op}: There must be one `x` value for each sample point")
        x = x.reshape([-1 if d == dim else 1 for d in range(y.dim())])
    elif x.dim() < y.dim():
        x = x.reshape([1] * (y.dim() - x.dim()) + list(x.shape))
    n = x.shape[dim]
    return left + right, x.narrow(dim, 1, n - 1) - x.narrow(dim, 0, n - 1)


def _check_samples(y, x, dx, dim, op):
    if x is not None and dx is not None:
        raise TypeError(f"{op}() got an unexpected keyword argument 'dx' beside x")
    dim = dim_of(y, dim)
    if y.dtype == _C.bool or (x is not None and x.dtype == _C.bool):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{op}: received a bool input for {which}, but bool is not supported")
    return dim


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of y along dim by the trapezoidal rule, at points x or a distance dx apart."""
    dim = _check_samples(y, x, dx, dim, "trapezoid")
    if y.dim() and y.shape[dim] == 0:
        return y.new_zeros([size for d, size in enumerate(y.shape) if d != dim])
    if x is None:
        ends = y.select(dim, 0) + y.select(dim, -1)
        return (y.sum(dim) - ends * 0.5) * (1 if dx is None else dx)
    sums, steps = _parts(y, x, dx, dim, "trapezoid")
    return (sums * steps).sum(dim) / 2.0


def trapz(y, x=None, *, dx=None, dim=-1):
    """The same as trapezoid."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """Integrals of y along dim up to each point but the first, by the trapezoidal rule."""
    dim = _check_samples(y, x, dx, dim, "cumulative_trapezoid")
    if x is None:
        sums, step = _parts(y, None, 1 if dx is None else dx, dim, "cumulative_trapezoid")
        return sums.cumsum(dim) * (step / 2.0)
    sums, steps = _parts(y, x, dx, dim, "cumulative_trapezoid")
    return (sums * steps).cumsum(dim) / 2.0


def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """Derivatives of sampled values along each of `dim` (all when none), a tuple of tensors.

    `spacing`: a distance, one for each dimension, or a vector of places for each. Differences are
    central; at both ends they are of first or second order.
    """
    if input.dtype == _C.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    one = isinstance(dim, int)
    dims = [dim] if one else list(range(input.dim()) if dim is None else dim)
    spacings = [1] * len(dims) if spacing is None else spacing
    if isinstance(spacings, (list, tuple)):
        spacings = list(spacings)
        if len(spacings) != len(dims):
            if dim is not None:
                raise RuntimeError(
                    "torch.gradient expected spacing to be unspecified, a scalar, or it's spacing "
                    "and dim arguments to have the same length, but got a spacing argument of "
                    f"length {len(spacings)} and a dim argument of length {len(dims)}."
                )
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar or a list of length "
                f"equal to 'self.dim() = {input.dim()}', but got a list of length {len(spacings)}"
            )
    else:
        spacings = [spacings] * len(dims)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = [dim_of(input, d) for d in dims]
    for i, d in enumerate(dims):
        if d in dims[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        if input.dim() == 0 or input.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    return tuple(_slope(input, d, h, edge_order) for d, h in zip(dims, spacings))


def _slope(f, dim, spacing, edge_order):
    """The derivative along dim, from three neighbours each."""
    n = f.shape[dim]

    def at(first, count=1):
        return f.narrow(dim, first % n, count)

    if isinstance(spacing, _C.Tensor):
        if spacing.dim() != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an "
                f"element with {spacing.dim()} dimensions!"
            )
        if spacing.shape[0] != n:
            raise RuntimeError(
                f"torch.gradient expected {n} places along dimension {dim}, but got spacing with "
                f"{spacing.shape[0]}"
            )
        step = (spacing[1:] - spacing[:-1]).reshape([-1 if d == dim else 1 for d in range(f.dim())])
        h1, h2 = step.narrow(dim, 0, n - 2), step.narrow(dim, 1, n - 2)
        first, last = step.narrow(dim, 0, 1), step.narrow(dim, n - 2, 1)
    else:
        first = last = h1 = h2 = spacing
    if isinstance(spacing, _C.Tensor):
        parts = [
            at(0, n - 2) * (-h2 / (h1 * (h1 + h2))),
            at(1, n - 2) * ((h2 - h1) / (h1 * h2)),
            at(2, n - 2) * (h1 / (h2 * (h1 + h2))),
        ]
        middle = parts[0] + parts[1] + parts[2]
    else:
        middle = (at(2, n - 2) - at(0, n - 2)) / (spacing * 2)
    if edge_order == 1:
        before, after = (at(1) - at(0)) / first, (at(-1) - at(-2)) / last
    else:
        second = step.narrow(dim, 1, 1) if isinstance(spacing, _C.Tensor) else spacing
        other = step.narrow(dim, n - 3, 1) if isinstance(spacing, _C.Tensor) else spacing
        before = _edge((at(0), at(1), at(2)), first, second)
        after = -_edge((at(-1), at(-2), at(-3)), last, other)
    return _C.cat([before, middle, after], dim)


def _edge(f, h1, h2):
    """The derivative at the first of three points, which lie h1 and h2 apart."""
    both = h1 + h2
    return (
        f[0] * (-(h1 + both) / (h1 * both)) + f[1] * (both / (h1 * h2)) - f[2] * (h1 / (h2 * both))
    )
