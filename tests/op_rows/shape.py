"""Views and copies in other shapes."""

from __future__ import annotations

import numpy as np

from op_cases import ALL, Index, Op, X, case, error

A = X(2, 3)
B = X(2, 3, 4)
DIM = error(IndexError, "out of range", X(2, 3), 2)


def same_bytes(name, reference, *cases, **options):
    """A row of an op that only moves elements."""
    return Op(name, reference, list(cases), dtypes=ALL, **options)


def view(x, *size):
    return x.reshape(size[0] if isinstance(size[0], tuple) else size)


def swap(x, a, b):
    return x if x.ndim == 0 else np.swapaxes(x, a, b)


def expand(x, *size):
    size = size[0] if isinstance(size[0], tuple) else size
    own = (1,) * (len(size) - x.ndim) + x.shape
    return np.broadcast_to(x, [h if s == -1 else s for s, h in zip(size, own)])


def squeeze(x, dim=None):
    dims = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    return x.reshape(
        [n for i, n in enumerate(x.shape) if n != 1 or i not in [d % x.ndim for d in dims]]
    )


def windows(x, dim, size, step):
    whole = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return np.moveaxis(np.moveaxis(whole, dim, 0)[::step], 0, dim)


def split(x, size, dim=0):
    n = x.shape[dim]
    ends = np.cumsum(size)[:-1] if isinstance(size, (list, tuple)) else range(size, n, size)
    return np.split(x, list(ends), axis=dim)


def chunk(x, count, dim=0):
    return split(x, -(-x.shape[dim] // count), dim)


def tensor_split(x, at, dim=0):
    return np.array_split(x, at if isinstance(at, int) else list(at), axis=dim)


def pad(x, widths, value=0):
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[::2], widths[1::2]))[::-1]
    x = np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], constant_values=value)
    return x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape))]


def strided(x, size, stride, offset=0):
    places = sum(
        np.arange(n).reshape([-1 if j == i else 1 for j in range(len(size))]) * stride[i]
        for i, n in enumerate(size)
    )
    return x.ravel()[places + offset]


def strided_scatter(x, src, size, stride, offset=0):
    out = x.ravel().copy()
    out[strided(np.arange(x.size), size, stride, offset)] = src
    return out.reshape(x.shape)


def diag(x, k=0):
    return np.diag(x, k)


