"""Arguments by the names of a signature."""

from __future__ import annotations

import inspect
from typing import NamedTuple

from .. import _absent


class ArgsKwargsPair(NamedTuple):
    """The arguments of a call."""

    args: tuple
    kwargs: dict


def _normalized(signature, args, kwargs, only_kwargs):
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    kinds = {p.kind for p in signature.parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    if only_kwargs:
        return ArgsKwargsPair((), dict(bound.arguments))
    given = list(bound.arguments.items())
    return ArgsKwargsPair(tuple(v for _, v in given[: len(args)]), dict(given[len(args) :]))


def normalize_function(
    target, args, kwargs=None, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False
):
    """The arguments of a function with all defaults; None where its signature is not known."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return None
    return _normalized(signature, args, kwargs or {}, normalize_to_only_use_kwargs)


def normalize_module(root, target, args, kwargs=None, normalize_to_only_use_kwargs=False):
    """The same of the `forward` of a submodule."""
    signature = inspect.signature(root.get_submodule(target).forward)
    return _normalized(signature, args, kwargs or {}, normalize_to_only_use_kwargs)


_absent.explain(__name__)
