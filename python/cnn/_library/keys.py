"""Dispatch keys: under which an operator has its kernels. Those not asked are names alone."""

from __future__ import annotations

import threading

from .._dispatch_key import DispatchKey

KNOWN = frozenset(DispatchKey.__members__)


def name_of(key):
    """The name of a key, or of its name."""
    return key.name if isinstance(key, DispatchKey) else str(key).rpartition(".")[2]


class DispatchKeySet:
    """Some keys."""

    def __init__(self, *keys):
        self._keys = frozenset(
            name for key in keys for name in (getattr(key, "_keys", None) or (name_of(key),))
        )

    def __or__(self, other):
        return DispatchKeySet(self, other)

    def __and__(self, other):
        made = DispatchKeySet()
        made._keys = self._keys & other._keys
        return made

    def __sub__(self, other):
        made = DispatchKeySet()
        made._keys = self._keys - other._keys
        return made

    def has(self, key):
        """Whether a key is one of them."""
        return name_of(key) in self._keys

    def add(self, key):
        """These and another one."""
        return self | DispatchKeySet(key)

    def __iter__(self):
        return (DispatchKey[name] for name in sorted(self._keys))

    def __repr__(self):
        return f"DispatchKeySet({', '.join(sorted(self._keys))})"


_excluded = threading.local()


def excluded():
    """The names of the keys whose kernels this thread leaves out."""
    return getattr(_excluded, "keys", frozenset())


class _ExcludeDispatchKeyGuard:
    """A context in which kernels of some keys are left out."""

    def __init__(self, keys):
        self._keys = keys._keys

    def __enter__(self):
        self._before = excluded()
        _excluded.keys = self._before | self._keys

    def __exit__(self, *_):
        _excluded.keys = self._before
