"""Names of PyTorch's core, `torch._C`, that packages ask for and this core needs not."""

from __future__ import annotations

from . import _C, _absent


def _log_api_usage_once(event):
    """Nothing: no use is counted."""


def _get_tracing_state():
    """None: nothing is traced."""
    return None


def _is_tracing():
    """Whether something is traced: False."""
    return False


def _jit_set_profiling_executor(mode):
    """Whether scripts are profiled. There are none: it was off, and is."""
    return False


def _jit_set_profiling_mode(mode):
    """Whether scripts are profiled. There are none: it was off, and is."""
    return False


def _jit_set_texpr_fuser_enabled(enabled):
    """Whether scripts are fused. There are none."""


def _jit_set_nvfuser_enabled(enabled):
    """Whether scripts are fused. There are none: it was off, and is."""
    return False


def _jit_override_can_fuse_on_cpu(enabled):
    """Whether scripts are fused. There are none."""


def _jit_override_can_fuse_on_gpu(enabled):
    """Whether scripts are fused. There are none."""


def parse_schema(text):
    """The schema of an operator from its text."""
    from ._library.schema import parse_schema

    return parse_schema(text)


def _dispatch_has_kernel_for_dispatch_key(name, key):
    """Whether an operator of a program's has a kernel for exactly that key."""
    from . import _ops

    try:
        return _ops.lookup(name).has_kernel_for_dispatch_key(key)
    except RuntimeError:
        return False


def _AutoDispatchBelowAutograd():
    """A context in which operators of programs run their kernels as if there were no gradients."""
    from ._library.autograd import below_autograd

    return below_autograd()


def _are_functorch_transforms_active():
    """Whether tensors stand for batches or derivatives: False, they are plain within transforms."""
    return False


def _get_accelerator(check=False):
    """The device that is not the CPU, if there is one."""
    from . import cuda

    return _C.device("cuda" if cuda.is_available() else "cpu")


def _get_privateuse1_backend_name():
    """The name of a device of somebody else's, of which there is none."""
    return "privateuseone"


def _cuda_isInBadFork():
    """Whether a forked process has a GPU that its parent used: False."""
    return False


class Graph:
    """A script's graph: for annotations. Nothing is one."""

    def __init__(self):
        raise NotImplementedError("cnn compiles no scripts; cnn.fx has graphs of modules")


class Value(Graph):
    """A value of a script's graph: for annotations. Nothing is one."""


_KEYS = frozenset(("DispatchKey", "DispatchKeySet", "_ExcludeDispatchKeyGuard"))


def _of_schema(name):
    from ._library import schema

    return {"FunctionSchema": schema.FunctionSchema, "Argument": schema.Argument}[name]


def find(name):
    """The attribute of that name; AttributeError if there is none."""
    if name in _KEYS:
        from ._library import keys

        return getattr(keys, name)
    if name == "_TensorMeta":
        return type(_C.Tensor)
    if name in ("Future", "ScriptFunction", "ScriptModule", "CompilationUnit", "Tag"):
        from . import _ops, futures, jit

        found = {"Future": futures.Future, "Tag": _ops.Tag}
        return found[name] if name in found else getattr(jit, name)
    if name == "_TensorMeta":
        return type(_C.Tensor)
    if name == "_nn":
        from .fx._qualified import core_nn

        return core_nn()
    if name in ("_fft", "_linalg", "_special"):
        from .fx._qualified import core_space

        return core_space(name[1:])
    if name in ("FunctionSchema", "Argument"):
        return _of_schema(name)
    if not name.startswith("__") and name in _NAMES:
        return globals()[name]
    raise _absent.absent(_C.__name__, name)


_NAMES = frozenset(
    name
    for name, value in globals().items()
    if callable(value) and name not in ("find", "_of_schema")
)
