"""How many elements lie where."""

from __future__ import annotations

from .. import _C
from .._refusals import into, refuse_integers

_RESULTS = {}


def _named(op, hist, bin_edges):
    """A tuple with fields, whose class is made when it is asked for: that takes time."""
    if op not in _RESULTS:
        from collections import namedtuple

        _RESULTS[op] = namedtuple(op, ("hist", "bin_edges"), module="torch.return_types")
    return _RESULTS[op](hist, bin_edges)


def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements lie in each of `bins` equal parts of [min, max]; 0, 0: the data's range."""
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    refuse_integers("histogram_cpu", input)
    low, high = float(min), float(max)
    if low == high and input.numel():
        low, high = float(input.min()), float(input.max())
    if low == high:
        low, high = low - 1, high + 1
    if low != low or high != high or abs(low) == float("inf") or abs(high) == float("inf"):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    x = input.detach().reshape(-1)
    x = x[(x >= low) & (x <= high)]
    place = ((x - low) * bins / (high - low)).long().clamp(0, bins - 1)
    counts = _C.zeros(bins, dtype=input.dtype, device=input.device)
    return into(out, counts.index_add(0, place, _C.ones_like(x)), "histc")


def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): how many elements lie between edges, the last of which belongs to its bin.

    `bins` is a number of equal parts of `range` (of the data's, when none), or the edges. `weight`
    says what each element counts; `density` divides by the sum and the widths.
    """
    given = isinstance(bins, _C.Tensor)
    if given and range is not None:
        raise TypeError("histogram() takes either edges or a range")
    if weight is not None and weight.shape != input.shape:
        _refuse_weight(input.shape, weight)
    hist, edges = _count(
        "histogram",
        input.detach().reshape(-1, 1),
        [bins],
        range,
        None if weight is None else weight.reshape(-1),
        density,
    )
    if out is not None:
        hist, edges = into(out[0], hist, "histogram"), [into(out[1], edges[0], "histogram")]
    return _named("histogram", hist, edges[0])


def histogramdd(input, bins, range=None, weight=None, density=False):
    """(hist, bin_edges) of points [..., n]: how many lie in each box; the edges along each axis.

    `bins` is a number for all axes, or for each a number or the edges; `range` has two numbers for
    each axis.
    """
    if input.dim() < 2:
        raise RuntimeError(
            f"torch.histogramdd: input tensor should have at least 2 dimensions, but got "
            f"{input.dim()}"
        )
    n = input.shape[-1]
    bins = [bins] * n if isinstance(bins, int) else list(bins)
    if len(bins) != n:
        raise RuntimeError(
            "torch.histogramdd: expected 1 sequence of bin edges for each dimension of the input's "
            f"innermost dimension of size {n}, but got {len(bins)}"
        )
    if weight is not None and weight.shape != input.shape[:-1]:
        _refuse_weight(input.shape, weight)
    points = input.detach().reshape(-1, n)
    weight = None if weight is None else weight.reshape(-1)
    hist, edges = _count("histogramdd", points, bins, range, weight, density)
    return _named("histogramdd", hist, tuple(edges))


def _refuse_weight(shape, weight):
    raise RuntimeError(
        "histogramdd(): if weight tensor is provided it should have the same shape as the input "
        "tensor excluding its innermost dimension, but got input with shape "
        f"{list(shape)} and weight with shape {list(weight.shape)}"
    )


def _count(op, points, bins, limits, weight, density):
    refuse_integers(op, points)
    if weight is not None and weight.dtype != points.dtype:
        raise RuntimeError(
            f"{op}(): if weight tensor is provided, input tensor and weight tensor should have the "
            f"same dtype, but got input({points.dtype}), and weight({weight.dtype})"
        )
    edges = [_edges(op, points, axis, of, limits) for axis, of in enumerate(bins)]
    inside = _C.ones(points.shape[0], dtype=_C.bool, device=points.device)
    place = _C.zeros(points.shape[0], dtype=_C.int64, device=points.device)
    sizes = [e.shape[0] - 1 for e in edges]
    for axis, (e, size) in enumerate(zip(edges, sizes)):
        x = points[:, axis].contiguous()
        inside = inside & (x >= e[0]) & (x <= e[-1])
        at = _C.searchsorted(e, x, right=True) - 1
        place = place * size + at.clamp(0, max(size - 1, 0))
    count = 1
    for size in sizes:
        count *= size
    mass = _C.ones_like(points[:, 0]) if weight is None else weight.detach()
    hist = _C.zeros(count, dtype=points.dtype, device=points.device)
    if count:
        hist = hist.index_add(0, place[inside], mass[inside])
    hist = hist.reshape(sizes)
    if density:
        hist = hist / hist.sum()
        for axis, e in enumerate(edges):
            widths = e[1:] - e[:-1]
            hist = hist / widths.reshape([-1 if d == axis else 1 for d in range(len(sizes))])
    return hist, edges


def _edges(op, points, axis, bins, limits):
    """The given edges, or those of equal parts."""
    if isinstance(bins, _C.Tensor):
        if bins.dim() != 1 or bins.numel() == 0:
            raise RuntimeError(
                f"{op}(): bins tensor should have one dimension, but got {bins.dim()} dimensions "
                f"in the bins tensor for dimension {axis}"
            )
        if bins.dtype != points.dtype:
            raise RuntimeError(
                f"{op}(): input tensor and bins tensors should have the same dtype, but got input "
                f"with dtype {points.dtype} and bins for dimension {axis} with dtype {bins.dtype}"
            )
        return bins
    if bins <= 0:
        raise RuntimeError(f"{op}(): bins must be > 0, but got {bins} for dimension {axis}")
    if limits is not None:
        if len(limits) != 2 * points.shape[1]:
            raise RuntimeError(
                f"{op}(): for a {points.shape[1]}-dimensional histogram range should have "
                f"{2 * points.shape[1]} elements, but got {len(limits)}"
            )
        low, high = float(limits[2 * axis]), float(limits[2 * axis + 1])
    elif points.numel():
        low, high = float(points[:, axis].min()), float(points[:, axis].max())
    else:
        low, high = 0.0, 1.0
    if low - low != 0 or high - high != 0:
        raise RuntimeError(f"{op}(): dimension {axis}'s range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{op}(): min should not exceed max, but got min {low} max {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _C.linspace(low, high, bins + 1, dtype=points.dtype, device=points.device)
