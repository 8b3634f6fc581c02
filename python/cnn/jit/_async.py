"""Calls that PyTorch's scripts run in parallel. Here they run at once."""

from __future__ import annotations

from .._jit_internal import _Await
from ..futures import Future


def fork(func, *args, **kwargs):
    """A Future of `func(*args, **kwargs)`, which has run when it is returned.

    What it raises, `wait` raises.
    """
    future = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future):
    """The value of a Future from `fork`."""
    return future.wait()


def _awaitable(func, *args, **kwargs):
    """A call that runs when it is waited for."""
    return _Await(lambda: func(*args, **kwargs), ())


def _awaitable_wait(aw):
    if not hasattr(aw, "_result"):
        aw._result = aw._function(*aw._args)
    return aw._result


def _awaitable_nowait(o):
    return _Await(lambda: o, ())
