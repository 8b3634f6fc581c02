"""The version, and which CUDA there is, if any."""

from __future__ import annotations

import sys

__all__ = ["cuda", "debug", "git_version", "hip", "rocm", "xpu"]  # noqa: F822, found by __getattr__

hip = None
rocm = None
xpu = None
debug = False
git_version = None


def __getattr__(name):
    if name == "cuda":  # what the plug-in was built with, where a GPU can be used; else None
        from . import _C

        if not _C._cuda_is_available():
            return None
        version = _C._cuda_runtime_version()
        return f"{version // 1000}.{version % 1000 // 10}"
    if name == "__version__":
        return sys.modules["cnn"].__version__
    from ._absent import absent

    raise absent("cnn.version", name)
