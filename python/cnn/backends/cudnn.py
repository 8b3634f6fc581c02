"""Convolutions of GPUs: the switches that scripts set, and cuDNN as a second way.

`allow_tf32` (bool, True at first) tells whether a GPU may round the factors of float32 convolutions
and recurrent layers to TF32's 10 bits of fraction; `conv.fp32_precision` and `rnn.fp32_precision`
("tf32", "ieee", "none") do that for one of them.

A process that starts with CNN_CUDNN=1 in its environment, where NVIDIA's wheel nvidia-cudnn-cu13 is
installed, has its convolutions done by cuDNN 9, all but those of one channel to a group, while
`enabled` is True, as it is at first. What no engine of cuDNN's suits is done by this library.

The others can be set and read, and change nothing: both ways choose an algorithm by shapes alone,
and only one that gives the same results every time, which is what `deterministic = True` and
`benchmark = False` ask for.
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

enabled: bool  # a property of the module, as allow_tf32 is: below
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32: bool
depthwise_kernel = "auto"
fp32_precision = "none"
conv = Precision(_C._conv_tf32_allowed, _C._allow_conv_tf32)
rnn = Precision(_C._rnn_tf32_allowed, _C._allow_rnn_tf32)
CUDNN_TENSOR_DTYPES = {_C.float16, _C.float32, _C.float64}


def is_available():
    """Whether there is a GPU, and a cuDNN that the process asks for."""
    return _C._cuda_is_available() and _C._cudnn_version() > 0


def is_acceptable(tensor):
    """Whether convolutions of a tensor may be cuDNN's: floats on a GPU, while it is enabled."""
    on_gpu = tensor.is_cuda and tensor.dtype in CUDNN_TENSOR_DTYPES
    return on_gpu and _C._conv_library_allowed() and is_available()


def version():
    """cuDNN's version as an int (92801 is 9.28.1), or None where `is_available()` is False."""
    return _C._cudnn_version() if is_available() else None


def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    return attributes(__name__, dict(locals()))


class _Cudnn(types.ModuleType):
    @property
    def enabled(self):
        return _C._conv_library_allowed()

    @enabled.setter
    def enabled(self, enabled):
        _C._allow_conv_library(bool(enabled))

    @property
    def allow_tf32(self):
        return _C._conv_tf32_allowed() and _C._rnn_tf32_allowed()

    @allow_tf32.setter
    def allow_tf32(self, allowed):
        _C._allow_conv_tf32(bool(allowed))
        _C._allow_rnn_tf32(bool(allowed))


sys.modules[__name__].__class__ = _Cudnn
