"""`compile`, which checks its arguments and gives the function back: it runs as it is."""

from __future__ import annotations

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend=None,
    mode=None,
    options=None,
    name=None,
    disable=False,
    recompile_limit=None,
    isolate_recompiles=False,
    shapes_spec=None,
):
    """Gives the function or module back, after a look at the arguments; or decorates one.

    Nothing is compiled: values are those of the function as it is. A module keeps its class and the
    names in its state dict. A `backend` that is a function would be handed a traced graph, and is
    refused.
    """
    check(fullgraph, dynamic, backend, mode, options, recompile_limit)
    if model is None:

        def decorate(function):
            if function is None:
                raise RuntimeError("Model can't be None")
            return compile(function)

        return decorate
    if not callable(model):
        raise AssertionError(
            f"A callable function is expected, but {type(model).__name__} is provided."
        )
    return model


def check(fullgraph, dynamic, backend, mode, options, recompile_limit=None):
    """Raises for arguments that PyTorch's compiler refuses, and for a backend of the caller's."""
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and backend in (None, "inductor") and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if options is not None and not isinstance(options, dict):
        raise RuntimeError(f"options must be a dict, not {type(options).__name__}")
    if recompile_limit is not None and recompile_limit < 1:
        raise ValueError(f"recompile_limit must be positive, got {recompile_limit}")
    if backend is None or isinstance(backend, str):
        if backend is not None:
            from ._dynamo import lookup_backend

            lookup_backend(backend)
        return
    raise NotImplementedError(
        "compile(backend=function): cnn traces no graphs of ops to hand to a backend; cnn.fx "
        "traces modules"
    )


def _disable_dynamo(fn=None, recursive=True):
    """Gives the function back: nothing is compiled."""
    return (lambda function: function) if fn is None else fn
