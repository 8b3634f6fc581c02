"""What is put in place of functions and methods while something is traced."""

from __future__ import annotations

import builtins
import functools
from contextlib import contextmanager

from .. import _C, nn
from .node import map_aggregate
from .proxy import Proxy

# {(id of a module's dictionary, name): the dictionary}: functions that `wrap` named.
wrapped_functions = {}


class Patcher:
    """Sets entries of dictionaries, and puts back what was there."""

    def __init__(self):
        self._before = []
        self._seen = set()

    def patch(self, names, name, make):
        """Puts `make(function)` in place of a function of a module."""
        missing = name not in names
        original = getattr(builtins, name) if missing else names[name]
        if getattr(original, "_fx_traced", False):
            return
        self._before.append((names, name, None if missing else original))
        names[name] = make(original)
        names[name]._fx_traced = True

    def autowrap(self, names, function_ids):
        """Does so with the functions of a module that have these ids."""
        if id(names) in self._seen:
            return
        self._seen.add(id(names))
        for name, value in list(names.items()):
            if not name.startswith("_") and callable(value) and id(value) in function_ids:
                self.patch(names, name, traced_function)

    def revert(self):
        while self._before:
            names, name, original = self._before.pop()
            if original is None:
                del names[name]
            else:
                names[name] = original


def _proxy_in(*values):
    found = []
    map_aggregate(values, lambda x: found.append(x) if isinstance(x, Proxy) else None)
    return found[0] if found else None


def traced_function(function):
    """A function that becomes a node when a proxy is among its arguments."""

    @functools.wraps(function)
    def traced(*args, **kwargs):
        proxy = _proxy_in(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        made = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        made.node.meta["is_wrapped"] = True
        return made

    return traced


@contextmanager
def patching():
    """A context that gives a Patcher, with the functions that `wrap` named."""
    patcher = Patcher()
    try:
        for (_, name), names in list(wrapped_functions.items()):
            patcher.patch(names, name, traced_function)
        yield patcher
    finally:
        patcher.revert()


_call, _getattr = nn.Module.__call__, nn.Module.__getattr__


def _shorten(cls, seen):
    if cls not in seen:
        seen.add(cls)
        _C._shorten_module_slots(cls)
        for below in cls.__subclasses__():
            _shorten(below, seen)


@contextmanager
def module_methods(call, get):
    """A context in which Module has these `__call__` and `__getattr__`.

    Subclasses skip Module's methods otherwise (`_C._shorten_module_slots`), and do again after.
    """
    before = nn.Module.__call__, nn.Module.__getattr__
    nn.Module.__call__, nn.Module.__getattr__ = call, get
    try:
        yield
    finally:
        nn.Module.__call__, nn.Module.__getattr__ = before
        if before == (_call, _getattr):
            _shorten(nn.Module, set())
