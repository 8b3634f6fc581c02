"""Pooling over windows."""

from __future__ import annotations

from ... import _C


def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of [N, C, L] or [C, L]; with `return_indices` also where they are."""
    op = _C.max_pool1d_with_indices if return_indices else _C.max_pool1d
    return op(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of [N, C, H, W] or [C, H, W].

    With `return_indices` also where they are.
    """
    op = _C.max_pool2d_with_indices if return_indices else _C.max_pool2d
    return op(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)


def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of [N, C, D, H, W] or [C, D, H, W].

    With `return_indices` also where they are.
    """
    op = _C.max_pool3d_with_indices if return_indices else _C.max_pool3d
    return op(input, kernel_size, () if stride is None else stride, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool1d that always returns the indices too."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool2d that always returns the indices too."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool3d that always returns the indices too."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _expand(value, n):
    return (value,) * n if isinstance(value, int) else tuple(value)


def _unpool_size(input, kernel_size, stride, padding, output_size):
    n = len(kernel_size)
    sizes = input.size()[-n:]
    default = [
        (size - 1) * s + k - 2 * p for size, k, s, p in zip(sizes, kernel_size, stride, padding)
    ]
    if output_size is None:
        chosen = default
    else:
        chosen = output_size[2:] if len(output_size) == n + 2 else output_size
        if len(chosen) != n:
            raise ValueError(
                f"output_size should be a sequence containing {n} or {n + 2} elements, but it has "
                f"a length of '{len(chosen)}'"
            )
        for d in range(n):
            low, high = default[d] - stride[d], default[d] + stride[d]
            if not low < chosen[d] < high:
                raise ValueError(
                    f'invalid output_size "{chosen}" (dim {d} must be between {low} and {high})'
                )
    for d in range(n):
        if chosen[d] < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={chosen[d]}"
            )
    return list(chosen)


def _unpool_arguments(n, input, kernel_size, stride, padding, output_size):
    kernel_size = _expand(kernel_size, n)
    stride = kernel_size if stride is None else _expand(stride, n)
    padding = _expand(padding, n)
    size = _unpool_size(input, kernel_size, stride, padding, output_size)
    return size, stride, padding


def _unpool(n, input, indices, size):
    if indices.dtype != _C.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be: {list(input.shape)} but got: {list(indices.shape)}"
        )
    lead = input.shape[:-n]
    cells = 1
    for s in size:
        cells *= s
    flat = _C.zeros(*lead, cells, dtype=input.dtype, device=input.device)
    out = flat.scatter(-1, indices.flatten(-n), input.flatten(-n))
    return out.reshape(*lead, *size)


def max_unpool1d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None
) -> _C.Tensor:
    """Puts the values of max_pool1d back at their indices, zeros elsewhere."""
    size, _, _ = _unpool_arguments(1, input, kernel_size, stride, padding, output_size)
    return _unpool(1, input, indices, size)


def max_unpool2d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None
) -> _C.Tensor:
    """Puts the values of max_pool2d back at their indices, zeros elsewhere."""
    size, _, _ = _unpool_arguments(2, input, kernel_size, stride, padding, output_size)
    return _unpool(2, input, indices, size)


def max_unpool3d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None
) -> _C.Tensor:
    """Puts the values of max_pool3d back at their indices, zeros elsewhere."""
    size, stride, padding = _unpool_arguments(3, input, kernel_size, stride, padding, output_size)
    return _unpool(3, input, indices, size)


def _lp_pool(n, input, norm_type, kernel_size, stride, ceil_mode):
    max_pool = (max_pool1d, max_pool2d, max_pool3d)[n - 1]
    avg_pool = (_C.avg_pool1d, _C.avg_pool2d, _C.avg_pool3d)[n - 1]
    if norm_type == float("inf"):
        return max_pool(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -float("inf"):
        return -max_pool(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    window = 1
    for size in _expand(kernel_size, n):
        window *= size
    stride = () if stride is None else stride
    mean = avg_pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (mean.sign() * _C.relu(mean.abs())).mul(window).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False) -> _C.Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) over windows of [N, C, L]."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False) -> _C.Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) over windows of [N, C, H, W]."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False) -> _C.Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) over windows of [N, C, D, H, W]."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _list_with_default(out_size, defaults):
    """`out_size` with the last of `defaults`, the input's sizes, where it has None."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    own = defaults[-len(out_size) :]
    return [own[i] if size is None else size for i, size in enumerate(out_size)]


def adaptive_avg_pool2d(input, output_size) -> _C.Tensor:
    """Averages over windows chosen so that the output is `output_size`; None keeps a size."""
    return _C.adaptive_avg_pool2d(input, _list_with_default(output_size, input.size()))


