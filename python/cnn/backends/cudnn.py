"""Switches that scripts set for PyTorch's convolutions on GPUs.

They can be set and read, and change nothing: here an algorithm is chosen by shapes alone, so that
results are the same every time, which is what `deterministic = True` and `benchmark = False` ask
for. `enabled` and `allow_tf32` are as ineffective.
"""

from __future__ import annotations

from types import SimpleNamespace

from .. import _C
from ._attributes import attributes

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
allow_tf32 = True
depthwise_kernel = "auto"
fp32_precision = "none"
conv = SimpleNamespace(fp32_precision="tf32")
rnn = SimpleNamespace(fp32_precision="tf32")
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
    return attributes(globals(), dict(locals()))
