"""Padding by mirrors and edges, and images in other sizes."""

from __future__ import annotations

import numpy as np

from op_cases import Op, X, case, error


def pad(mode):
    def reference(x, padding):
        pairs = [(0, 0)] * (x.ndim - len(padding) // 2) + list(zip(padding[::2], padding[1::2]))[
            ::-1
        ]
        return np.pad(x, pairs, mode=mode)

    return reference


def apply(matrices, x):
    """Multiplies the last dimensions by a [out, in] matrix each."""
    for axis, matrix in zip(range(x.ndim - len(matrices), x.ndim), matrices):
        x = np.moveaxis(np.tensordot(x, matrix, (axis, 1)), -1, axis)
    return x


def source(i, size, out, align):
    if align:
        return i * (size - 1) / (out - 1) if out > 1 else 0.0
    return (i + 0.5) * size / out - 0.5


def nearest(shift):
    def matrix(size, out):
        return np.eye(size)[[int((i + shift) * size / out) for i in range(out)]]

    return lambda x, size: apply([matrix(n, o) for n, o in zip(x.shape[2:], size)], x)


def linear_matrix(size, out, align):
    m = np.zeros((out, size))
    for i in range(out):
        at = max(source(i, size, out, align), 0.0)
        low = min(int(at), size - 1)
        m[i, low] += 1 - (at - low)
        m[i, min(low + 1, size - 1)] += at - low
    return m


def cubic_matrix(size, out, align):
    """The kernel of Keys (1981) with a = -0.75; the edge goes on for ever."""
    m, a = np.zeros((out, size)), -0.75
    for i in range(out):
        at = source(i, size, out, align)
        for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            d = abs(at - j)
            near = (a + 2) * d**3 - (a + 3) * d**2 + 1
            m[i, min(max(j, 0), size - 1)] += near if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4)
    return m


def smooth_matrix(size, out, width, align=False):
    """A filter of 2 or 4 inputs, stretched where the image shrinks; weights of a row sum up to 1."""
    m, a = np.zeros((out, size)), -0.5
    step = source(1, size, out, True) if align else size / out
    stretch = max(step, 1.0)
    for i in range(out):
        for j in range(size):
            d = abs(j + 0.5 - (i + 0.5) * step) / stretch
            if width == 2:
                m[i, j] = max(1 - d, 0)
            elif d < 2:
                near = (a + 2) * d**3 - (a + 3) * d**2 + 1
                m[i, j] = near if d < 1 else a * (d**3 - 5 * d**2 + 8 * d - 4)
    return m / m.sum(1, keepdims=True)


def smooth(width):
    return separable(lambda size, out, align: smooth_matrix(size, out, width, align))


def separable(matrix):
    return lambda x, size, align: apply([matrix(n, o, align) for n, o in zip(x.shape[2:], size)], x)


def image(n):
    return X(*(1, 2, 4, 3, 2)[: 2 + n])


def pads(n):
    widths, alone = (1, 2, 2, 0, 1, 1)[: 2 * n], X(*(2, 4, 3, 3)[: 1 + n])
    big = {1: X(8, 32, 4096), 2: X(8, 32, 64, 64), 3: X(4, 16, 16, 32, 32)}[n]
    whole = (1,) * (2 * n)
    wide = error(RuntimeError, "[Pp]adding", X(*(1, 2, 3, 3, 3)[: 2 + n]), (3,) * (2 * n))
    x = X(*(1, 1, 2, 3, 3) if n == 3 else (1, 2, 3, 3)[: 2 + n])
    return [
        Op(f"reflection_pad{n}d", pad("reflect"), [case(x, widths), case(alone, whole)], large=case(big, whole),
           errors=[wide]),
        Op(f"replication_pad{n}d", pad("edge"), [case(x, widths), case(alone, whole)], large=case(big, whole),
           errors=[error(RuntimeError, None, x, (1,))]),
    ]  # fmt: skip


def sizes(n):
    return [(7, 5, 3)[:n], (2, 2, 1)[:n]]


def resize(name, n, reference, aligned=True):
    cases = [
        case(image(n), s, *a) for s in sizes(n) for a in ([(False,), (True,)] if aligned else [()])
    ]
    wrong = error(RuntimeError, None, image(n), (0,) * n, *((False,) if aligned else ()))
    return Op(name, reference, cases, tolerance=8, errors=[wrong])


ROWS = [
    *(row for n in (1, 2, 3) for row in pads(n)),
    *(resize(f"upsample_nearest{n}d", n, nearest(0.0), False) for n in (1, 2, 3)),
    *(resize(f"_upsample_nearest_exact{n}d", n, nearest(0.5), False) for n in (1, 2, 3)),
    resize("upsample_linear1d", 1, separable(linear_matrix)),
    resize("upsample_bilinear2d", 2, separable(linear_matrix)),
    resize("upsample_trilinear3d", 3, separable(linear_matrix)),
    resize("upsample_bicubic2d", 2, separable(cubic_matrix)),
    resize("_upsample_bilinear2d_aa", 2, smooth(2)),
    resize("_upsample_bicubic2d_aa", 2, smooth(4)),
]
