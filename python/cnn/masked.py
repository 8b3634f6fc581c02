"""Masked tensors: there are none. The names can be imported, and raise when they are called."""

from __future__ import annotations

from . import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no masked tensors; use where() or masked_fill() and the function itself",
    functions="""
        amax amin argmax argmin as_masked_tensor cumprod cumsum log_softmax logaddexp logsumexp
        masked_tensor mean median norm normalize prod softmax softmin std sum var""",
    classes="MaskedTensor",
)
__all__ += ["is_masked_tensor"]


def is_masked_tensor(obj, /):
    """False: there are none."""
    return False
