"""Arguments and results, tensors in whatever containers, over devices."""

from __future__ import annotations

import warnings

from ... import _C
from ._functions import Gather, Scatter

__all__ = ["gather", "scatter", "scatter_kwargs"]


def is_namedtuple(obj):
    """Whether a value is a named tuple."""
    warnings.warn(
        "`is_namedtuple` is deprecated, please use the python checks instead",
        FutureWarning,
        stacklevel=2,
    )
    return _is_namedtuple(obj)


def _is_namedtuple(obj):
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """For each device the inputs with the device's part of every tensor in them.

    Tensors are looked for in tuples, lists and dictionaries, and parted along dim; all else every
    device gets whole.
    """

    def parts(obj):
        if isinstance(obj, _C.Tensor):
            return Scatter.apply(target_gpus, None, dim, obj)
        if _is_namedtuple(obj):
            return [type(obj)(*part) for part in zip(*map(parts, obj))]
        if isinstance(obj, tuple) and obj:
            return list(zip(*map(parts, obj)))
        if isinstance(obj, list) and obj:
            return [list(part) for part in zip(*map(parts, obj))]
        if isinstance(obj, dict) and obj:
            return [type(obj)(part) for part in zip(*map(parts, obj.items()))]
        return [obj for _ in target_gpus]

    return parts(inputs)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """(tuple of arguments, tuple of keyword arguments) with one entry for each device."""
    scattered = list(scatter(inputs, target_gpus, dim)) if inputs else []
    scattered_kwargs = list(scatter(kwargs, target_gpus, dim)) if kwargs else []
    missing = len(scattered_kwargs) - len(scattered)
    scattered += [() for _ in range(missing)]
    scattered_kwargs += [{} for _ in range(-missing)]
    return tuple(scattered), tuple(scattered_kwargs)


def gather(outputs, target_device, dim=0):
    """The results of several devices as one: every tensor in them joined along dim on a device."""
    first = outputs[0]
    if isinstance(first, _C.Tensor):
        return Gather.apply(target_device, dim, *outputs)
    if first is None:
        return None

    def joined(parts):
        return gather(parts, target_device, dim)

    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, joined([output[key] for output in outputs])) for key in first)
    members = map(joined, zip(*outputs, strict=True))
    return type(first)._make(members) if _is_namedtuple(first) else type(first)(members)
