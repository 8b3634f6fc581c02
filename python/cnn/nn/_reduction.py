"""The `reduction` argument of losses: 'none', 'mean' or 'sum', and the two booleans it replaced."""

from __future__ import annotations

import warnings

_ENUM = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction):
    """The core's number of a reduction. Raises ValueError for an unknown one."""
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=3,
        )
        return _ENUM["mean"]
    if not isinstance(reduction, str) or reduction not in _ENUM:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _ENUM[reduction]


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The reduction that the old pair of booleans stands for; None means True."""
    if reduce is not None and not reduce:
        reduction = "none"
    elif size_average is not None and not size_average:
        reduction = "sum"
    else:
        reduction = "mean"
    if emit_warning:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=3,
        )
    return reduction


def legacy_get_enum(size_average, reduce, emit_warning=True):
    """The core's number of the reduction that the old pair of booleans stands for."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))


def choose(reduction, size_average, reduce):
    """The core's number of a loss's reduction, the old booleans winning where given."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    return get_enum(reduction)


def apply(loss, enum):
    """Reduces elementwise losses."""
    if enum == 1:
        return loss.mean()
    if enum == 2:
        return loss.sum()
    return loss