def adaptive_avg_pool3d(input, output_size) -> _C.Tensor:
    """Averages over windows chosen so that the output is `output_size`; None keeps a size."""
    return _C.adaptive_avg_pool3d(input, _list_with_default(output_size, input.size()))


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maxima over windows chosen so that the output is `output_size`."""
    values = _C.adaptive_max_pool1d(input, output_size)
    return values if return_indices else values[0]


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima over windows chosen so that the output is `output_size`; None keeps a size."""
    values = _C.adaptive_max_pool2d(input, _list_with_default(output_size, input.size()))
    return values if return_indices else values[0]


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima over windows chosen so that the output is `output_size`; None keeps a size."""
    values = _C.adaptive_max_pool3d(input, _list_with_default(output_size, input.size()))
    return values if return_indices else values[0]


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool1d that always returns the indices too."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool2d that always returns the indices too."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool3d that always returns the indices too."""
    return adaptive_max_pool3d(input, output_size, True)


def _fractional_arguments(n, input, output_size, output_ratio, samples):
    if output_size is None:
        if output_ratio is None:
            raise ValueError(
                f"fractional_max_pool{n}d requires specifying either an output_size or an "
                "output_ratio"
            )
        ratios = (output_ratio,) * n if isinstance(output_ratio, float) else tuple(output_ratio)
        if len(ratios) != n:
            raise ValueError(
                f"fractional_max_pool{n}d requires output_ratio to either be a single Int or tuple "
                "of Ints."
            )
        output_size = [int(size * ratio) for size, ratio in zip(input.size()[-n:], ratios)]
    if samples is None:
        batch = 1 if input.dim() == n + 1 else input.size(0)
        samples = _C.rand(batch, input.size(-n - 1), n, dtype=input.dtype, device=input.device)
    return _expand(output_size, n), samples


def _starts(sample, size, out, kernel):
    """Where the windows begin along one dimension: at random steps, the last at the end."""
    if out == 1:
        return [size - kernel]
    alpha = (size - kernel) / (out - 1)
    first = int(sample * alpha)
    return [int((i + sample) * alpha) - first for i in range(out - 1)] + [size - kernel]


def _fractional(n, input, kernel, size, samples):
    if input.dim() == n + 1:
        values, indices = _fractional(n, input.unsqueeze(0), kernel, size, samples)
        return values.squeeze(0), indices.squeeze(0)
    spatial = input.shape[-n:]
    for d in range(n):
        if size[d] + kernel[d] - 1 > spatial[d]:
            raise RuntimeError(
                f"fractional_max_pool{n}d: kernel {kernel[d]} too large relative to input size "
                f"{spatial[d]} for {size[d]} outputs"
            )
    if input.shape[0] == 0:
        shape = (*input.shape[:2], *size)
        return input.reshape(shape), _C.empty(shape, dtype=_C.int64, device=input.device)
    planes, places = [], []
    place = {"device": input.device}
    numbers = _C.arange(spatial.numel(), **place).reshape(spatial)
    for b in range(input.shape[0]):
        for c in range(input.shape[1]):
            window, where = input[b, c], numbers
            for d in range(n):
                # The samples are ordered from the last dimension (width) to the first.
                start = _starts(
                    float(samples[b, c, n - 1 - d if n == 2 else d]), spatial[d], size[d], kernel[d]
                )
                at = _C.tensor(start, **place).unsqueeze(1) + _C.arange(kernel[d], **place)
                window = window.index_select(d, at.reshape(-1)).unflatten(d, at.shape)
                where = where.index_select(d, at.reshape(-1)).unflatten(d, at.shape)
                window, where = window.movedim(d + 1, -1), where.movedim(d + 1, -1)
            best, which = window.flatten(n).max(-1)
            planes.append(best)
            places.append(where.flatten(n).gather(-1, which.unsqueeze(-1)).squeeze(-1))
    shape = (*input.shape[:2], *size)
    return _C.stack(planes).reshape(shape), _C.stack(places).reshape(shape)


def fractional_max_pool2d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """(maxima over windows at random steps, where they are). Graham, 2015."""
    size, samples = _fractional_arguments(2, input, output_size, output_ratio, _random_samples)
    return _fractional(2, input, _expand(kernel_size, 2), size, samples)


def fractional_max_pool3d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """(maxima over windows at random steps, where they are). Graham, 2015."""
    size, samples = _fractional_arguments(3, input, output_size, output_ratio, _random_samples)
    return _fractional(3, input, _expand(kernel_size, 3), size, samples)


def fractional_max_pool2d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over windows at random steps. Graham, "Fractional Max-Pooling", 2015."""
    values = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return values if return_indices else values[0]


def fractional_max_pool3d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over windows at random steps. Graham, "Fractional Max-Pooling", 2015."""
    values = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return values if return_indices else values[0]
