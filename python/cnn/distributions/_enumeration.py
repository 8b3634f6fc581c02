"""All values of distributions over the first integers."""

from __future__ import annotations

from .. import _C


def enumerated(n, distribution, dtype, expand):
    """0 to n - 1 along a new first dimension, of the batch's shape or of ones in its place."""
    batch_shape = distribution.batch_shape
    values = _C.arange(n, dtype=dtype, device=distribution._param.device)
    values = values.view((-1,) + (1,) * len(batch_shape))
    return values.expand((-1,) + batch_shape) if expand else values
