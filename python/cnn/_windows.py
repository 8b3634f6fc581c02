"""The older functions for windows, whose default is a period of one: `hann_window` and its kin."""

from __future__ import annotations

import math

from . import _C

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]


def _options(name, window_length, dtype, layout, device=None):
    if layout is not None and layout is not _C.strided:
        raise RuntimeError(f"{name} is not implemented for sparse types, got: {layout}")
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if not isinstance(window_length, int):
        raise TypeError(
            f"{name}(): argument 'window_length' (position 1) must be int, not "
            f"{type(window_length).__name__}"
        )
    if window_length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={window_length}"
        )
    return {"dtype": dtype, "device": device}


def _made(formula, window_length, periodic, options, pin_memory, requires_grad):
    """formula(points, the last one) of the points 0, 1, ..., computed in float32 at least."""
    if window_length <= 1:
        window = _C.ones(window_length, **options)
    else:
        points = window_length + 1 if periodic else window_length
        wide = {**options, "dtype": _C.promote_types(options["dtype"], _C.float32)}
        window = formula(_C.arange(points, **wide), points - 1)
        window = window[:window_length].contiguous().to(options["dtype"])
    window = window.pin_memory() if pin_memory else window
    return window.requires_grad_(requires_grad)


def bartlett_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A triangle of that many points, from 0 to 1 and back."""
    name = "bartlett_window"
    options = _options(name, window_length, dtype, layout, device)

    def formula(n, last):
        n = n * (2 / last)
        return _C.where(n <= 1, n, 2 - n)

    return _made(formula, window_length, periodic, options, pin_memory, requires_grad)


def blackman_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)"""
    name = "blackman_window"
    options = _options(name, window_length, dtype, layout, device)

    def formula(n, last):
        n = n * (math.pi / last)
        return (n * 4).cos() * 0.08 - (n * 2).cos() * 0.5 + 0.42

    return _made(formula, window_length, periodic, options, pin_memory, requires_grad)


def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """alpha - beta cos(2 pi n / N)"""
    name = "hamming_window"
    options = _options(name, window_length, dtype, layout, device)

    def formula(n, last):
        return (n * (2 * math.pi / last)).cos() * -beta + alpha

    return _made(formula, window_length, periodic, options, pin_memory, requires_grad)


def hann_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """0.5 - 0.5 cos(2 pi n / N)"""
    _options("hann_window", window_length, dtype, layout)
    return hamming_window(
        window_length,
        periodic,
        0.5,
        0.5,
        dtype=dtype,
        layout=layout,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
    )


def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta)"""
    name = "kaiser_window"
    options = _options(name, window_length, dtype, layout, device)

    def formula(n, last):
        x = n * (2.0 / last) - 1
        whole = _C.tensor(beta, dtype=_C.float64).i0().item()
        return ((1 - x.square()).clamp(min=0).sqrt() * beta).i0() / whole

    return _made(formula, window_length, periodic, options, pin_memory, requires_grad)
