"""The interface for several GPUs in one process, on the one device that the module is on."""

from __future__ import annotations

from itertools import chain

from ... import _C
from ..modules.module import Module
from .comm import _get_device_index
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _one_device(device_ids):
    """The numbers of the GPU to run on, by default the one in use; none without a GPU.

    Without one device_ids count for nothing, as in PyTorch: a module runs where it is.
    """
    if not _C._cuda_is_available():
        return []
    if device_ids is not None and len(device_ids) > 1:
        raise NotImplementedError(
            f"data_parallel: one process runs one device, got device_ids={list(device_ids)}; use "
            "one process per device"
        )
    return [_get_device_index(device, True) for device in device_ids or [None]]


def _check_is_on(module, device):
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.device != device:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {device} (device_ids[0]) "
                f"but found one of them on device: {tensor.device}"
            )


def _only(inputs, module_kwargs):
    """The arguments of the one device, from those of each; there may be none."""
    return inputs[0] if inputs else (), module_kwargs[0] if module_kwargs else {}


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Runs the module on inputs, a tuple or one value, as one batch."""
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    device_ids = _one_device(device_ids)
    if not device_ids:
        return module(*inputs, **(module_kwargs or {}))
    _check_is_on(module, _C.device("cuda", device_ids[0]))
    args, kwargs = _only(*scatter_kwargs(inputs, module_kwargs, device_ids, dim))
    return module(*args, **kwargs)


class DataParallel(Module):
    """Wraps a module as `module`, whose name prefixes its state, and runs it on its device.

    On a GPU the module is moved there, and at each call the tensors of the arguments. Subclasses
    may write `scatter`, `replicate`, `parallel_apply` and `gather` anew.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0) -> None:
        super().__init__()
        self.module = module
        self.device_ids = _one_device(device_ids)
        if not self.device_ids:
            return
        self.dim = dim
        self.output_device = self.device_ids[0]
        if output_device is not None:
            self.output_device = _get_device_index(output_device, True)
        self.src_device_obj = _C.device("cuda", self.device_ids[0])
        self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        _check_is_on(self.module, self.src_device_obj)
        args, kwargs = _only(*self.scatter(inputs, kwargs, self.device_ids))
        return self.module(*args, **kwargs)

    def replicate(self, module, device_ids):
        return replicate(module, device_ids, not _C.is_grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        return gather(outputs, output_device, dim=self.dim)
