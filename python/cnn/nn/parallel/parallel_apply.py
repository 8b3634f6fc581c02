"""Modules on several GPUs run at the same time, each in a thread."""

from __future__ import annotations

from ... import _C
from ...autograd import set_grad_enabled

__all__ = ["get_a_var", "parallel_apply"]


def get_a_var(obj):
    """The first tensor in a value or in its tuples, lists and dictionaries; None without one."""
    if isinstance(obj, _C.Tensor):
        return obj
    if isinstance(obj, dict):
        obj = list(obj.items())
    if isinstance(obj, (list, tuple)):
        for part in obj:
            tensor = get_a_var(part)
            if tensor is not None:
                return tensor
    return None


def _check_as_many(modules, values, what):
    if values is not None and len(modules) != len(values):
        raise AssertionError(
            f"The number of modules {len(modules)} is not equal to the number of {what} "
            f"{len(values)}"
        )


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The results of each module of its own arguments on its own GPU, as a list.

    `inputs` are tuples of arguments, or one argument each; `devices` are by default those of the
    first tensors among them. Threads record gradients and cast as this one does, on its streams.
    An error is raised again, with its traceback in the message.
    """
    from contextlib import ExitStack

    from ... import cuda
    from ..._utils import ExceptionWrapper
    from ...amp import autocast

    _check_as_many(modules, inputs, "inputs")
    _check_as_many(modules, kwargs_tup, "kwargs_tup")
    _check_as_many(modules, devices, "devices")
    devices = [device if device is None else cuda._index(device) for device in devices or ()]
    if not cuda.is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")
    kwargs_tup = kwargs_tup or [{} for _ in modules]
    devices = devices or [None for _ in modules]
    records = _C.is_grad_enabled()
    casts = _C.is_autocast_enabled("cuda")
    dtype, cached = _C.get_autocast_dtype("cuda"), _C.is_autocast_cache_enabled()
    streams = {i: cuda.current_stream(i) for i in range(cuda.device_count())}
    results = {}

    def work(i, module, input, kwargs, device):
        try:
            if device is None:
                tensor = get_a_var(input)
                if tensor is None:
                    raise ValueError("no device was provided and no tensor input was found")
                device = tensor.get_device()
            args = input if isinstance(input, (list, tuple)) else (input,)
            with ExitStack() as modes:
                modes.enter_context(set_grad_enabled(records))
                modes.enter_context(cuda.device(device))
                modes.enter_context(cuda.stream(streams.get(device)))
                if casts:
                    modes.enter_context(autocast("cuda", dtype, True, cached))
                results[i] = module(*args, **kwargs)
        except Exception:
            results[i] = ExceptionWrapper(where=f"in replica {i} on device {device}")

    _run(work, list(zip(range(len(modules)), modules, inputs, kwargs_tup, devices)))
    ordered = [results[i] for i in range(len(modules))]  # whichever came first
    for result in ordered:
        if isinstance(result, ExceptionWrapper):
            result.reraise()
    return ordered


def _run(work, calls):
    """Calls work(*arguments) for each of the calls: in threads, unless there is but one."""
    if len(calls) == 1:
        work(*calls[0])
        return
    import threading

    threads = [threading.Thread(target=work, args=arguments) for arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
