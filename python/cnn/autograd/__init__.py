"""Gradients of what was computed: `backward`, `grad`, the modes of recording, and ops with
gradients of their own.
"""

from __future__ import annotations

from .. import _C, _faces
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import _SWITCHES, enable_grad, inference_mode, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]

_RARELY_USED = ("functional", "graph", "profiler", "profiler_util")
_OF_PROFILES = {
    "DeviceType": "profiler_util",
    "ProfilerActivity": "profiler_util",
    "kineto_available": "profiler",
}


def __getattr__(name):
    if name in _SWITCHES:
        from . import _switches

        return getattr(_switches, name)
    import importlib

    if name in _OF_PROFILES:
        return getattr(importlib.import_module(f"{__name__}.{_OF_PROFILES[name]}"), name)
    if name not in _RARELY_USED:
        from .._absent import absent

        raise absent(__name__, name)
    return importlib.import_module(f"{__name__}.{name}")


def backward(
    tensors,
    grad_tensors=None,
    retain_graph=None,
    create_graph=False,
    grad_variables=None,
    inputs=None,
):
    """Adds the gradients of `tensors` to `.grad` of their leaves, or of `inputs` alone.

    `grad_tensors`: a gradient of each tensor's shape, optional for tensors of one element.
    `retain_graph` (default `create_graph`) keeps what was saved for another run; `create_graph`
    records the gradients' own computation.
    """
    if grad_variables is not None:
        import warnings

        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    tensors = _as_tuple(tensors)
    targets = () if inputs is None else _inputs(inputs, "backward")
    if retain_graph is None:
        retain_graph = create_graph
    grads = _output_grads(tensors, grad_tensors)
    _C._backward(tensors, grads, bool(retain_graph), bool(create_graph), targets, True)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of `outputs` by `inputs`, as a tuple, or a dict if `inputs` is one.

    An input that was not used raises, is None with `allow_unused`, zeros with `materialize_grads`.
    With `is_grads_batched` the first dimension of each `grad_outputs` counts gradients, which are
    run one by one.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs = _as_tuple(outputs)
    targets = _inputs(inputs, "grad")
    if retain_graph is None:
        retain_graph = create_graph

    def run(grads, keep):
        return _C._grad(outputs, targets, grads, bool(keep), bool(create_graph), bool(allow_unused))

    if is_grads_batched:
        result = _run_batched(run, outputs, grad_outputs, retain_graph)
    else:
        result = run(_output_grads(outputs, grad_outputs), retain_graph)
    if materialize_grads:
        result = tuple(
            _C.zeros_like(target, requires_grad=create_graph) if value is None else value
            for value, target in zip(result, targets)
        )
    return dict(zip(inputs, result)) if type(inputs) is dict else tuple(result)


def _run_batched(run, outputs, grad_outputs, retain_graph):
    grads = _tensor_or_tensors_to_tuple(grad_outputs, len(outputs))
    batches = {g.size(0) for g in grads if g is not None and g.dim()}
    if len(batches) != 1:
        raise ValueError(
            "is_grads_batched=True: every grad_output needs the same first dimension, the number "
            f"of gradients, got shapes {[None if g is None else tuple(g.shape) for g in grads]}"
        )
    count = batches.pop()
    if not count:
        raise RuntimeError("is_grads_batched=True: there is no gradient in the batch")
    rows = []
    for i in range(count):
        row = tuple(None if g is None else g[i] for g in grads)
        rows.append(run(_output_grads(outputs, row), retain_graph or i + 1 < count))
    return tuple(None if column[0] is None else _C.stack(list(column)) for column in zip(*rows))


def _as_tuple(tensors):
    """Tensors and `graph.GradientEdge`s, which tensors stand for."""
    if hasattr(tensors, "output_nr"):
        tensors = (tensors,)
    return tuple(_as_tensor(item) for item in tensors)


def _as_tensor(item):
    if isinstance(item, _C.Tensor):
        return item
    if not hasattr(item, "output_nr"):
        raise TypeError(f"expected tensors to differentiate, got {type(item).__name__}")
    return item.node._output(item.output_nr)


def _inputs(inputs, caller):
    if isinstance(inputs, dict):
        if type(inputs) is not dict:
            raise TypeError(
                f"`inputs` argument to `{caller}()` must be a dict, not {type(inputs).__name__}. "
                "Other Mapping types are not supported."
            )
        inputs = inputs.values()
    inputs = _as_tuple(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{caller}()` cannot be empty.")
    return inputs


def _tensor_or_tensors_to_tuple(tensors, length):
    if tensors is None:
        return (None,) * length
    return (tensors,) if isinstance(tensors, _C.Tensor) else tuple(tensors)


def _output_grads(outputs, grads):
    """One gradient for each output, checked; by default one, for outputs of one element."""
    grads = _tensor_or_tensors_to_tuple(grads, len(outputs))
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    return tuple(_output_grad(i, *pair) for i, pair in enumerate(zip(outputs, grads)))


def _output_grad(i, output, given):
    if given is None:
        if not output.requires_grad:
            return None
        if output.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if not output.is_floating_point():
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{output.dtype}"
            )
        return _C.ones_like(output)
    if not isinstance(given, _C.Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    if given.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {given.shape} and output[{i}] "
            f"has a shape of {output.shape}."
        )
    if given.is_complex() != output.is_complex():
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same "
            f"dtype. Mismatch in dtype: grad_output[{i}] has a dtype of {given.dtype} and "
            f"output[{i}] has a dtype of {output.dtype}."
        )
    return given


_faces.let_override(globals(), ("backward", "grad"))
