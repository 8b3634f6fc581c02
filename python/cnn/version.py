"""The version, and what other libraries it was built with: none."""

from __future__ import annotations

import sys

__all__ = ["cuda", "debug", "git_version", "hip", "rocm", "xpu"]

cuda = None
hip = None
rocm = None
xpu = None
debug = False
git_version = None


def __getattr__(name):
    if name == "__version__":
        return sys.modules["cnn"].__version__
    from ._absent import absent

    raise absent("cnn.version", name)
