"""Names of PyTorch's whose work nothing here does: packages import them, and calling one raises.

A name is put here when programs need it to exist (to import it, to test `isinstance`, to write it
down as a type) without using it. None of them does less than it says in silence.
"""

from __future__ import annotations

import sys

__all__ = ["declare", "mark"]


def declare(module, reason, *, functions="", classes="", base=object, error=NotImplementedError):
    """Puts functions and classes into a module that raise when they are called.

    `functions` and `classes` are strings of names, `reason` says what to use instead, or why there
    is nothing. A class may be derived from; the derived class raises like it. Returns the names.
    """
    space = vars(sys.modules[module])
    for name in functions.split():
        space[name] = _function(module, name, reason, error)
    for name in classes.split():
        space[name] = _class(module, name, reason, error, base)
    return [*functions.split(), *classes.split()]


def mark(reason, *values):
    """Lets functions and classes that raise say so: docs/compatibility.md lists them."""
    for value in values:
        value.__refuses__ = reason


def _function(module, name, reason, error):
    message = f"{module.removeprefix('cnn.')}.{name}: {reason}"

    def refuse(*args, **kwargs):
        raise error(message)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__module__ = module
    refuse.__doc__ = f"Raises {error.__name__}: {reason}."
    mark(reason, refuse)
    return refuse


def _class(module, name, reason, error, base):
    message = f"{module.removeprefix('cnn.')}.{name}: {reason}"

    def __new__(cls, *args, **kwargs):
        raise error(message)

    doc = f"Raises {error.__name__} when one is made: {reason}."
    made = type(name, (base,), {"__new__": __new__, "__module__": module, "__doc__": doc})
    mark(reason, made)
    return made
