"""Decorators and hints for PyTorch's tracing compiler: they give back what they are given."""

from __future__ import annotations

from contextlib import contextmanager

from .. import _C


def _same(fn=None):
    return (lambda function: function) if fn is None else fn


def run(fn=None):
    """Gives the function back."""
    return _same(fn)


def skip(fn=None):
    """Gives the function back."""
    return _same(fn)


def nonstrict_trace(traceable_fn):
    """Gives the function back."""
    if not callable(traceable_fn):
        raise AssertionError("nonstrict_trace expects a callable")
    return traceable_fn


def disallow_in_graph(fn):
    """Gives the function back, or the list of functions."""
    return [disallow_in_graph(one) for one in fn] if isinstance(fn, (list, tuple)) else fn


def forbid_in_graph(fn):
    """Gives the function back, or the list of functions."""
    return disallow_in_graph(fn)


def dont_skip_tracing(fn=None):
    """Gives the function back."""
    return _same(fn)


def disable_nested_graph_breaks(fn=None):
    """Gives the function back."""
    return _same(fn)


def allow_c_slot(*slots):
    """Decorates a function, which is given back."""
    return _same()


def graph_break(msg=""):
    """Nothing: there is no graph to break."""


def skip_frame(msg=""):
    """Nothing: no frame is traced."""


def step_unsupported(msg=""):
    """Nothing: nothing is traced."""


@contextmanager
def error_on_graph_break(error_on_graph_break):
    """A context in which a broken graph is an error; there is no graph."""
    yield


@contextmanager
def override_cudagraphs(fwd=None, bwd=None):
    """A context that says whether CUDA graphs are used; there are none."""
    yield


def patch_dynamo_config(arg1=None, arg2=None, **kwargs):
    """A context or decorator in which settings have other values."""
    from . import config

    return config.patch(arg1, arg2, **kwargs)


def is_dynamo_disable_recursive(method):
    """None: no function says whether the compiler leaves it alone."""
    return None


def _check_dims(t, index):
    if isinstance(index, (list, tuple)):
        for one in index:
            _check_dims(t, one)
    elif index is not None and isinstance(t, _C.Tensor) and not -t.dim() <= index < t.dim():
        raise IndexError(f"dimension {index} of a tensor of {t.dim()} dimensions")


def mark_dynamic(t, index, *, hint_override=None, min=None, max=None, specialize_on=None):
    """Says that the size of a dimension varies; every size is served alike."""
    _check_dims(t, index)


def mark_unbacked(t, index, **options):
    """Says that the size of a dimension is not known; every size is served alike."""
    _check_dims(t, index)


def maybe_mark_dynamic(t, index):
    """Says that the size of a dimension may vary; every size is served alike."""
    _check_dims(t, index)


def mark_static(t, index=None):
    """Says that the size of a dimension does not vary; every size is served alike."""
    _check_dims(t, index)


def mark_static_address(t, guard=False):
    """Says that a tensor's memory stays where it is; nothing depends on that."""
    if not isinstance(t, _C.Tensor):
        raise TypeError(f"mark_static_address expects a tensor but received {type(t)}")


def override_optimization_hint(x, val):
    """Says what size to optimize for; nothing is."""
