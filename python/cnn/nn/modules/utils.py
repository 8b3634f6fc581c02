"""Sizes per dimension, where one number stands for all, and names in state dicts."""

from __future__ import annotations

from collections.abc import Iterable

from ..functional.pools import _list_with_default as _list_with_default

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n, name="parse"):
    """A function `name` that repeats a number n times and turns an iterable into a tuple."""

    def parse(x):
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")
_sextuple = _ntuple(6, "_sextuple")


def _reverse_repeat_tuple(t, n):
    """(a, b) -> (b, b, a, a) for n = 2: the order in which `pad` takes its numbers."""
    return tuple(value for value in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Takes `prefix` off the keys that begin with it, in place, and off those of the metadata.

    With "module." the state of a DataParallel becomes that of the module in it.
    """
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    # The wrapped module itself stands there without the dot.
    bare = prefix.replace(".", "")
    for key in [key for key in metadata if key and (key == bare or key.startswith(prefix))]:
        metadata[key[len(prefix) :]] = metadata.pop(key)
