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
    "autograd", "backends", "cuda", "linalg", "nn", "optim", "random",
    "serialization", "storage", "testing", "utils",
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
