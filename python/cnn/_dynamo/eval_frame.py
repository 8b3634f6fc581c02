"""What PyTorch's compiler makes of a module, and its older entries."""

from __future__ import annotations

from .._compile import compile as _compile
from .._unavailable import mark
from ..nn import Module


class OptimizedModule(Module):
    """A compiled module: for `isinstance`. `compile` gives modules back as they are, so that
    nothing is one.
    """

    def __init__(self, mod, dynamo_ctx=None):
        raise NotImplementedError("cnn compiles no modules; use the module itself")


class _TorchDynamoContext:
    """A compiled function's settings: for `isinstance`."""


class OptimizeContext(_TorchDynamoContext):
    """A compiled function's settings: for `isinstance`."""


def optimize(backend="inductor", *, nopython=False, disable=False, dynamic=None, **options):
    """Decorates a function, which is given back, after a look at the arguments."""
    return _compile(None, fullgraph=nopython, dynamic=dynamic, backend=backend, disable=disable)


def optimize_assert(backend, **options):
    """The same."""
    return _compile(None, fullgraph=True, backend=backend)


def explain(f, *extra_args, **extra_kwargs):
    """Refused: no graphs are traced."""
    raise NotImplementedError("explain() describes traced graphs of ops; cnn.fx traces modules")


def export(f, *extra_args, **extra_kwargs):
    """Refused: no graphs of ops are traced."""
    raise NotImplementedError("export() makes a graph of ops; cnn.fx.symbolic_trace traces modules")


def is_dynamo_supported():
    """Whether functions can be traced and compiled: False."""
    return False


def innermost_fn(fn, unaltered_fn_attr="_torchdynamo_orig_callable"):
    """The function itself."""
    return fn


mark("no graphs of ops are traced; cnn.fx.symbolic_trace traces modules", explain, export)
mark("modules are not compiled; use the module itself", OptimizedModule)
