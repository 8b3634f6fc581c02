"""PyTorch's code generator, of which there are the names of settings alone."""

from __future__ import annotations

from .. import _absent

_NONE = "cnn generates no code for graphs; the functions run as they are"


def compile(gm, example_inputs, options=None):
    """Refused: no code is generated."""
    raise NotImplementedError(_NONE)


def aot_compile(gm, args, kwargs=None, *, options=None):
    """Refused: no code is generated."""
    raise NotImplementedError(_NONE)


def cudagraph_mark_step_begin():
    """Nothing: there are no CUDA graphs."""


def list_mode_options(mode=None, dynamic=None):
    """{mode: options}: no mode has any."""
    from .._compile import _MODES

    return {name: {} for name in _MODES} if mode is None else {}


def list_options():
    """The options of `compile`: none."""
    return []


_absent.explain(__name__, ("config",))
