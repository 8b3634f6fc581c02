"""Packages that are one module to their users, as PyTorch has them, and several files here."""

from __future__ import annotations

import sys

from cnn import _C


def adopt(face, *files):
    """Makes classes and functions name `face` as their module, which shows them: those of `files`,
    by default of the files below it.

    Pickles and `inspect` then find them where PyTorch's are: `cnn.optim.lr_scheduler.StepLR`.
    """
    prefixes = files or (f"{face}.",)
    own = {m.__name__ for path, m in sys.modules.items() if path.startswith(prefixes)}
    for value in list(vars(sys.modules[face]).values()):
        if getattr(value, "__module__", None) in own and hasattr(value, "__name__"):
            value.__module__ = face


def let_override(space, names, **ops):
    """Lets `__torch_function__` and autocast take over functions that are written in Python, as
    they do ops.

    `space` is a namespace: {name: function, ...}. Keywords are the names under which autocast lists
    functions that are called otherwise.
    """
    for name in names:
        if isinstance(space[name], type(adopt)):
            space[name] = _C._overridable(space[name], ops.get(name, name))


def lend(face, source, names):
    """Lets a module show names of another one, which loads when one of them is asked for.

    `names` is a string of them.
    """
    names = names.split()

    def __getattr__(name):
        if name in names:
            from importlib import import_module

            return getattr(import_module(source), name)
        raise AttributeError(f"module {face!r} has no attribute {name!r}")

    sys.modules[face].__getattr__ = __getattr__
