"""What something is: the dtype of a result, the name of a type, the module of a device."""

from __future__ import annotations

from enum import IntEnum

from . import _C

__all__ = [
    "AVG",
    "SUM",
    "AggregationType",
    "get_device_module",
    "is_storage",
    "result_type",
    "typename",
]


# Of dtypes that NumPy does not have, integers of their width, as which their bits travel.
BITS = {_C.bfloat16: _C.int16}
BITS |= {
    getattr(_C, f"float8_{kind}"): _C.uint8
    for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
}


class AggregationType(IntEnum):
    """How values that a graph gives in several runs become one. Nothing here runs graphs."""

    SUM = 0
    AVG = 1


AggregationType.__module__ = "cnn"
SUM, AVG = AggregationType


def _number_dtype(value):
    if isinstance(value, bool):
        return _C.bool
    return _C.int64 if isinstance(value, int) else _C.get_default_dtype()


def result_type(tensor, other):
    """The dtype that arithmetic of the two gives; each is a tensor or a number."""
    for value in (tensor, other):
        if not isinstance(value, (_C.Tensor, bool, int, float)):
            kinds = f"({type(tensor).__name__}, {type(other).__name__})"
            raise TypeError(
                f"result_type() received an invalid combination of arguments - got {kinds}, but "
                "expected tensors or numbers"
            )
    if not isinstance(tensor, _C.Tensor) and not isinstance(other, _C.Tensor):
        return _C.promote_types(_number_dtype(tensor), _number_dtype(other))
    return _C.mul(_like(tensor), _like(other)).dtype


def _like(value):
    """A number as it is, or an empty tensor that counts like the given one: with or without
    dimensions.
    """
    if not isinstance(value, _C.Tensor):
        return type(value)(1)
    return _C.empty((0,) if value.dim() else (), dtype=value.dtype, device="meta")


def is_storage(obj):
    """Whether it is a storage, of bytes or of elements."""
    if isinstance(obj, _C.UntypedStorage):
        return True
    from .storage import TypedStorage

    return isinstance(obj, TypedStorage)


def typename(obj):
    """The name of a tensor's type, or of another object's, with its module."""
    if isinstance(obj, _C.Tensor):
        return obj.type()
    module = getattr(obj, "__module__", None)
    prefix = "" if module in (None, "builtins", "__builtin__") else f"{module}."
    for name in ("__qualname__", "__name__"):
        if hasattr(obj, name):
            return prefix + getattr(obj, name)
    return prefix + type(obj).__name__


def get_device_module(device=None):
    """The module of a kind of device: `cnn.cpu`, `cnn.cuda`. RuntimeError where there is none."""
    from importlib import import_module

    kind = "cpu" if device is None else _C.device(device).type
    try:
        return import_module(f"cnn.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        ) from None
