"""PyTorch's dispatch to classes and modes below autograd, which there is not here. Calls are taken
over above it: `cnn.overrides.TorchFunctionMode`.
"""

from __future__ import annotations

from contextlib import contextmanager

from .. import _absent


class TorchDispatchMode:
    """A context in which PyTorch gives every op, below autograd, to `__torch_dispatch__`: refused
    when it is entered.
    """

    supports_higher_order_operators = False

    def __init__(self, _dispatch_key=None):
        pass

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        raise NotImplementedError(
            "cnn dispatches nothing below autograd, so that a TorchDispatchMode would see no op; "
            "cnn.overrides.TorchFunctionMode sees the calls of functions"
        )

    def __exit__(self, exc_type, exc_val, exc_tb):
        return None

    @classmethod
    def push(cls, *args, **kwargs):
        """The same as the constructor, under its older name."""
        return cls(*args, **kwargs)


class BaseTorchDispatchMode(TorchDispatchMode):
    """A mode that calls every op as it would have been called: refused when it is entered."""


class TraceableWrapperSubclass:
    """A tensor class made of other tensors: for annotations."""


def is_traceable_wrapper_subclass(t):
    """Whether a tensor is made of other tensors that a compiler sees: False."""
    return False


def is_traceable_wrapper_subclass_type(t):
    """Whether a class is of such tensors: False."""
    return False


def is_in_torch_dispatch_mode(include_infra_modes=True):
    """Whether such a mode is on: False."""
    return False


def _get_current_dispatch_mode():
    """None: no such mode is on."""
    return None


def _get_current_dispatch_mode_stack():
    """The modes that are on: none."""
    return []


@contextmanager
def _disable_current_modes():
    """A context in which no such mode is on."""
    yield []


@contextmanager
def _pop_mode_temporarily(k=None):
    yield None


def transform_subclass(t, callback, outer_size=None, outer_stride=None):
    """A tensor made of other tensors, with others in their places."""
    names, context = t.__tensor_flatten__()
    inner = {name: callback(name, getattr(t, name)) for name in names}
    size = t.size() if outer_size is None else outer_size
    stride = t.stride() if outer_stride is None else outer_stride
    return type(t).__tensor_unflatten__(inner, context, size, stride)


def return_and_correct_aliasing(func, args, kwargs, out):
    """What `__torch_dispatch__` returns, which nothing calls here: the result."""
    return out


_absent.explain(__name__)
