"""What holds for the whole process, or for a thread, until it is set again."""

from __future__ import annotations

from . import _C

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "init_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]


def set_default_dtype(d: _C.dtype) -> None:
    """The floating-point dtype of new tensors when none is given: `cnn.float64`, say.

    TypeError for dtypes that are not floating-point.
    """
    _C._set_default_dtype(d)


def set_default_tensor_type(t, /) -> None:
    """`set_default_dtype` by a class or its name: `cnn.DoubleTensor`, "torch.DoubleTensor"."""
    dtype = getattr(t, "dtype", None)
    if isinstance(t, str):
        name = t.rpartition(".")[2]
        if not t.startswith(("torch.cuda.", "cnn.cuda.")):
            dtype = getattr(getattr(_C, name, None), "dtype", None)
            if dtype is None:
                raise TypeError(f"invalid type object: {t}")
    if not isinstance(dtype, _C.dtype):
        raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
    if not dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _C._set_default_dtype(dtype)


def set_default_device(device: _C.device | str | None) -> None:
    """Where this thread makes tensors that are given no device; None is the CPU again.

    Functions that make a tensor like another one, or of memory that exists, go on as they were. A
    device that cannot be used raises where the first tensor is made.
    """
    _C._set_default_device(device)


def get_default_device() -> _C.device:
    """Where tensors are made that are given no device."""
    return _C._get_default_device()


# Threads and warnings -----------------------------------------------------------------------------

_interop_threads = None
_warn_always = False


def get_num_interop_threads() -> int:
    """How many operators may run beside each other: what was last set. Here they never do."""
    return _C.get_num_threads() if _interop_threads is None else _interop_threads


def set_num_interop_threads(num: int, /) -> None:
    """Accepted: operators run one after the other, each on the threads of `set_num_threads`."""
    global _interop_threads
    if not isinstance(num, int) or isinstance(num, bool):
        raise TypeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = num


def init_num_threads() -> None:
    """Nothing to do: a thread that is new computes on the same threads as the others."""


def set_warn_always(b: bool, /) -> None:
    """Whether warnings of the core would come each time; they always do."""
    global _warn_always
    if not isinstance(b, bool):
        raise TypeError(f"setWarnOnlyOnce_enabled() arg must be bool, but got {type(b).__name__}")
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was last given."""
    return _warn_always


_MATMUL_PRECISIONS = ("highest", "high", "medium")


def set_float32_matmul_precision(precision: str) -> None:
    """How products of float32 matrices are computed: "highest" (the default), "high" or "medium".

    "medium" rounds both operands to bfloat16 and sums in float32, where the processor has matrix
    tiles (AMX); without them, and with the other two, everything stays float32 on the CPU. A GPU
    rounds to TF32's 10 bits of fraction with "high" and "medium", in attention too. Another string
    only warns; what is no string is a RuntimeError. Convolutions and layers of recurrence are not
    concerned: `backends.cudnn.allow_tf32` is for those.
    """
    if not isinstance(precision, str):
        name = type(precision).__name__
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {name}")
    if precision not in _MATMUL_PRECISIONS:
        import warnings

        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _C._set_float32_matmul_precision(_MATMUL_PRECISIONS.index(precision))


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was last given."""
    return _MATMUL_PRECISIONS[_C._float32_matmul_precision()]


# Deterministic calculation ------------------------------------------------------------------------

# Every op gives the same bits on every run, on any number of threads, with or without this. What
# the switch changes is fresh memory: see `utils.deterministic`.
_determinism = {"on": False, "warn_only": False, "fill": True}


def _update_filling():
    _C._set_fill_uninitialized(_determinism["on"] and _determinism["fill"])


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Whether ops may only do what gives the same result on every run; they always do.

    While it is on, memory that would be uninitialized is filled with NaN or the largest integer.
    """
    for name, value in (("mode", mode), ("warn_only", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"use_deterministic_algorithms(): argument '{name}' must be bool, not "
                f"{type(value).__name__}"
            )
    _determinism.update(on=mode, warn_only=warn_only)
    _update_filling()


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was last given."""
    return _determinism["on"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether only a warning was asked for."""
    return _determinism["warn_only"]


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same switch as a number or a word: 0 "default" (off), 1 "warn", 2 "error"."""
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    elif not isinstance(debug_mode, int):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0 when off, 1 when it would warn, 2 when it would raise."""
    return _determinism["on"] * (2 - _determinism["warn_only"])


for _name in __all__:
    globals()[_name].__module__ = "cnn"  # where users find them
