"""`autocast`: regions in which ops choose the dtype they run in, and what a custom Function needs
to take part. The lists of ops are in the core (csrc/autograd/autocast.cpp).
"""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Iterable, Mapping

from .. import _C, _absent

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

_SUPPORTED = (_C.bfloat16, _C.float16)
# Devices that have autocast elsewhere, and that are not here.
_ELSEWHERE = frozenset("hip hpu ipu maia mps mtia privateuseone xla xpu".split())


def _device_type(name, value):
    if not isinstance(value, str):
        raise ValueError(f"Expected `{name}` of type `str`, got: `{type(value)}`")
    return value


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for devices of this type: "cpu" and "cuda" have it."""
    if device_type.partition(":")[0] in _ELSEWHERE:
        return False
    return _C.device(device_type).type != "meta"


def autocast_decorator(autocast_instance, func):
    """`func`, run in that region."""

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


class autocast:
    """Context manager or decorator: inside, ops choose the dtype they run in.

    Products and convolutions run in `dtype` (by default `get_autocast_dtype(device_type)`: bfloat16
    on the CPU, float16 on CUDA), what needs range or precision in float32, and a few ops in the
    widest dtype among their operands. The lists are PyTorch's. Models and inputs stay float32; run
    the forward and the loss inside, backward outside. In-place ops and `out=` are not cast.

    Weights are cast once: the casts of float32 leaves that require grad are kept until the
    outermost region ends, unless `cache_enabled=False`. Regions nest, `enabled=False` makes one
    that casts nothing. All of this belongs to the thread. A dtype that is neither bfloat16 nor
    float16, and "cuda" where there is no GPU, warns, and nothing is cast.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        self.device = _device_type("device_type", device_type)
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.fast_dtype = _C.get_autocast_dtype(device_type) if dtype is None else dtype
        if cache_enabled is None:
            cache_enabled = _C.is_autocast_cache_enabled()
        self._cache_enabled = cache_enabled
        self._enabled = enabled and self._is_supported()
        self._former = {}  # of each thread that is inside: the states to go back to, innermost last

    def _is_supported(self):
        if self.device == "cuda":
            if _C._cuda_is_available():
                return True
            text = "CUDA is not available or torch_xla is imported. Disabling autocast."
        elif self.fast_dtype in _SUPPORTED:
            return True
        else:
            device = self.device.upper()
            text = (
                f"In {device} autocast, but the target dtype is not supported. Disabling autocast."
                f"\n{device} Autocast only supports dtypes of "
                + ", ".join(map(str, _SUPPORTED))
                + " currently."
            )
        warnings.warn(text, stacklevel=_frames_inside())
        return False

    def __enter__(self):
        state = bool(self._enabled), self.fast_dtype, bool(self._cache_enabled)
        former = _C._exchange_autocast(self.device, *state)
        self._former.setdefault(threading.get_ident(), []).append(former)
        _C.autocast_increment_nesting()
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        thread = threading.get_ident()
        states = self._former[thread]
        _C._exchange_autocast(self.device, *states.pop())
        if not states:
            del self._former[thread]
        if _C.autocast_decrement_nesting() == 0:
            _C.clear_autocast_cache()
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you "
                "mean to use autocast as a context manager? For example:\n"
                "    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )
        return autocast_decorator(self, func)

    def __getstate__(self):
        return {**self.__dict__, "_former": {}}


def _frames_inside():
    """How many frames below the caller of a constructor, those of its base classes included."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_globals.get("__name__", "").endswith(".autocast_mode"):
        depth, frame = depth + 1, frame.f_back
    return depth


def _enter_autocast(*vals):
    """Enters a region without `with`; `_exit_autocast` leaves it."""
    mode = autocast(*vals)
    mode.__enter__()
    return mode


def _exit_autocast(mode):
    mode.__exit__(None, None, None)


def _cast(value, device_type, dtype):
    """Tensors cast, also inside mappings and other iterables; the rest as it is."""
    if isinstance(value, _C.Tensor):
        eligible = (
            value.is_floating_point()
            and value.device.type == device_type
            and value.dtype is not _C.float64
        )
        return value.to(dtype) if eligible else value
    numpy = sys.modules.get("numpy")
    if isinstance(value, (str, bytes)) or (numpy and isinstance(value, numpy.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {
            _cast(key, device_type, dtype): _cast(item, device_type, dtype)
            for key, item in value.items()
        }
    if isinstance(value, Iterable):
        items = (_cast(item, device_type, dtype) for item in value)
        return type(value)(items) if isinstance(value, (list, tuple)) else items
    return value


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorator for the `forward` of an `autograd.Function`, which notes how autocast stood.

    With `cast_inputs`, inside an autocast region, floating-point arguments are cast to that dtype
    and `forward` runs with autocast off; outside it changes nothing.
    """
    _device_type("device_type", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        context = args[0]
        context._dtype = _C.get_autocast_dtype(device_type)
        on = _C.is_autocast_enabled(device_type)
        context._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(
                *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs)
            )

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type):
    """Decorator for the `backward` beside a `custom_fwd`: autocast stands as it did there."""
    _device_type("device_type", device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        context = args[0]
        with autocast(
            device_type=device_type, enabled=context._fwd_used_autocast, dtype=context._dtype
        ):
            return bwd(*args, **kwargs)

    return decorate_bwd


_absent.explain(__name__)
