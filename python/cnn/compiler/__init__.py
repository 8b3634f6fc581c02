"""PyTorch's names around its compiler. Nothing is compiled here: functions run as they are.

Decorators give the function back, questions whether something is compiled are answered with False,
and settings of a compiler change nothing that could be computed.
"""

from __future__ import annotations

from contextlib import ContextDecorator as _ContextDecorator

from .. import _absent
from .._compile import compile as _compile
from .._unavailable import mark

__all__ = [
    "compile", "config", "assume_constant_result", "reset", "allow_in_graph",
    "substitute_in_graph", "list_backends", "disable", "set_default_backend",
    "get_default_backend", "set_stance", "set_enable_guard_collectives",
    "cudagraph_mark_step_begin", "load_compiled_function", "wrap_numpy", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "save_cache_artifacts", "load_cache_artifacts",
    "keep_portable_guards_unsafe", "skip_guard_on_inbuilt_nn_modules_unsafe",
    "skip_guard_on_all_nn_modules_unsafe", "keep_tensor_guards_unsafe",
    "skip_guard_on_globals_unsafe", "skip_all_guards_unsafe", "nested_compile_region",
]  # fmt: skip


def compile(*args, **kwargs):
    """`cnn.compile`."""
    return _compile(*args, **kwargs)


def reset():
    """Nothing: no compiled code is kept."""


def is_compiling():
    """Whether the function is being compiled or traced by PyTorch's compiler: False."""
    return False


def is_dynamo_compiling():
    """Whether the function is being traced by PyTorch's compiler: False."""
    return False


def is_exporting():
    """Whether the function is being exported: False."""
    return False


def disable(fn=None, recursive=True, *, reason=None):
    """Gives the function back, which is never compiled; or decorates one."""
    return (lambda function: function) if fn is None else fn


def allow_in_graph(fn):
    """Gives the function back, or the list or tuple of functions."""
    if isinstance(fn, (list, tuple)):
        return [allow_in_graph(one) for one in fn]
    if not callable(fn):
        raise AssertionError("allow_in_graph expects a callable")
    return fn


def assume_constant_result(fn):
    """Gives the function back, whose result a compiler might keep."""
    return fn


def substitute_in_graph(
    original_fn, *, can_constant_fold_through=False, skip_signature_check=False
):
    """Decorates what a compiler would trace in place of `original_fn`; here that is what runs."""
    if not callable(original_fn):
        raise TypeError(f"substitute_in_graph expects a function but got {type(original_fn)!r}")
    return lambda traceable: traceable


def nested_compile_region(fn=None, **options):
    """Gives the function back, which a compiler would compile once."""
    return (lambda function: function) if fn is None else fn


def wrap_numpy(fn):
    """A function of arrays as one of tensors: arguments become NumPy's, results tensors."""
    from functools import wraps

    from .. import _C
    from ..utils._pytree import tree_map

    def to_numpy(x):
        return x.numpy() if isinstance(x, _C.Tensor) else x

    def to_tensor(x):
        return _C.as_tensor(x) if type(x).__module__ == "numpy" else x

    @wraps(fn)
    def wrapped(*args, **kwargs):
        args, kwargs = tree_map(to_numpy, (args, kwargs))
        return tree_map(to_tensor, fn(*args, **kwargs))

    return wrapped


_BACKENDS = ("cudagraphs", "inductor")
_default_backend = "inductor"


def list_backends(exclude_tags=("debug", "experimental")):
    """The backends that `compile` accepts by name."""
    debug = [] if exclude_tags else ["aot_eager", "eager"]
    return sorted((*_BACKENDS, *debug))


def set_default_backend(backend):
    """Sets what `get_default_backend` gives; None is "inductor"."""
    global _default_backend
    from .._compile import check

    check(False, None, backend, None, None)
    _default_backend = backend or "inductor"


def get_default_backend():
    """The name of the backend that `compile` would use."""
    return _default_backend


_STANCES = (
    "default", "eager_then_compile", "aot_eager_then_compile", "force_eager", "eager_on_recompile",
    "fail_on_recompile",
)  # fmt: skip


class set_stance(_ContextDecorator):
    """A call, context or decorator that says when PyTorch compiles; here nothing ever is."""

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


def set_enable_guard_collectives(enabled):
    """Whether processes agree on compiling anew: there is one process. False was set before."""
    return False


def cudagraph_mark_step_begin():
    """Nothing: there are no CUDA graphs."""


_NO_CACHE = "cnn compiles nothing, so that there is nothing to keep"


def save_cache_artifacts():
    """None: nothing is compiled, so that there is nothing to keep."""
    return None


def load_cache_artifacts(serialized_artifacts):
    """Refused: compiled code of PyTorch's cannot run here."""
    raise NotImplementedError(f"load_cache_artifacts: {_NO_CACHE}")


def load_compiled_function(file, *, f_globals=None, external_data=None):
    """Refused: compiled code of PyTorch's cannot run here."""
    raise NotImplementedError(f"load_compiled_function: {_NO_CACHE}; import the Python function")


mark(_NO_CACHE, load_cache_artifacts, load_compiled_function)


def _guards(entries):
    return [True for _ in entries]


def keep_portable_guards_unsafe(guard_entries):
    """Which of a compiler's guards to keep: all."""
    return _guards(guard_entries)


def skip_guard_on_inbuilt_nn_modules_unsafe(guard_entries):
    """Which of a compiler's guards to keep: all."""
    return _guards(guard_entries)


def skip_guard_on_all_nn_modules_unsafe(guard_entries):
    """Which of a compiler's guards to keep: all."""
    return _guards(guard_entries)


def keep_tensor_guards_unsafe(guard_entries, keep_parameters=False):
    """Which of a compiler's guards to keep: all."""
    return _guards(guard_entries)


def skip_guard_on_globals_unsafe(guard_entries):
    """Which of a compiler's guards to keep: all."""
    return _guards(guard_entries)


def skip_all_guards_unsafe(guard_entries):
    """Which of a compiler's guards to keep: none."""
    return [False for _ in guard_entries]


from . import config  # noqa: E402

_absent.explain(__name__)
