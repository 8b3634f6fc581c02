"""Convolutions, pools, normalisations over channels, and losses of classes."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import FLOATS, INTS, Fixed, Index, Op, X, case, error
from op_rows.activation import reduced

DOUBLE = (cnn.float32, cnn.float64)


def tuple_of(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value) * (n if len(value) == 1 else 1)


def windows(x, kernel, stride, dilation):
    """[..., places, window] of the last dimensions."""
    n = len(kernel)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    view = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(x.ndim - n, x.ndim)))
    places = tuple(slice(None, None, s) for s in stride)
    return view[(..., *places, *(slice(None, None, d) for d in dilation))]


def padded(x, padding, value=0.0):
    return np.pad(
        x,
        [(0, 0)] * (x.ndim - len(padding))
        + [p if isinstance(p, tuple) else (p, p) for p in padding],
        constant_values=value,
    )


def conv(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    n = w.ndim - 2
    if x.ndim == n + 1:
        return conv(x[None], w, b, stride, padding, dilation, groups)[0]
    stride, dilation, kernel = tuple_of(stride, n), tuple_of(dilation, n), w.shape[2:]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel)]
        padding = [(t // 2, t - t // 2) for t in total]
    x = padded(
        x,
        tuple_of(0 if padding == "valid" else padding, n)
        if not isinstance(padding, list)
        else padding,
    )
    view = windows(x, kernel, stride, dilation)
    parts = []
    for xs, ws in zip(np.split(view, groups, axis=1), np.split(w, groups, axis=0)):
        axes = [1, *range(2 + n, 2 + 2 * n)]
        parts.append(np.moveaxis(np.tensordot(xs, ws, (axes, [1, *range(2, 2 + n)])), -1, 1))
    y = np.concatenate(parts, axis=1)
    return y if b is None else y + b.reshape(-1, *[1] * n)


def conv_transpose(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    n = w.ndim - 2
    if x.ndim == n + 1:
        return conv_transpose(x[None], w, b, stride, padding, output_padding, groups, dilation)[0]
    stride, dilation, padding, extra = (
        tuple_of(v, n) for v in (stride, dilation, padding, output_padding)
    )
    kernel, sizes = w.shape[2:], x.shape[2:]
    full = [
        (i - 1) * s + (k - 1) * d + 1 + e
        for i, s, k, d, e in zip(sizes, stride, kernel, dilation, extra)
    ]
    parts = []
    for xs, ws in zip(np.split(x, groups, axis=1), np.split(w, groups, axis=0)):
        y = np.zeros((x.shape[0], w.shape[1], *full))
        for k in np.ndindex(*kernel):
            at = tuple(
                slice(j * d, j * d + (i - 1) * s + 1, s)
                for j, d, i, s in zip(k, dilation, sizes, stride)
            )
            y[(slice(None), slice(None), *at)] += np.moveaxis(
                np.tensordot(xs, ws[(slice(None), slice(None), *k)], (1, 0)), -1, 1
            )
        parts.append(y)
    y = np.concatenate(parts, axis=1)[
        (slice(None), slice(None), *(slice(p, size - p) for p, size in zip(padding, full)))
    ]
    return y if b is None else y + b.reshape(-1, *[1] * n)


def convolution(x, w, b, stride, padding, dilation, transposed, output_padding, groups):
    if transposed:
        return conv_transpose(x, w, b, stride, padding, output_padding, groups, dilation)
    return conv(x, w, b, stride, padding, dilation, groups)


def max_pool(n, with_indices=False):
    def reference(x, kernel, stride=(), padding=0, dilation=1, ceil_mode=False):
        kernel, padding, dilation = (tuple_of(v, n) for v in (kernel, padding, dilation))
        stride = tuple_of(stride, n) if stride not in ((), []) else kernel
        sizes = x.shape[-n:]
        spare = [(p, p + (s - 1 if ceil_mode else 0)) for p, s in zip(padding, stride)]
        view = windows(padded(x, spare, -np.inf), kernel, stride, dilation)
        if ceil_mode:  # windows that start beyond the input and its left padding do not count
            keep = [
                sum(1 for j in range(m) if j * s < size + p)
                for m, s, size, p in zip(view.shape[x.ndim - n : x.ndim], stride, sizes, padding)
            ]
            view = view[(..., *(slice(k) for k in keep), *[slice(None)] * n)]
        flat = view.reshape(view.shape[: x.ndim] + (int(np.prod(kernel)),))
        if not with_indices:
            return flat.max(-1)
        ids = windows(
            padded(np.broadcast_to(np.arange(np.prod(sizes)).reshape(sizes), x.shape), spare, -1),
            kernel,
            stride,
            dilation,
        )
        ids = ids[tuple(slice(k) for k in view.shape)].reshape(flat.shape)
        return flat.max(-1), np.take_along_axis(ids, flat.argmax(-1)[..., None], -1)[..., 0]

    return reference


def avg_pool(n):
    def reference(
        x,
        kernel,
        stride=(),
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        kernel, padding = tuple_of(kernel, n), tuple_of(padding, n)
        stride = tuple_of(stride, n) if stride not in ((), []) else kernel
        axes = tuple(range(-n, 0))
        one = (1,) * n
        total = windows(padded(x, padding), kernel, stride, one).sum(axes)
        count = windows(padded(np.ones_like(x), padding), kernel, stride, one).sum(axes)
        return total / (divisor_override or (np.prod(kernel) if count_include_pad else count))

    return reference


def adaptive(n, f):
    def reference(x, size):
        size, sizes = tuple_of(size, n), x.shape[-n:]
        out = np.zeros(x.shape[:-n] + size)
        index = np.zeros(out.shape, int)
        ids = np.arange(np.prod(sizes)).reshape(sizes)
        for at in np.ndindex(*size):
            box = tuple(slice(i * s // o, -(-(i + 1) * s // o)) for i, s, o in zip(at, sizes, size))
            part = x[(..., *box)].reshape(x.shape[:-n] + (-1,))
            out[(..., *at)] = f(part, -1)
            index[(..., *at)] = ids[box].ravel()[part.argmax(-1)]
        return out if f is np.mean else (out, index)

    return reference


def normalised(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def affine(y, weight, bias, shape):
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    return affine(
        normalised(x, tuple(range(x.ndim - len(shape), x.ndim)), eps), weight, bias, shape
    )


def native_layer_norm(x, shape, weight, bias, eps):
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return (
        layer_norm(x, shape, weight, bias, eps),
        x.mean(axes, keepdims=True),
        1 / np.sqrt(x.var(axes, keepdims=True) + eps),
    )


def rms_norm(x, shape, weight=None, eps=None):
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    y = x / np.sqrt((x * x).mean(axes, keepdims=True) + (0 if eps is None else eps))
    return y if weight is None else y * weight


def channels(x):
    return (1, -1) + (1,) * (x.ndim - 2)


def batch_norm(x, weight, bias, mean, var, training, momentum, eps, _):
    shape = channels(x)
    if training:
        return affine(normalised(x, (0, *range(2, x.ndim)), eps), weight, bias, shape)
    return affine(
        (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps), weight, bias, shape
    )


def _batch_norm_relu(*args):
    return np.maximum(batch_norm(*args, False), 0)


def _conv_norm_clamp(x, w, bias, stride, padding, dilation, groups, *norm):
    weight, shift, mean, var, eps, low, high = norm
    y = np.einsum("nchw,oc->nohw", x, w[:, :, 0, 0])
    if bias is not None:
        y = y + bias.reshape(-1, 1, 1)
    if mean is not None:
        y = batch_norm(y, weight, shift, mean, var, False, 0.1, eps, False)
    return np.clip(y, low, high)


def instance_norm(x, weight, bias, mean, var, use_input, momentum, eps, _):
    return affine(normalised(x, tuple(range(2, x.ndim)), eps), weight, bias, channels(x))


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    y = normalised(x.reshape(x.shape[0], groups, -1), 2, eps).reshape(x.shape)
    return affine(y, weight, bias, channels(x))


def nll(x, target, weight=None, reduction=1, ignore=-100):
    if x.ndim == 1:
        x, target = x[None], target[None]
        return nll(x, target, weight, reduction, ignore).reshape(())
    weight = np.ones(x.shape[1]) if weight is None else weight
    kept = target != ignore
    safe = np.where(kept, target, 0)
    w = weight[safe] * kept
    loss = -np.take_along_axis(x, np.expand_dims(safe, 1), 1).squeeze(1) * w
    return loss.sum() / w.sum() if reduction == 1 else reduced(loss, reduction)


def log_softmax(x, dim):
    return x - np.log(np.exp(x).sum(dim, keepdims=True))


def cross_entropy(x, target, weight=None, reduction=1, ignore=-100, label_smoothing=0.0):
    logs, count = log_softmax(x, 1), x.shape[1]
    if target.shape == x.shape:
        w = np.ones(count) if weight is None else weight
        target = target * (1 - label_smoothing) + label_smoothing / count
        loss = -(logs * target * w.reshape(channels(x))).sum(1)
        return loss.sum() / (loss.size) if reduction == 1 else reduced(loss, reduction)
    hard = nll(logs, target, weight, reduction, ignore)
    if not label_smoothing:
        return hard
    w = np.ones(count) if weight is None else weight
    kept = target != ignore
    soft = -(logs * w.reshape(channels(x))).sum(1) * kept
    soft = (
        soft.sum() / (w[np.where(kept, target, 0)] * kept).sum()
        if reduction == 1
        else reduced(soft, reduction)
    )
    return (1 - label_smoothing) * hard + label_smoothing / count * soft


def conv_rows(n):
    def x(*shape):
        return X(*shape[: 2 + n])

    name, kernel = f"conv{n}d", (2, 3, 2)[:n]
    cases = [
        case(x(2, 2, 4, 5, 3), X(3, 2, *kernel), X(3)),
        case(x(1, 4, 5, 5, 4), X(4, 2, *kernel), None, 2, 1, 1, 2),
        case(x(1, 2, 6, 7, 5), X(2, 1, *kernel), X(2), 1, 2, 2, 2),
        case(X(*(2, 5, 4, 3)[: 1 + n]), X(2, 2, *kernel), None, 1, "same"),
        case(x(0, 2, 5, 5, 4), X(3, 2, *kernel), X(3)),
        case(x(2, 2, 5, 4, 3), X(3, 2, *(1,) * n)),
    ]
    back = [
        case(x(2, 2, 3, 4, 2), X(2, 3, *kernel), X(3)),
        case(x(1, 4, 3, 3, 3), X(4, 2, *kernel), None, 2, 1, 1, 2),
        case(x(1, 2, 3, 3, 2), X(2, 2, *kernel), X(2), 1, 0, 0, 1, 2),
        case(X(*(2, 3, 3, 2)[: 1 + n]), X(2, 2, *kernel)),
    ]
    if n == 3:  # finite differences of the larger ones take long
        cases[2:3], back[2:3] = [cases[2].no_grad()], [back[2].no_grad()]
    if n == 2:  # a kernel far larger than x
        back += [
            case(X(2, 2, 2, 1), X(2, 3, 18, 17), X(3)).no_grad(),
            case(X(2, 2, 1, 2), X(2, 1, 19, 18), X(2), 1, (3, 0), 0, 2, (1, 2)).no_grad(),
        ]
    big = {1: X(8, 16, 4096), 2: X(8, 16, 64, 64), 3: X(2, 16, 16, 32, 32)}[n]
    weight = X(16, 16, *(3,) * n)
    channels_differ = error(RuntimeError, "channels", x(1, 3, 5, 5, 5), X(2, 2, *kernel))
    too_large = error(RuntimeError, "size", x(1, 2, 1, 2, 1), X(2, 2, *kernel))
    return [
        Op(name, conv, cases, dtypes=FLOATS + INTS, tolerance=8, large=case(big, weight, X(16), 1, 1),
           errors=[channels_differ, too_large, error(RuntimeError, None, x(1, 2, 5, 5, 5), X(2, 2, *kernel), X(3)),
           error(RuntimeError, "stride", x(1, 2, 5, 5, 5), X(2, 2, *kernel), None, 0),
           error(RuntimeError, None, x(1, 2, 5, 5, 5), X(2, 2, *kernel), None, 1, -1),
           error(RuntimeError, "dtype|type", x(1, 2, 5, 5, 5), X(2, 2, *kernel, dtype=cnn.float64))]),
        Op(f"conv_transpose{n}d", conv_transpose, back, dtypes=FLOATS + INTS, tolerance=8,
           large=case(big, weight, X(16), 1, 1),
           errors=[channels_differ, error(RuntimeError, "output padding", x(1, 2, 5, 5, 5), X(2, 2, *kernel), None, 1,
           0, 2)]),
    ]  # fmt: skip


def pool_rows(n):
    x = X(*(2, 2, 5, 6, 4)[: 2 + n], distinct=True)
    alone = X(*(2, 5, 4, 3)[: 1 + n], distinct=True)
    cases = [case(x, 2), case(x, 3, 2, 1), case(alone, 2, 1)]
    maxima = [
        *cases,
        case(x, 2, 1, 0, 2),
        case(x, 2, 3, 0, 1, True),
        case(X(*(0, 2, 5, 6, 4)[: 2 + n]), 2),
    ]
    averages = [*cases, case(x, 3, 2, 1, False, False)]
    if n > 1:
        averages.append(case(x, 2, 1, 0, False, True, 3))
    if n == 3:
        maxima, averages = (
            [c if i < 1 else c.no_grad() for i, c in enumerate(maxima)],
            [c if i < 1 else c.no_grad() for i, c in enumerate(averages)],
        )
    big = {1: X(8, 32, 4096), 2: X(8, 32, 64, 64), 3: X(4, 16, 16, 32, 32)}[n]
    errors = [error(RuntimeError, "padding|pad", x, 2, 1, 2), error(RuntimeError, "kernel|size", x, 0),
              error(RuntimeError, None, X(3), 2),
              error(RuntimeError, "size|small", X(*(1, 1, 2, 2, 2)[: 2 + n]), 5)]  # fmt: skip
    small = X(*(1, 2, 5, 4, 3)[: 2 + n], distinct=True)
    sizes = [
        case(small, 2),
        case(small, (3, 2, 2)[:n]),
        case(small, 1),
        case(X(*(2, 4, 4, 3)[: 1 + n], distinct=True), 3),
    ]
    pair = (None, cnn.int64)
    adaptive_errors = [
        error(RuntimeError, None, X(3), 2),
        *[error(RuntimeError, "negative|greater than or equal to 0", x, size) for size in (-1, -2)],
        *[error(NotImplementedError, "adaptive_(avg|max)_pool.*not implemented for", x, 2, dtype=t) for t in INTS],
    ]  # fmt: skip
    return [
        Op(f"max_pool{n}d", max_pool(n), maxima, large=case(big, 3, 2, 1), errors=errors),
        Op(f"max_pool{n}d_with_indices", max_pool(n, True), maxima, result=pair, errors=errors),
        Op(f"avg_pool{n}d", avg_pool(n), averages, dtypes=(*FLOATS, cnn.int64), tolerance=2, large=case(big, 3, 2, 1),
           errors=errors),
        Op(f"adaptive_avg_pool{n}d", adaptive(n, np.mean), sizes, tolerance=2, large=case(big, 7),
           errors=adaptive_errors),
        Op(f"adaptive_max_pool{n}d", adaptive(n, np.max), sizes, result=pair, large=case(big, 7),
           errors=adaptive_errors),
    ]  # fmt: skip


A, IMAGE = X(3, 4), X(2, 4, 2, 3)
W3, W4 = X(3), X(4)
MEAN, VAR = X(4, grad=False), X(4, low=0.5, high=2.0, grad=False)
CLASSES, PIXELS = Index(3, below=4), Index(2, 2, 3, below=4)
CLASS_WEIGHT = X(4, low=0.5, high=2.0, grad=False)
PROBABILITIES = X(3, 4, low=0.1, high=0.9)
BIG_ROWS, BIG_IMAGE = X(1024, 1030), X(16, 32, 48, 48)
CLASS_ERRORS = [
    error(IndexError, "out of bounds", A, Fixed([0, 1, 4], cnn.int64)), error(IndexError, "out of bounds", A,
          Fixed([0, -1, 2], cnn.int64)),
    error(ValueError, "batch_size", A, Index(2, below=4)), error(RuntimeError, None, A, CLASSES, X(3)),
]  # fmt: skip
LOSSES = [
    *[case(A, CLASSES, None, r) for r in (0, 1, 2)], case(A, CLASSES, CLASS_WEIGHT), case(A, CLASSES, CLASS_WEIGHT, 0,
      1),
    case(A, Fixed([1, -100, 3], cnn.int64)), case(IMAGE, PIXELS), case(IMAGE, PIXELS, CLASS_WEIGHT, 2),
]  # fmt: skip

ROWS = [
    *(row for n in (1, 2, 3) for row in conv_rows(n)),
    Op("convolution", convolution, [case(X(1, 2, 5), X(3, 2, 3), X(3), (2,), (1,), (1,), False, (0,), 1),
       case(X(1, 2, 5), X(2, 3, 3), X(3), (2,), (1,), (1,), True, (1,), 1)], tolerance=8),
    *(row for n in (1, 2, 3) for row in pool_rows(n)),
    Op("layer_norm", layer_norm, [case(A, (4,), W4, W4), case(A, (4,)), case(X(2, 3, 4), (3, 4), X(3, 4), X(3, 4)),
       case(A, (4,), W4, None, 0.1), case(X(0, 4), (4,), W4, W4)], tolerance=8,
       large=case(BIG_ROWS, (1030,), X(1030), X(1030)),
       errors=[error(RuntimeError, "normalized_shape", A, (3,)), error(RuntimeError, None, A, (4,), X(3))]),
    Op("native_layer_norm", native_layer_norm, [case(A, (4,), W4, W4, 1e-5)], tolerance=8, dtypes=DOUBLE),
    Op("rms_norm", rms_norm, [case(A, (4,), W4, 1e-3), case(X(2, 3, 4), (3, 4), None, 1e-3)], tolerance=8,
       large=case(BIG_ROWS, (1030,), X(1030), 1e-5), errors=[error(RuntimeError, None, A, (3,))]),
    Op("batch_norm", batch_norm, [case(A, W4, W4, None, None, True, 0.1, 1e-3, False),
       case(IMAGE, W4, W4, None, None, True, 0.1, 1e-3, False),
       case(IMAGE, None, None, None, None, True, 0.1, 1e-3, False), case(A, W4, W4, MEAN, VAR, False, 0.1, 1e-3, False),
       case(IMAGE, W4, W4, MEAN, VAR, False, 0.1, 1e-3, False)], tolerance=8,
       large=case(BIG_IMAGE, X(32), X(32), None, None, True, 0.1, 1e-5, False),
       errors=[error(RuntimeError, None, A, X(3), W4, None, None, True, 0.1, 1e-3, False),
       error(RuntimeError, "running_mean", A, W4, W4, X(3), X(3), True, 0.1, 1e-3, False)]),
    Op("_batch_norm_relu", _batch_norm_relu,
       [case(A, W4, W4, None, None, True, 0.1, 1e-3), case(IMAGE, W4, W4, None, None, True, 0.1, 1e-3),
       case(IMAGE, W4, W4, MEAN, VAR, False, 0.1, 1e-3)], tolerance=8,
       large=case(BIG_IMAGE, X(32), X(32), None, None, True, 0.1, 1e-5),
       errors=[error(RuntimeError, "weight", A, X(3), W4, None, None, True, 0.1, 1e-3)]),
    Op("_conv_norm_clamp", _conv_norm_clamp,
       [case(IMAGE, X(4, 4, 1, 1), None, (1,), (0,), (1,), 1, W4, W4, MEAN, VAR, 1e-3, -0.5, 0.75),
       case(IMAGE, X(5, 4, 1, 1), X(5), (1,), (0,), (1,), 1, None, None, None, None, 0.0, 0.0, 6.0)], tolerance=8,
       large=case(BIG_IMAGE, X(32, 32, 1, 1), X(32), (1,), (0,), (1,), 1, X(32), X(32), X(32),
                  X(32, low=0.5, high=2.0), 1e-5, -1.0, 1.0),
       errors=[error(RuntimeError, None, IMAGE, X(5, 3, 1, 1), None, (1,), (0,), (1,), 1, None, None, None, None, 0.0,
                     0.0, 1.0)]),
    Op("instance_norm", instance_norm, [case(IMAGE, W4, W4, None, None, True, 0.1, 1e-3, False),
       case(X(2, 3, 4), None, None, None, None, True, 0.1, 1e-3, False)], tolerance=8,
       large=case(BIG_IMAGE, X(32), X(32), None, None, True, 0.1, 1e-5, False)),
    Op("group_norm", group_norm, [case(IMAGE, 2, W4, W4), case(IMAGE, 4), case(X(2, 4), 1, W4, W4, 0.1)], tolerance=8,
       large=case(BIG_IMAGE, 4, X(32), X(32)),
       errors=[error(RuntimeError, "divisible", IMAGE, 3), error(RuntimeError, None, IMAGE, 2, X(3))]),
    Op("nll_loss", nll, LOSSES, tolerance=4, large=case(X(8192, 130), Index(8192, below=130)), errors=CLASS_ERRORS),
    Op("nll_loss_nd", nll, [*LOSSES, case(X(4), Fixed(2, cnn.int64))], tolerance=4, errors=CLASS_ERRORS),
    Op("cross_entropy_loss", cross_entropy,
       [*LOSSES, case(A, PROBABILITIES), case(A, PROBABILITIES, CLASS_WEIGHT, 0), case(A, CLASSES, None, 1, -100, 0.1),
       case(A, CLASSES, CLASS_WEIGHT, 1, -100, 0.1), case(A, PROBABILITIES, None, 2, -100, 0.2)], tolerance=4,
       large=case(X(8192, 130), Index(8192, below=130)), errors=CLASS_ERRORS),
]  # fmt: skip
