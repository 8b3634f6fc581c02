"""cnn: tensors, automatic differentiation, neural networks; with PyTorch's names and semantics."""

from __future__ import annotations

import os as _os

from cnn import _C
from cnn._C import *  # noqa: F403  (the ops, dtypes and types of the core)
from cnn._C import Tensor  # noqa: F401

__version__ = "0.1.0"

# Names of the core that start with an underscore stay there; these are Python's own.
from cnn import _tensor  # noqa: E402, F401
from cnn._composite import *  # noqa: E402, F403
from cnn.autograd import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402, F401
from cnn.random import (  # noqa: E402, F401
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

# PyTorch's names for the dtypes.
float = _C.float32
double = _C.float64
half = _C.float16
short = _C.int16
int = _C.int32
long = _C.int64

_SUBMODULES = frozenset((
    "autograd", "cuda", "linalg", "nn", "optim", "random", "serialization",
    "storage", "testing", "utils",
))  # fmt: skip
_LAZY = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
}


def set_default_dtype(d):
    """The floating-point dtype of new tensors when none is given: `cnn.float64`, say.

    TypeError for dtypes that are not floating-point.
    """
    _C._set_default_dtype(d)


_MATMUL_PRECISIONS = ("highest", "high", "medium")


def set_float32_matmul_precision(precision):
    """How products of float32 matrices are computed: "highest" (the default), "high" or "medium".

    "medium" rounds both operands to bfloat16 and sums in float32, where the processor has matrix
    tiles (AMX); without them, and with the other two, everything stays float32. Another string
    only warns; what is no string is a RuntimeError. Convolutions and layers of recurrence are not
    concerned.
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


def get_float32_matmul_precision():
    """What `set_float32_matmul_precision` was last given."""
    return _MATMUL_PRECISIONS[_C._float32_matmul_precision()]


def __getattr__(name):
    """Sub-packages and what stands in them load at first use, so that `import cnn` is quick."""
    import importlib

    if name in _SUBMODULES:
        return importlib.import_module(f"cnn.{name}")
    if name in _LAZY:
        value = getattr(importlib.import_module(f"cnn.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cnn' has no attribute {name!r}")


if "CNN_AS_TORCH" in _os.environ:
    from cnn import _torch_alias

    _torch_alias.install()
