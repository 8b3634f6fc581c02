"""Index tensors: choices of elements, and the places of a triangle."""

from __future__ import annotations

from .. import _C


def combinations(input, r=2, with_replacement=False):
    """All choices of r elements of a vector, one row each."""
    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    n = input.shape[0]
    count = _choices(n + r - 1 if with_replacement and n else n, r)
    # Made first: it raises where there are too many.
    places = _C.empty((count, r), dtype=_C.int64, device=input.device)
    if count == 0:
        return input[places]
    if input.is_meta:
        return input.new_empty((count, r))
    # Each choice of k elements is followed by every element that may come after its last one and
    # leaves enough for those that are still to come.
    ends = [n if with_replacement else n - k for k in reversed(range(r))]
    columns = [_C.arange(ends[0], device=input.device)]
    for end in ends[1:]:
        last = columns[-1] if with_replacement else columns[-1] + 1
        follow = end - last
        rows = _C.arange(last.shape[0], device=input.device).repeat_interleave(follow)
        start = (follow.cumsum(0) - follow)[rows]
        columns = [c[rows] for c in columns]
        columns.append(_C.arange(rows.shape[0], device=input.device) - start + last[rows])
    return input[_C.stack(columns, 1, out=places)]


def _choices(n, r):
    """n over r, or the first of its partial products that no tensor has room for."""
    if r > n:
        return 0
    count = 1
    for i in range(min(r, n - r)):
        count = count * (n - i) // (i + 1)
        if count >= 2**63:
            raise RuntimeError(
                f"combinations: invalid size, possible overflow: {r} of {n} elements"
            )
    return count


def _triangle_indices(row, first, start, stop, options, dtype, requires_grad):
    """[2, n]: places (r, c) with start(r) <= c < stop(r), for the rows from `first` to `row`."""
    rows = _C.arange(first, row, device="cpu")  # read here, wherever the places go
    begin, end = start(rows), stop(rows)
    counts = end - begin
    r = rows.repeat_interleave(counts)
    c = _C.arange(r.shape[0], device="cpu") + (begin - counts.cumsum(0) + counts).repeat_interleave(
        counts
    )
    places = _C.empty((2, r.shape[0]), dtype=dtype or _C.int64, **options)
    places[0].copy_(r)
    places[1].copy_(c)
    return places.requires_grad_(requires_grad)


def _check_triangle(row, col, offset):
    if row < 0 or col < 0:
        raise RuntimeError(f"{'row' if row < 0 else 'col'} must be non-negative, got {row, col}")
    # Nothing beyond an edge differs from what lies at it.
    return row if col else 0, max(-row, min(offset, col))


def tril_indices(
    row, col, offset=0, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """[2, n]: rows and columns of the lower triangle, in row order."""
    row, offset = _check_triangle(row, col, offset)
    return _triangle_indices(
        row,
        min(row, max(0, -offset)),
        _C.zeros_like,
        lambda rows: (rows + (offset + 1)).clamp(0, col),
        {"layout": layout, "device": device, "pin_memory": pin_memory},
        dtype,
        requires_grad,
    )


def triu_indices(
    row, col, offset=0, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """[2, n]: rows and columns of the upper triangle, in row order."""
    row, offset = _check_triangle(row, col, offset)
    return _triangle_indices(
        min(row, max(0, col - offset)),
        0,
        lambda rows: (rows + offset).clamp(0, col),
        lambda rows: _C.full_like(rows, col),
        {"layout": layout, "device": device, "pin_memory": pin_memory},
        dtype,
        requires_grad,
    )
