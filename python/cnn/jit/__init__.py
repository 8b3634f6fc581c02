"""PyTorch's names for compiling functions and modules to scripts. Here they run as Python.

`script` and the decorators give back what they are given. `trace` runs the module once on the
example, and what it returns runs the module again at every call. There are no files of scripts:
`save` and `load` raise, and name what to use.
"""

from __future__ import annotations

from .. import _absent
from .._jit_internal import (
    Final,
    Future,
    _Await,
    _drop,
    _IgnoreContextManager,
    _isinstance,
    _overload,
    _overload_method,
    export,
    ignore,
    is_scripting,
    unused,
)
from .._unavailable import mark
from ._async import _awaitable, _awaitable_nowait, _awaitable_wait, fork, wait
from ._freeze import freeze, optimize_for_inference, run_frozen_optimizations
from ._fuser import (
    fuser,
    last_executed_optimized_graph,
    optimized_execution,
    set_fusion_strategy,
)
from ._script import (
    Attribute,
    CompilationUnit,
    RecursiveScriptClass,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    ScriptWarning,
    _unwrap_optional,
    interface,
    script,
    script_method,
)
from ._serialization import (
    jit_module_from_flatbuffer,
    load,
    save,
    save_jit_module_to_flatbuffer,
)
from ._trace import (
    ONNXTracedModule,
    TopLevelTracedModule,
    TracedModule,
    TracerWarning,
    TracingCheckError,
    _flatten,
    _get_trace_graph,
    _script_if_tracing,
    _unique_state_dict,
    is_tracing,
    trace,
    trace_module,
)

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Future", "ScriptFunction", "ScriptModule",
    "annotate", "enable_onednn_fusion", "export", "export_opnames", "fork", "freeze", "interface",
    "ignore", "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference", "save",
    "script", "script_if_tracing", "set_fusion_strategy", "strict_fusion", "trace",
    "trace_module", "unused", "wait",
]  # fmt: skip

_fork, _wait, _set_fusion_strategy = fork, wait, set_fusion_strategy


class Error(RuntimeError):
    """What PyTorch's interpreter of scripts raises; nothing here does."""


def annotate(the_type, the_value):
    """The value; the type is for a compiler."""
    return the_value


def script_if_tracing(fn):
    """Gives the function back: nothing is traced."""
    return _script_if_tracing(fn)


def isinstance(obj, target_type):
    """`isinstance` that knows what containers hold: `isinstance(x, list[int])` looks at all items.

    >>> isinstance([1, 2], list[int]), isinstance([1, "a"], list[int])
    (True, False)
    """
    return _isinstance(obj, target_type)


class strict_fusion:
    """A context in which PyTorch reports what could not be fused. Nothing is fused here, and
    nothing reported.
    """

    def __enter__(self):
        return None

    def __exit__(self, type, value, tb):
        return None


def export_opnames(m):
    """Refused: a module that runs as Python has no list of operators."""
    raise NotImplementedError(
        "export_opnames() lists the operators of a script, and cnn compiles none"
    )


mark("nothing is compiled, so that there is no list of operators", export_opnames)


_onednn = False


def enable_onednn_fusion(enabled):
    """Notes what `onednn_fusion_enabled` gives. oneDNN is not used: what can be fused always is."""
    global _onednn
    _onednn = bool(enabled)


def onednn_fusion_enabled():
    """What `enable_onednn_fusion` was last given."""
    return _onednn


def set_module(obj, mod):
    """Says that an object belongs to another module."""
    if not _isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


_absent.explain(__name__, ("annotations", "frontend"))
