"""Switches of matrix products on GPUs, as scripts set them.

`matmul.allow_tf32` can be set and is not read: products of float32 are computed in float32.
"""

from __future__ import annotations

from types import SimpleNamespace

from .. import _absent
from .. import cuda as _cuda

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False)


def is_built():
    """Whether the CUDA part can be used; what `cnn.cuda.is_available()` says."""
    return _cuda.is_available()


_absent.explain(__name__)
