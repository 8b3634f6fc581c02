"""`trace`: the example runs once, and every later call runs the function again."""

from __future__ import annotations

import functools
from collections import OrderedDict

from .. import _C
from ..autograd.grad_mode import no_grad
from ..nn import Module
from ._script import ScriptModule


class TracerWarning(Warning):
    """What PyTorch warns with when a trace leaves something out; nothing here does."""

    @staticmethod
    def ignore_lib_warnings():
        """Nothing to ignore."""


class TracingCheckError(Exception):
    """What PyTorch raises when a trace gives other values than the function; nothing here does."""


def is_tracing():
    """Whether a function is being traced: False, it runs."""
    return False


def make_tuple(example_inputs):
    """The arguments that an example means."""
    if isinstance(example_inputs, (_C.Tensor, dict)):
        return (example_inputs,)
    return example_inputs if isinstance(example_inputs, tuple) else tuple(example_inputs)


class TracedModule(ScriptModule):
    """A module that stands for another one: same parameters, buffers, submodules and methods.

    `forward` runs that module, so a branch that depends on values, and the training mode, count at
    every call; PyTorch would repeat what the example did.
    """

    def __init__(self, orig, id_set=None, _compilation_unit=None):
        super().__init__()
        if not isinstance(orig, Module):
            raise AssertionError(f"Expected nn.Module, got {type(orig).__name__}")
        for table in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            self.__dict__[table] = getattr(orig, table)
        self.__dict__["_traced"] = orig
        self.training = orig.training

    def forward(self, *args, **kwargs):
        return self._traced(*args, **kwargs)

    def train(self, mode=True):
        self._traced.train(mode)
        self.training = mode
        return self

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            if "_traced" not in self.__dict__ or name in ("code", "graph", "inlined_graph"):
                raise
            return getattr(self._traced, name)

    @property
    def original_name(self):
        return type(self._traced).__name__

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        return f"original_name={self.original_name}"


class TopLevelTracedModule(TracedModule):
    """What `trace` makes of a module."""


class ONNXTracedModule(Module):
    """PyTorch's module on its way to ONNX: for `isinstance`."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("cnn does not export to ONNX")


def trace(
    func,
    example_inputs=None,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_kwarg_inputs=None,
    _store_inputs=True,
):
    """Runs `func` on the example, and gives back what runs it again: for a module a module with the
    same parameters, for a function a function.

    Nothing is recorded: branches that depend on values go either way at every call, where PyTorch
    would repeat what the example did.
    """
    if example_kwarg_inputs is not None:
        if example_inputs is not None:
            raise RuntimeError("Only one of example_inputs and example_kwarg_inputs can be given")
        if not isinstance(example_kwarg_inputs, dict):
            raise RuntimeError("example_kwarg_inputs should be a dict")
        args, kwargs = (), example_kwarg_inputs
    elif example_inputs is None:
        raise RuntimeError("example_kwarg_inputs should be a dict")
    else:
        args, kwargs = make_tuple(example_inputs), {}
    owner = getattr(func, "__self__", None)
    if isinstance(owner, Module) and getattr(func, "__name__", "") == "forward":
        func = owner
    with no_grad():
        func(*args, **kwargs)
    if isinstance(func, TracedModule):
        return func
    if isinstance(func, Module):
        return TopLevelTracedModule(func)

    @functools.wraps(func)
    def traced(*args, **kwargs):
        return func(*args, **kwargs)

    return traced


def trace_module(
    mod,
    inputs,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_inputs_is_kwarg=False,
    _store_inputs=True,
):
    """Runs the methods that `inputs` names on their examples, and gives back a module that runs
    them again.
    """
    if not isinstance(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    with no_grad():
        for name, example in inputs.items():
            method = mod if name == "forward" else getattr(mod, name)
            if example_inputs_is_kwarg:
                method(**example)
            else:
                method(*make_tuple(example))
    return TopLevelTracedModule(mod)


def _script_if_tracing(fn):
    return fn


def _flatten(value):
    """(all tensors of a structure, None)."""
    from .._library.binding import tensors_of

    return tuple(tensors_of((value,))), None


def _unique_state_dict(module, keep_vars=False):
    """The state dict without second names of one tensor."""
    seen, unique = set(), OrderedDict()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            unique[name] = tensor if keep_vars else tensor.detach()
    return unique


def _get_trace_graph(f, args=(), kwargs=None, strict=True, _force_outplace=False, **options):
    """Refused: there is no graph of a trace."""
    raise NotImplementedError("cnn records no graphs of calls; cnn.fx traces modules")
