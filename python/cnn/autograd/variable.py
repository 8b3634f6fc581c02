"""`Variable`, the name that tensors with gradients had before PyTorch 0.4."""

from __future__ import annotations

from .. import _C

__all__ = ["Variable"]


class VariableMeta(type):
    def __instancecheck__(cls, other):
        return isinstance(other, _C.Tensor)

    def __call__(cls, data=None, requires_grad=False, volatile=None):
        """A tensor over the memory of `data`: `Variable(t, requires_grad=True)`; `volatile` no
        longer has an effect.
        """
        if volatile is not None:
            import warnings

            warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
        if data is None:
            data = _C.empty(0)
        if not isinstance(data, _C.Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


class ImperativeEngine:
    """What PyTorch's programs ask of the engine itself."""

    def queue_callback(self, callback):
        """Calls `callback()` when the backward that calls this has computed its gradients."""
        _C._queue_callback(callback, False)


class Variable(metaclass=VariableMeta):
    """Every tensor is an instance."""

    _execution_engine = ImperativeEngine()
