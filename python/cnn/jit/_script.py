"""`script`, which gives back what it is given, and the classes that PyTorch makes of it."""

from __future__ import annotations

import enum
from collections import namedtuple

from .._unavailable import mark
from ..nn import Module

Attribute = namedtuple("Attribute", ["value", "type"])
Attribute.__doc__ = """A value and the type that a compiler should give it."""


class ScriptWarning(Warning):
    """What PyTorch's compiler warns with; nothing here does."""


class ScriptFunction:
    """A compiled function: for `isinstance`. Nothing is compiled, so nothing is one."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("cnn compiles no functions; call the Python function")


class ScriptModule(Module):
    """A module whose methods PyTorch would compile. Here it is a Module; values wrapped in
    `Attribute` are taken out.
    """

    def __setattr__(self, name, value):
        super().__setattr__(name, value.value if isinstance(value, Attribute) else value)

    def define(self, src):
        """Refused: the source would be in PyTorch's own language."""
        raise NotImplementedError("cnn does not compile source; write the method in Python")

    def save(self, f, **kwargs):
        """Refused, as `jit.save`."""
        from ._serialization import save

        save(self, f)

    @property
    def original_name(self):
        """The name of the class."""
        return type(self).__name__


class RecursiveScriptModule(ScriptModule):
    """What PyTorch's `script` makes of a module: for `isinstance`."""


class RecursiveScriptClass:
    """What PyTorch's `script` makes of an object: for `isinstance`."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("cnn compiles no classes; use the Python object")


class CompilationUnit:
    """A set of compiled functions, which there are none of."""

    def __init__(self, lang=None, _frames_up=0):
        if lang is not None:
            raise NotImplementedError("cnn does not compile source; write functions in Python")

    def define(self, lang, rcb=None, _frames_up=0):
        """Refused: the source would be in PyTorch's own language."""
        raise NotImplementedError("cnn does not compile source; write functions in Python")


mark("nothing is compiled; call the Python function", ScriptFunction, CompilationUnit)
mark("nothing is compiled; use the Python object", RecursiveScriptClass)
ScriptFunction.__module__ = CompilationUnit.__module__ = __package__  # where PyTorch has them


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """Gives back the function, class, module or container: it runs as Python.

    What PyTorch's compiler would refuse runs too.
    """
    if isinstance(obj, Module):
        prepare = getattr(obj, "__prepare_scriptable__", None)
        return obj if prepare is None else prepare()
    if callable(obj) or isinstance(obj, (dict, list, enum.EnumMeta)):
        return obj
    raise RuntimeError(f"script() takes a function, a class or a module, not {type(obj).__name__}")


def script_method(fn):
    """Gives the method back."""
    return fn


def interface(obj):
    """Gives the class back, which lists methods that other classes have."""
    if not isinstance(obj, type):
        raise RuntimeError("interface must be applied to a class")
    return obj


def _unwrap_optional(x):
    if x is None:
        raise AssertionError("Unwrapping null optional")
    return x
