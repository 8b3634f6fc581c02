"""Where a composed function's result goes."""

from __future__ import annotations

from .. import _C


def into(out, result, op):
    """`result`, or `out` with the result copied into it."""
    return result if out is None else _C._copy_out(result, op, out)
