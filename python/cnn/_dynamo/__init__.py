"""PyTorch's names around its tracing compiler. Nothing is traced: functions run as they are."""

from __future__ import annotations

from .. import _absent, compiler
from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    list_backends,
    reset,
    set_stance,
    substitute_in_graph,
)
from . import config
from .decorators import (
    allow_c_slot,
    disable_nested_graph_breaks,
    disallow_in_graph,
    dont_skip_tracing,
    error_on_graph_break,
    forbid_in_graph,
    graph_break,
    is_dynamo_disable_recursive,
    mark_dynamic,
    mark_static,
    mark_static_address,
    mark_unbacked,
    maybe_mark_dynamic,
    nonstrict_trace,
    override_cudagraphs,
    override_optimization_hint,
    patch_dynamo_config,
    run,
    skip,
    skip_frame,
    step_unsupported,
)
from .eval_frame import OptimizedModule, explain, export, optimize, optimize_assert
from .external_utils import is_compiling

__all__ = [
    "allow_c_slot", "allow_in_graph", "assume_constant_result", "config", "disable",
    "disable_nested_graph_breaks", "disallow_in_graph", "dont_skip_tracing", "export", "explain",
    "forbid_in_graph", "graph_break", "is_compiling", "is_dynamo_disable_recursive",
    "list_backends", "lookup_backend", "mark_dynamic", "maybe_mark_dynamic", "mark_static",
    "mark_static_address", "nonstrict_trace", "override_optimization_hint", "optimize",
    "optimize_assert", "OptimizedModule", "patch_dynamo_config", "register_backend", "reset",
    "reset_recompile_user_contexts", "run", "override_cudagraphs", "error_on_graph_break",
    "set_recursion_limit", "set_stance", "skip_frame", "step_unsupported", "substitute_in_graph",
]  # fmt: skip

_registered = set()


def lookup_backend(compiler_fn):
    """A name that `compile` accepts, or a function, is given back."""
    known = {*compiler.list_backends(None), *_registered, "openxla", "tvm", "onnxrt", "hpu_backend"}
    if isinstance(compiler_fn, str) and compiler_fn not in known:
        raise InvalidBackend(
            f"Invalid backend: {compiler_fn!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    return compiler_fn


class InvalidBackend(RuntimeError):
    """A name that `compile` does not know."""


def register_backend(compiler_fn=None, name=None, tags=()):
    """Notes the name of a backend, so that `compile` accepts it; the backend is never called."""
    if compiler_fn is None:
        return lambda function: register_backend(function, name, tags)
    _registered.add(name or compiler_fn.__name__)
    return compiler_fn


def reset_code_caches():
    """Nothing: no compiled code is kept."""


def reset_recompile_user_contexts():
    """Nothing: nothing is compiled anew."""


def get_recursion_limit():
    """-1: there is no limit of a compiler's own."""
    return -1


def set_recursion_limit(limit):
    """Accepts the limit of a compiler's own recursion; Python's is sys.setrecursionlimit."""
    if limit != -1 and limit < 1:
        raise ValueError("recursion limit must be greater than or equal to 1, or -1")


_absent.explain(__name__, ("_trace_wrapped_higher_order_op", "exc", "utils"))
