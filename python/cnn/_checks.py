"""Assertions of programs, and checks that raise."""

from __future__ import annotations

from . import _C


@_C._overridable
def _assert(condition, message):
    """AssertionError with that message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def _check_with(error_type, cond, message=None):
    """An error of that type unless `cond` holds; `message` is a function that gives its text."""
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        text = (
            "Expected cond to be True, but got False. (Could this error message be improved? If "
            "so, please report an enhancement request to PyTorch.)"
        )
    else:
        if not callable(message):
            raise TypeError("message must be a callable")
        text = str(message())
    raise error_type(text)


def _check(cond, message=None):
    """RuntimeError unless `cond` holds."""
    _check_with(RuntimeError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """RuntimeError unless a number can be a size: not negative, and not above `max`."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _check_index(cond, message=None):
    """IndexError unless `cond` holds."""
    _check_with(IndexError, cond, message)


def _check_value(cond, message=None):
    """ValueError unless `cond` holds."""
    _check_with(ValueError, cond, message)


def _check_type(cond, message=None):
    """TypeError unless `cond` holds."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond, message=None):
    """NotImplementedError unless `cond` holds."""
    _check_with(NotImplementedError, cond, message)


def _check_tensor_all(cond, message=None):
    """RuntimeError unless all elements of a tensor of bools hold."""
    if not isinstance(cond, _C.Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype is not _C.bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check(bool(cond.all()), message)


for _name in [name for name in globals() if name.startswith(("_assert", "_check"))]:
    globals()[_name].__module__ = "cnn"  # where users find them
