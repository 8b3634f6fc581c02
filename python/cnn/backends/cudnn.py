"""Switches that scripts set for PyTorch's convolutions on GPUs.

`allow_tf32` (bool, True at first) tells whether a GPU may round the factors of float32 convolutions
and recurrent layers to TF32's 10 bits of fraction; `conv.fp32_precision` and `rnn.fp32_precision`
("tf32", "ieee", "none") do that for one of them. The others can be set and read, and change
nothing: here an algorithm is chosen by shapes alone, so that results are the same every time, which
is what `deterministic = True` and `benchmark = False` ask for.
"""

from __future__ import annotations

import sys
import types

from .. import _C
from ._attributes import Precision, attributes

__all__ = [
    "CUDNN_TENSOR_DTYPES",
    "allow_tf32",
    "benchmark",
    "benchmark_limit",
    "conv",
    "depthwise_kernel",
    "deterministic",
    "enabled",
    "flags",
    "fp32_precision",
    "is_acceptable",
    "is_available",
    "rnn",
    "version",
]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32: bool  # a property of the module, below
depthwise_kernel = "auto"
fp32_precision = "none"
conv = Precision(_C._conv_tf32_allowed, _C._allow_conv_tf32)
rnn = Precision(_C._rnn_tf32_allowed, _C._allow_rnn_tf32)
CUDNN_TENSOR_DTYPES = {_C.float16, _C.float32, _C.float64}


def is_available():
    """False: convolutions are this library's own."""
    return False


def is_acceptable(tensor):
    """False: no tensor is given to cuDNN."""
    return False


def version():
    """None: there is no cuDNN."""
    return None


def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    return attributes(__name__, dict(locals()))


class _Cudnn(types.ModuleType):
    @property
    def allow_tf32(self):
        return _C._conv_tf32_allowed() and _C._rnn_tf32_allowed()

    @allow_tf32.setter
    def allow_tf32(self, allowed):
        _C._allow_conv_tf32(bool(allowed))
        _C._allow_rnn_tf32(bool(allowed))


sys.modules[__name__].__class__ = _Cudnn
