"""Fourier transforms: their results are complex, and there are no complex tensors, so they raise;
what is real works (the frequencies, and shifting them).
"""

from __future__ import annotations

from . import _C, _faces, _unavailable
from ._refusals import dim_of, into

__all__ = _unavailable.declare(
    __name__,
    "there are no complex tensors; use numpy.fft on t.numpy()",
    functions="fft fft2 fftn hfft hfft2 hfftn ifft ifft2 ifftn ihfft ihfft2 ihfftn irfft irfft2 "
    "irfftn rfft rfft2 rfftn",
)
__all__ += ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def fftfreq(n, d=1.0, *, out=None, **options):
    """The frequencies [n] of a transform of n samples that are d apart, in cycles per unit of d:
    0, 1, ..., (n - 1) // 2, -(n // 2), ..., -1, each over n d.
    """
    _require_positive("fftfreq", n)
    whole = _C.arange(n, **_floating(options))
    return into(out, (whole - n * (whole >= (n + 1) // 2)) * (1.0 / (n * d)), "fft_fftfreq")


def rfftfreq(n, d=1.0, *, out=None, **options):
    """The frequencies [n // 2 + 1] of a transform of n real samples: 0, 1, ..., n // 2 over n d."""
    _require_positive("rfftfreq", n)
    whole = _C.arange(n // 2 + 1, **_floating(options))
    return into(out, whole * (1.0 / (n * d)), "fft_rfftfreq")


def _require_positive(name, n):
    if n <= 0:
        raise RuntimeError(f"{name}: the number of samples must be positive, got {n}")


def _floating(options):
    return {**options, "dtype": options.get("dtype") or _C.get_default_dtype()}


def fftshift(input, dim=None):
    """`input` with frequency 0 brought from the front of each dimension in `dim` (by default of
    all) to its middle.
    """
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    return _shifted(input, dim, lambda n: (n + 1) // 2)


def _shifted(input, dim, by):
    if dim is None:
        dims = range(input.dim())
    else:
        dims = [dim_of(input, d) for d in ([dim] if isinstance(dim, int) else dim)]
    if not dims:
        return input.clone()
    return _C.roll(input, [by(input.shape[d]) for d in dims], list(dims))


_faces.let_override(globals(), ("fftshift", "ifftshift"))
