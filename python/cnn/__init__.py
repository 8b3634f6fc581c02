"""cnn: tensors, automatic differentiation, neural networks; with PyTorch's names and semantics."""

from __future__ import annotations

import os as _os

from cnn import _C
from cnn._C import *  # noqa: F403  (the ops, dtypes and types of the core)
from cnn._C import Tensor as Tensor

__version__ = "0.1.0"

# Names of the core that start with an underscore stay there; these are Python's own.
from cnn import _tensor  # noqa: E402, F401
from cnn._composite import *  # noqa: E402, F403
from cnn._number_info import finfo as finfo  # noqa: E402
from cnn._number_info import iinfo as iinfo  # noqa: E402
from cnn._settings import *  # noqa: E402, F403
from cnn.autograd import enable_grad as enable_grad  # noqa: E402
from cnn.autograd import inference_mode as inference_mode  # noqa: E402
from cnn.autograd import no_grad as no_grad  # noqa: E402
from cnn.autograd import set_grad_enabled as set_grad_enabled  # noqa: E402
from cnn.functional import *  # noqa: E402, F403
from cnn.random import get_rng_state as get_rng_state  # noqa: E402
from cnn.random import initial_seed as initial_seed  # noqa: E402
from cnn.random import manual_seed as manual_seed  # noqa: E402
from cnn.random import seed as seed  # noqa: E402
from cnn.random import set_rng_state as set_rng_state  # noqa: E402

# PyTorch's names for the dtypes.
float = _C.float32
double = _C.float64
half = _C.float16
short = _C.int16
int = _C.int32
long = _C.int64

_SUBMODULES = frozenset((
    "_utils", "amp", "autograd", "backends", "cpu", "cuda", "linalg", "nn", "optim", "overrides",
    "profiler", "random", "serialization", "storage", "testing", "types", "utils",
))  # fmt: skip
_LAZY = {
    "save": "serialization",
    "load": "serialization",
    "set_printoptions": "_tensor_str",
    "get_printoptions": "_tensor_str",
    "autocast": "amp.autocast_mode",
    "GradScaler": "amp.grad_scaler",
    "_amp_foreach_non_finite_check_and_unscale_": "amp.grad_scaler",
    "_amp_update_scale_": "amp.grad_scaler",
    "is_autocast_cpu_enabled": "amp._deprecation",
    "set_autocast_cpu_enabled": "amp._deprecation",
    "get_autocast_cpu_dtype": "amp._deprecation",
    "set_autocast_cpu_dtype": "amp._deprecation",
    "get_autocast_gpu_dtype": "amp._deprecation",
    "set_autocast_gpu_dtype": "amp._deprecation",
}


TYPE_CHECKING = False  # as in `typing`, which costs a third of the import
if TYPE_CHECKING:  # what __getattr__ brings, for readers of types
    from cnn import amp as amp
    from cnn import autograd as autograd
    from cnn import cpu as cpu
    from cnn import cuda as cuda
    from cnn import linalg as linalg
    from cnn import nn as nn
    from cnn import optim as optim
    from cnn import overrides as overrides
    from cnn import profiler as profiler
    from cnn import random as random
    from cnn import serialization as serialization
    from cnn import storage as storage
    from cnn import testing as testing
    from cnn import types as types
    from cnn import utils as utils
    from cnn._tensor_str import get_printoptions as get_printoptions
    from cnn._tensor_str import set_printoptions as set_printoptions
    from cnn.amp.autocast_mode import autocast as autocast
    from cnn.amp.grad_scaler import GradScaler as GradScaler
    from cnn.serialization import load as load
    from cnn.serialization import save as save
else:

    def __getattr__(name):
        """Sub-packages and what stands in them load at first use, so that `import cnn` is quick."""
        import importlib

        if name in _SUBMODULES:
            return importlib.import_module(f"cnn.{name}")
        if name in _LAZY:
            value = getattr(importlib.import_module(f"cnn.{_LAZY[name]}"), name)
            globals()[name] = value
            return value
        from cnn._absent import absent

        raise absent("cnn", name)


if "CNN_AS_TORCH" in _os.environ:
    from cnn import _torch_alias

    _torch_alias.install()
