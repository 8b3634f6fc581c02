"""Packages that are one module to their users, as PyTorch has them, and several files here."""

from __future__ import annotations

import sys


def adopt(face, package=None):
    """Makes the classes and functions of a package's files name `face` as their module: a module
    that shows them, by default the package itself.

    Pickles and `inspect` then find them where PyTorch's are: `cnn.optim.lr_scheduler.StepLR`.
    """
    files = {
        m.__name__ for path, m in sys.modules.items() if path.startswith(f"{package or face}.")
    }
    for value in list(vars(sys.modules[face]).values()):
        if getattr(value, "__module__", None) in files and hasattr(value, "__name__"):
            value.__module__ = face