def diag_embed(x, k=0, dim1=-2, dim2=-1):
    n = x.shape[-1] + abs(k)
    out = np.zeros(x.shape[:-1] + (n, n), x.dtype)
    i = np.arange(x.shape[-1])
    out[..., i + max(-k, 0), i + max(k, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def sum_to(x, *size):
    size = size[0] if isinstance(size[0], tuple) else size
    x = x.sum(axis=tuple(range(x.ndim - len(size))))
    for i, n in enumerate(size):
        x = x.sum(axis=i, keepdims=True) if n == 1 else x
    return x


def roll(x, shifts, dims=()):
    return np.roll(x, shifts, None if dims == () else dims)


SIZE = error(RuntimeError, "invalid for input of size", X(2, 3), (4, 2))
BIG = X(1024, 1030)

ROWS = [
    same_bytes("view", view, case(A, 3, 2), case(A, (6,)), case(A, -1, 2), case(X(0, 3), (3, 0)), case(X(), (1, 1)),
               strided=False, errors=[SIZE, error(RuntimeError, "only one dimension", X(2, 3), (-1, -1)),
               error(RuntimeError, "invalid shape", X(2, 3), (-2, 3))]),
    same_bytes("reshape", view, case(A, (3, 2)), case(A, (-1,)), case(X(0, 3), (3, 0)), case(X(), (1,)), errors=[SIZE]),
    same_bytes("view_as", lambda x, y: x.reshape(y.shape), case(A, X(3, 2, grad=False)), strided=False, mixed=True),
    same_bytes("reshape_as", lambda x, y: x.reshape(y.shape), case(A, X(3, 2, grad=False)), mixed=True),
    same_bytes("ravel", np.ravel, case(A), case(X()), case(X(0, 2))),
    same_bytes("flatten", lambda x, a=0,
               b=-1: x.reshape(x.shape[:a] + (-1,) + x.shape[b % x.ndim + 1:]) if x.ndim else x.reshape(1), case(B),
               case(B, 1), case(B, 0, 1), case(X()), errors=[DIM, error(RuntimeError, "start_dim", X(2, 3), 1, 0)]),
    same_bytes("unflatten", lambda x, d, s: x.reshape(x.shape[:d % x.ndim] + tuple(s) + x.shape[d % x.ndim + 1:]),
               case(X(2, 6), 1, (2, 3)), case(X(6, 2), 0, (3, 2)),
               errors=[error(RuntimeError, "", X(2, 6), 1, (4, 2))]),
    same_bytes("expand", expand, case(X(3, 1), 3, 4), case(X(3, 1), (2, -1, 4)), case(X(), (2, 2)),
               case(X(1, 3), (0, 3)), errors=[error(RuntimeError, "must match the existing size", X(2, 3), (2, 4)),
               error(RuntimeError, "number of sizes", X(2, 3), (3,))]),
    same_bytes("expand_as", lambda x, y: np.broadcast_to(x, y.shape), case(X(3, 1), X(2, 3, 4, grad=False)),
               mixed=True),
    same_bytes("broadcast_to", expand, case(X(3, 1), (3, 4)),
               errors=[error(RuntimeError, "must match the existing size", X(2, 3), (2, 4))]),
    same_bytes("permute", lambda x, *d: np.transpose(x, d[0] if isinstance(d[0], tuple) else d), case(B, (2, 0, 1)),
               case(B, (0, -1, 1)), errors=[error(RuntimeError, "", X(2, 3), (0,)),
               error(RuntimeError, "", X(2, 3), (0, 0))]),
    same_bytes("transpose", swap, case(B, 0, 2), case(B, -1, 1), case(X(), 0, -1),
               errors=[error(IndexError, "out of range", X(2, 3), 0, 2)]),
    same_bytes("swapaxes", swap, case(B, 0, 2)),
    same_bytes("swapdims", swap, case(B, 0, 2)),
    same_bytes("t", np.transpose, case(A), case(X(3)), case(X()),
               errors=[error(RuntimeError, "2 dimensions", X(2, 2, 2))]),
    same_bytes("adjoint", lambda x: np.swapaxes(x, -1, -2), case(A), case(B), large=case(BIG),
               errors=[error(RuntimeError, "matrices", X(3))]),
    same_bytes("movedim", np.moveaxis, case(B, 0, 2), case(B, (0, 1), (1, 2)),
               errors=[error(RuntimeError, "", X(2, 3), (0, 1), (0,))]),
    same_bytes("moveaxis", np.moveaxis, case(B, 0, 2)),
    same_bytes("select", lambda x, d, i: np.take(x, i, d), case(B, 1, 2), case(B, -1, -1),
               errors=[error(IndexError, "", X(2, 3), 1, 3), error(IndexError, "", X(), 0, 0)]),
    same_bytes("narrow", lambda x, d, s, n: np.take(x, range(s, s + n), d), case(B, 1, 1, 2), case(B, -1, 0, 0),
               errors=[error(RuntimeError, "", X(2, 3), 1, 2, 2), error(RuntimeError, "", X(2, 3), 1, 0, -1)]),
    same_bytes("squeeze", squeeze, case(X(2, 1, 3, 1)), case(X(2, 1, 3, 1), 1), case(X(2, 1, 3, 1), (1, 2)),
               case(X(2, 1), 0), errors=[DIM]),
    same_bytes("unsqueeze", np.expand_dims, case(A, 0), case(A, -1), case(X(), 0),
               errors=[error(IndexError, "out of range", X(2, 3), 3)]),
    same_bytes("diagonal", lambda x, k=0, a=0, b=1: np.diagonal(x, k, a, b), case(A), case(B, 1, 1, 2), case(A, -1),
               errors=[error(RuntimeError, "identical", X(2, 3), 0, 1, 1)]),
    same_bytes("unfold", windows, case(B, 2, 2, 1), case(B, 1, 2, 2),
               errors=[error(RuntimeError, "", X(3), 0, 4, 1), error(RuntimeError, "", X(3), 0, 1, 0)]),
    same_bytes("split", split, case(X(5, 2), 2), case(A, 2, 1), case(A, [1, 2], 1),
               errors=[error(RuntimeError, "", X(3), -1), error(RuntimeError, "", X(3), [1, 1])]),
    same_bytes("split_with_sizes", split, case(A, [1, 2], 1), errors=[error(RuntimeError, "", X(3), [1, 1])]),
    same_bytes("chunk", chunk, case(X(5, 2), 3), case(A, 2, 1), errors=[error(RuntimeError, "", X(3), 0)]),
    same_bytes("tensor_split", tensor_split, case(X(5, 2), 3), case(X(5, 2), (1, 3)),
               errors=[error(RuntimeError, "", X(3), 0)]),
    same_bytes("hsplit", lambda x, at: np.hsplit(x, at), case(A, 3), case(A, (1,)), case(X(4), 2), large=case(BIG, 2),
               errors=[error(RuntimeError, "not divisible", X(2, 3), 2), error(RuntimeError, "at least 1", X(), 1)]),
    same_bytes("vsplit", lambda x, at: np.vsplit(x, at), case(A, 2), case(A, (1, 3)), large=case(BIG, 4),
               errors=[error(RuntimeError, "not divisible", X(3, 2), 2), error(RuntimeError, "at least 2", X(3), 1)]),
    same_bytes("dsplit", lambda x, at: np.dsplit(x, at), case(X(2, 3, 4), 2), case(B, (1,)),
               large=case(X(64, 128, 128), 2), errors=[error(RuntimeError, "not divisible", X(2, 2, 3), 2),
               error(RuntimeError, "at least 3", X(3, 3), 1)]),
    same_bytes("unbind", lambda x, d=0: list(np.moveaxis(x, d, 0)), case(A), case(B, 1),
               errors=[error(IndexError, "", X(2), 1)]),
    same_bytes("as_strided_scatter", strided_scatter, case(X(6), X(2, 2), (2, 2), (2, 1), 1), strided=False),
    same_bytes("as_strided", strided, case(X(6), (2, 2), (2, 1), 1), case(X(6), (3, 2), (1, 1)),
               case(X(4), (0, 2), (1, 1)), strided=False, meta=True, in_place=False,
               errors=[error(RuntimeError, None, X(6), (4, 4), (2, 1)), error(RuntimeError, None, X(6), (2,), (1, 1)),
               error(RuntimeError, None, X(6), (2,), (-1,))]),
    same_bytes("flip", lambda x, d: np.flip(x, d), case(A, (0,)), case(B, (0, -1)), large=case(BIG, (0, 1)),
               errors=[error(IndexError, "", X(2), (1,)), error(RuntimeError, "", X(2, 2), (0, 0))]),
    same_bytes("roll", roll, case(A, 1), case(A, 1, 0), case(B, (1, -1), (0, 2)), case(X(0, 3), 1),
               large=case(BIG, 3, 0), errors=[error(RuntimeError, "", X(2, 3), (1, 2), (0,)),
               error(IndexError, "no dimensions", X(), 1, 0)]),
    same_bytes("repeat", lambda x, *n: np.tile(x, n[0] if isinstance(n[0], tuple) else n), case(A, 2, 2),
               case(A, (2, 1, 1)), case(X(), (3,)), case(A, (0, 1)),
               errors=[error(RuntimeError, "", X(2, 3), (2,)), error(RuntimeError, "", X(3), (-1,))]),
    same_bytes("repeat_interleave", lambda x, n, d=None: np.repeat(x, n, d), case(A, 2), case(A, 3, 1),
               case(A, Index(2, below=4), 0), meta=False, errors=[error(RuntimeError, "", X(3), -1)]),
    same_bytes("tril", np.tril, case(X(3, 4)), case(X(2, 3, 3), 1), case(X(3, 3), -1), large=case(BIG),
               errors=[error(RuntimeError, "at least 2", X(3))]),
    same_bytes("triu", np.triu, case(X(3, 4)), case(X(2, 3, 3), 1), case(X(3, 3), -1), large=case(BIG),
               errors=[error(RuntimeError, "at least 2", X(3))]),
    same_bytes("diag_embed", diag_embed, case(A), case(A, 1), case(A, -1, 0, 2)),
    same_bytes("diag", diag, case(X(3)), case(X(3), 1), case(A), case(A, -1),
               errors=[error(RuntimeError, "", X(2, 2, 2))]),
    same_bytes("constant_pad_nd", pad, case(A, (1, 2)), case(A, (1, 0, 0, 2), 1), case(A, (-1, 1)),
               large=case(BIG, (1, 1)), errors=[error(RuntimeError, "", X(2, 3), (1,)),
               error(RuntimeError, "", X(3), (-2, -2))]),
    same_bytes("cat", lambda xs, d=0: np.concatenate(xs, d), case([A, X(1, 3)]), case([A, X(2, 2)], 1), case([A]),
               case([A, X(0, 3)]), large=case([BIG, BIG], 1),
               errors=[error(RuntimeError, "Sizes of tensors must match", [X(2, 3), X(2, 2)]),
               error(ValueError, "non-empty", []), error(IndexError, "", [X(2)], 1)]),
    same_bytes("concat", lambda xs, d=0: np.concatenate(xs, d), case([A, X(1, 3)])),
    same_bytes("concatenate", lambda xs, d=0: np.concatenate(xs, d), case([A, X(1, 3)])),
    same_bytes("stack", lambda xs, d=0: np.stack(xs, d), case([A, A]), case([A, A], -1), case([X(), X()]),
               large=case([BIG, BIG], 1), errors=[error(RuntimeError, "equal size", [X(2), X(3)]),
               error(RuntimeError, "", [])]),
    same_bytes("broadcast_tensors", lambda xs: list(np.broadcast_arrays(*xs)), case([A, X(1, 3)]), case([A, X()]),
               errors=[error(RuntimeError, "", [X(2), X(3)])]),
    same_bytes("clone", np.copy, case(A), case(X()), case(X(0, 3))),
    same_bytes("contiguous", np.copy, case(A), case(X())),
    Op("sum_to_size", sum_to, [case(A, (1, 3)), case(B, (3, 1)), case(A, (2, 3))],
       errors=[error(RuntimeError, "", X(2, 3), (4,))]),
]  # fmt: skip
