"""Ops with a gradient written in Python. The work is the core's (`_C._FunctionBase`); this is the
class that users extend.
"""

from __future__ import annotations

from functools import wraps

from .. import _C, _absent

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]

# What `ctx` is: save_for_backward, saved_tensors, needs_input_grad, mark_dirty,
# mark_non_differentiable, ... PyTorch has it in three parts.
FunctionCtx = _ContextMethodMixin = BackwardCFunction = _C._FunctionBase


class FunctionMeta(type(_C._FunctionBase)):  # type: ignore[misc]
    """Lets `vjp` stand for `backward`, and binds default arguments for `setup_context`."""

    def __init__(cls, name, bases, attrs):
        super().__init__(name, bases, attrs)
        if bases == (_C._FunctionBase,):
            return  # Function itself
        if "vjp" in attrs and "backward" not in attrs:
            cls.backward = attrs["vjp"]
        elif "vjp" in attrs:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        if "setup_context" in attrs and "apply" not in attrs:
            cls.apply = classmethod(_apply_with_defaults)


def _apply_with_defaults(cls, *args, **kwargs):
    forward = cls.forward
    if kwargs or getattr(forward, "__defaults__", None) or getattr(forward, "__kwdefaults__", None):
        import inspect

        bound = inspect.signature(forward).bind(*args, **kwargs)
        bound.apply_defaults()
        args, kwargs = bound.args, bound.kwargs
    return super(Function, cls).apply(*args, **kwargs)


class Function(_C._FunctionBase, metaclass=FunctionMeta):
    """A custom op: static `forward(ctx, *args)` and `backward(ctx, *grads)`, called by `apply`.

    With `setup_context(ctx, inputs, output)`, `forward(*args)` gets no ctx. `backward` returns a
    gradient, or None, for each argument of `forward`.
    """

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs):
        import warnings

        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version.",
            DeprecationWarning,
            stacklevel=2,
        )

    vjp = _C._FunctionBase.backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Forward-mode differentiation, which there is none of here; autograd.functional.jvp uses
        reverse mode twice.
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        """The rule for `vmap`, which there is none of here; write a loop and stack the results."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod "
            "or set generate_vmap_rule=True."
        )


class InplaceFunction(Function):
    """A Function with the flag `inplace`, as old code has it."""

    def __init__(self, inplace=False):
        self.inplace = inplace


class _Undifferentiable(Function):
    """Passes gradients on; raises when they are themselves differentiated."""

    @staticmethod
    def forward(ctx, *tensors):
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(fn):
    """Decorates a `backward` that cannot be differentiated: trying to raises RuntimeError."""

    @wraps(fn)
    def wrapper(ctx, *args):
        recording = _C.is_grad_enabled()
        _C._set_grad_enabled(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            _C._set_grad_enabled(recording)
        if not recording:
            return outputs
        if not any(isinstance(arg, _C.Tensor) and arg.requires_grad for arg in args):
            return outputs
        single = not isinstance(outputs, tuple)
        outputs = (outputs,) if single else outputs
        # The results depend on `args` in a way that was not recorded: they must look as if it had
        # been.
        at = [i for i, output in enumerate(outputs) if output is not None]
        guarded = _Undifferentiable.apply(*(outputs[i].detach().requires_grad_() for i in at))
        result = list(outputs)
        for i, output in zip(at, guarded):
            result[i] = output
        return result[0] if single else tuple(result)

    return wrapper


_WALKS = (
    "_iter_None_tensors",
    "_iter_filter",
    "_iter_tensors",
    "_iter_tensors_permissive",
    "_map_tensor_data",
    "_nested_map",
    "_unflatten",
)


def __getattr__(name):
    if name in _WALKS:  # for old code alone
        from . import _walks

        return getattr(_walks, name)
    raise _absent.absent(__name__, name)
