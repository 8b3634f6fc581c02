"""Covariances and quantiles, composed of other functions."""

from __future__ import annotations

import warnings

from .. import _C
from .._refusals import into, require_string


def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariances of the rows (variables) over the columns (observations).

    `fweights` says how often an observation counts, `aweights` how much it weighs.
    """
    if input.dim() > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    if input.dtype == _C.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.dim() <= 1 else input
    count = x.shape[1]
    weight = _observation_weights(count, fweights, aweights)
    total = count if weight is None else weight.sum()
    if weight is not None and total == 0:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if not x.is_floating_point():
        x = x.to(_C.get_default_dtype())

    def centered(x):
        return x - ((x if weight is None else x * weight).sum(1) / total).unsqueeze(1)

    x = centered(centered(x))  # again: far from zero the mean is rounded
    free = total - correction
    if aweights is not None and correction != 0:
        free = total - correction * (weight * aweights).sum() / total
    if free <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "number of observations.",
            stacklevel=2,
        )
        free = free * 0
    product = _C.mm(x, (x if weight is None else x * weight).t())
    return (product / free).squeeze()


def _observation_weights(count, fweights, aweights):
    """The product of the two kinds of weights, checked; None where there are none."""
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        kind = "floating point" if name == "aweights" else "integral"
        if given.dim() > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{given.dim()} dimensions"
            )
        if given.is_floating_point() != (name == "aweights") or given.dtype == _C.bool:
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with "
                f"{given.dtype} dtype"
            )
        if given.numel() != count:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {given.numel()} != {count}"
            )
        if (given < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def corrcoef(input):
    """Correlations of the rows (variables) over the columns (observations)."""
    if input.dim() > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    c = cov(input)
    if c.dim() == 0:
        return c / c
    spread = c.diagonal().sqrt()
    return (c / spread.unsqueeze(1) / spread).clamp(-1, 1)


def _quantile(input, q, dim, keepdim, interpolation, ignore_nan):
    name = "nanquantile" if ignore_nan else "quantile"
    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not isinstance(q, _C.Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = _C.tensor(q, dtype=input.dtype, device=input.device)
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype != input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    require_string(name, "interpolation", interpolation)
    if not q.device.type == "meta" and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    flat = dim is None
    x = input.reshape(-1) if flat or input.dim() == 0 else input.movedim(dim, -1)
    values, _ = _C.sort(x, -1)
    n = values.shape[-1]
    if ignore_nan:
        last = (~values.isnan()).sum(-1, keepdim=True).clamp(min=1).to(values.dtype) - 1
    else:
        last = _C.full_like(values[..., :1], n - 1)
    place = last * q.reshape(-1)  # [..., number of quantiles]
    if not ignore_nan:  # nan is sorted last: where there is one, it is the quantile
        place = _C.where(values.isnan().any(-1, keepdim=True), last, place)
    if interpolation in ("lower", "higher", "nearest"):
        place = {"lower": _C.floor, "higher": _C.ceil, "nearest": _C.round}[interpolation](place)
        result = values.gather(-1, place.long())
    else:
        below = place.floor()
        weight = _C.full_like(place, 0.5) if interpolation == "midpoint" else place - below
        ends = values.gather(-1, below.long()), values.gather(-1, place.ceil().long())
        result = _C.lerp(*ends, weight)
    result = result.movedim(-1, 0)
    if keepdim and input.dim():
        if flat:
            result = result.reshape([result.shape[0]] + [1] * input.dim())
        else:
            result = result.unsqueeze(-1).movedim(-1, dim % input.dim() + 1)
    return result if q.dim() else result.squeeze(0)


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles (q in [0, 1], a number or a vector) along `dim`, or of all elements."""
    return into(out, _quantile(input, q, dim, keepdim, interpolation, False), "quantile")


def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """`quantile` without the nans."""
    return into(out, _quantile(input, q, dim, keepdim, interpolation, True), "nanquantile")
