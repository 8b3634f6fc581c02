"""PyTorch's operators over functions, as plain Python: `cond`, `while_loop`, `map`, `scan`."""

from __future__ import annotations

from .. import _C, _absent
from ..utils._pytree import tree_leaves, tree_map

__all__ = ["cond", "while_loop", "map", "scan", "associative_scan"]


def cond(pred, true_fn, false_fn, operands=()):
    """`true_fn(*operands)` if `pred` holds, else `false_fn(*operands)`."""
    if not isinstance(pred, (bool, _C.Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, _C.Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(
            f"Expect operands to be a tuple of possibly nested dict/list/tuple, got {operands}."
        )
    return true_fn(*operands) if pred else false_fn(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """Calls `body_fn` with what it gave last, as long as `cond_fn` of it holds."""
    values = tuple(carried_inputs)
    while cond_fn(*values):
        result = body_fn(*values)
        values = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    return values


def map(f, xs, *args):
    """`f(x, *args)` for the slices of `xs` along its first dimension, stacked."""
    size = len(tree_leaves(xs)[0])
    rows = [f(tree_map(lambda t, i=i: t[i], xs), *args) for i in range(size)]
    return tree_map(lambda *values: _C.stack(values), rows[0], *rows[1:])


def scan(combine_fn, init, xs, *, dim=0, reverse=False):
    """(carry, outputs): `combine_fn(carry, x)` gives the next carry and an output for each slice;
    the outputs are stacked along the first dimension.
    """
    size = tree_leaves(xs)[0].shape[dim]
    order = reversed(range(size)) if reverse else range(size)
    carry, rows = init, []
    for i in order:
        carry, row = combine_fn(carry, tree_map(lambda t, i=i: t.select(dim, i), xs))
        rows.append(row)
    if reverse:
        rows.reverse()
    return carry, tree_map(lambda *values: _C.stack(values), rows[0], *rows[1:])


def associative_scan(combine_fn, xs, dim, reverse=False, combine_mode="pointwise"):
    """The running combination of slices: x0, x0*x1, x0*x1*x2, ..."""
    size = tree_leaves(xs)[0].shape[dim]
    order = list(reversed(range(size)) if reverse else range(size))
    rows = [tree_map(lambda t: t.select(dim, order[0]), xs)]
    for i in order[1:]:
        rows.append(combine_fn(rows[-1], tree_map(lambda t, i=i: t.select(dim, i), xs)))
    if reverse:
        rows.reverse()
    return tree_map(lambda *values: _C.stack(values, dim), rows[0], *rows[1:])


_absent.explain(__name__)
