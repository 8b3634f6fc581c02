"""Windows: M numbers that fade a stretch of a signal in and out, 1 at most.

`sym` makes a window for filters, whose ends are equal; without it, it is a period of the window,
for spectra. All are float32 or float64 and computed in that dtype.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .. import _C

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _options(name, M, dtype, layout, device, requires_grad):
    """The keywords of a factory. ValueError for what a window is not made of."""
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not _C.strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (_C.float32, _C.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return {"dtype": dtype, "device": device, "requires_grad": requires_grad}


def _ramp(M, start, step, options):
    """start, start + step, ...: M numbers."""
    return _C.linspace(start, start + (M - 1) * step, M, **options)


def _intervals(M, sym):
    """How many steps lead from the first point to its like: the last one, or the next period's."""
    return M - 1 if sym or M <= 1 else M


def exponential(
    M,
    *,
    center=None,
    tau=1.0,
    sym=True,
    dtype=None,
    layout=_C.strided,
    device=None,
    requires_grad=False,
):
    """exp(-|n - center| / tau). `center` is the middle; with sym=False it may be given."""
    options = _options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return _C.empty(0, **options)
    center = _intervals(M, sym) / 2.0 if center is None else center
    scale = 1 / tau
    k = _C.linspace(-center * scale, (-center + (M - 1)) * scale, M, **options)
    return (-k.abs()).exp()


def cosine(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """Half a wave: sin(pi (n + 0.5) / M)."""
    options = _options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return _C.empty(0, **options)
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return _C.linspace(0.5 * step, (0.5 + (M - 1)) * step, M, **options).sin()


def gaussian(
    M, *, std=1.0, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False
):
    """exp(-(n - middle)^2 / (2 std^2))"""
    options = _options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return _C.empty(0, **options)
    start, scale = -_intervals(M, sym) / 2.0, 1 / (std * math.sqrt(2))
    k = _C.linspace(start * scale, (start + (M - 1)) * scale, M, **options)
    return (-(k**2)).exp()


def kaiser(
    M, *, beta=12.0, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False
):
    """i0(beta sqrt(1 - ((n - middle) / middle)^2)) / i0(beta)"""
    options = _options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M == 0:
        return _C.empty(0, **options)
    if M == 1:
        return _C.ones(1, **options)
    beta = _C.tensor(beta, dtype=options["dtype"], device=device)
    step = 2.0 * beta / _intervals(M, sym)
    end = _C.minimum(beta, -beta + (M - 1) * step)
    k = _C.linspace((-beta).item(), end.item(), M, **options)
    return (beta * beta - k.pow(2)).sqrt().i0() / beta.i0()


def hamming(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """0.54 - 0.46 cos(2 pi n / (M - 1))"""
    return general_hamming(
        M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hann(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """0.5 - 0.5 cos(2 pi n / (M - 1))"""
    return general_hamming(
        M,
        alpha=0.5,
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def blackman(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1))"""
    _options("blackman", M, dtype, layout, device, requires_grad)
    return general_cosine(
        M,
        a=[0.42, 0.5, 0.08],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def bartlett(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """A triangle: 1 - |2 n / (M - 1) - 1|"""
    options = _options("bartlett", M, dtype, layout, device, requires_grad)
    if M == 0:
        return _C.empty(0, **options)
    if M == 1:
        return _C.ones(1, **options)
    return 1 - _ramp(M, -1, 2 / _intervals(M, sym), options).abs()


def general_cosine(
    M, *, a, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False
):
    """sum over i of (-1)^i a[i] cos(2 pi i n / (M - 1))"""
    options = _options("general_cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return _C.empty(0, **options)
    if M == 1:
        return _C.ones(1, **options)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    k = _ramp(M, 0, 2 * math.pi / _intervals(M, sym), options)
    signed = [(-1) ** i * weight for i, weight in enumerate(a)]
    weights = _C.tensor(signed, device=device, dtype=options["dtype"], requires_grad=requires_grad)
    i = _C.arange(len(signed), dtype=options["dtype"], device=device, requires_grad=requires_grad)
    return (weights.unsqueeze(-1) * (i.unsqueeze(-1) * k).cos()).sum(0)


def general_hamming(
    M,
    *,
    alpha=0.54,
    sym=True,
    dtype=None,
    layout=_C.strided,
    device=None,
    requires_grad=False,
):
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))"""
    return general_cosine(
        M,
        a=[alpha, 1.0 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


def nuttall(M, *, sym=True, dtype=None, layout=_C.strided, device=None, requires_grad=False):
    """A general cosine window of four terms whose side lobes are low. Nuttall, 1981."""
    return general_cosine(
        M,
        a=[0.3635819, 0.4891775, 0.1365995, 0.0106411],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )
