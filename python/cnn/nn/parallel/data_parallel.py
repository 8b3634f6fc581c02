"""The interface for several GPUs in one process: a module's copies run on parts of a batch."""

from __future__ import annotations

import warnings
from itertools import chain

from ... import _C
from ..modules.module import Module
from .comm import _get_device_index
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _indices(device_ids):
    """The numbers of the GPUs to run on, by default all; none without a GPU.

    Without one device_ids count for nothing, as in PyTorch: a module runs where it is. An empty
    list means the GPU in use.
    """
    if not _C._cuda_is_available():
        return []
    if device_ids is None:
        device_ids = range(_C._cuda_device_count())
    return [_get_device_index(device, True) for device in device_ids or [None]]


def _check_balance(device_ids):
    """Warns of a GPU that the others would wait for."""
    from ... import _utils

    properties = _utils._get_devices_properties(device_ids)
    for what in ("total_memory", "multi_processor_count"):
        values = [(getattr(p, what), index) for p, index in zip(properties, device_ids)]
        least, most = min(values), max(values)
        if least[0] < 0.75 * most[0]:
            warnings.warn(
                f"There is an imbalance between your GPUs. You may want to exclude GPU {least[1]} "
                f"which has less than 75% of the memory or cores of GPU {most[1]}. You can do so "
                "by setting the device_ids argument to DataParallel, or by setting the "
                "CUDA_VISIBLE_DEVICES environment variable.",
                stacklevel=3,
            )
            return


def _check_is_on(module, device):
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.device != device:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {device} (device_ids[0]) "
                f"but found one of them on device: {tensor.device}"
            )


def _or_one_call(inputs, module_kwargs):
    """The arguments of each device; a call without any is made on the first one."""
    return (inputs, module_kwargs) if inputs or module_kwargs else (((),), ({},))


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Runs the module on inputs, a tuple or one value, of which each GPU gets a part along dim.

    The results are joined on output_device, by default the first GPU, where the module must be.
    """
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    device_ids = _indices(device_ids)
    if not device_ids:
        return module(*inputs, **(module_kwargs or {}))
    if output_device is None:
        output_device = device_ids[0]
    output_device = _get_device_index(output_device, True)
    _check_is_on(module, _C.device("cuda", device_ids[0]))
    inputs, module_kwargs = _or_one_call(*scatter_kwargs(inputs, module_kwargs, device_ids, dim))
    if len(device_ids) == 1:
        return module(*inputs[0], **module_kwargs[0])
    used = device_ids[: len(inputs)]
    outputs = parallel_apply(replicate(module, used), inputs, module_kwargs, used)
    return gather(outputs, output_device, dim)


class DataParallel(Module):
    """Wraps a module as `module`, whose name prefixes its state, and runs copies of it on GPUs.

    At each call a GPU of device_ids, by default all, gets the module and its part of the tensors
    among the arguments along dim. The results are joined on output_device, by default the first of
    the GPUs, where the module must be; with one GPU it is moved there. What copies write into
    buffers is lost, but for those on the first GPU, which are the module's. Subclasses may write
    `scatter`, `replicate`, `parallel_apply` and `gather` anew.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0) -> None:
        super().__init__()
        self.module = module
        self.device_ids = _indices(device_ids)
        if not self.device_ids:
            return
        self.dim = dim
        self.output_device = self.device_ids[0]
        if output_device is not None:
            self.output_device = _get_device_index(output_device, True)
        self.src_device_obj = _C.device("cuda", self.device_ids[0])
        _check_balance(self.device_ids)
        if len(self.device_ids) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        _check_is_on(self.module, self.src_device_obj)
        inputs, module_kwargs = _or_one_call(*self.scatter(inputs, kwargs, self.device_ids))
        if len(self.device_ids) == 1:
            return self.module(*inputs[0], **module_kwargs[0])
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        outputs = self.parallel_apply(replicas, inputs, module_kwargs)
        return self.gather(outputs, self.output_device)

    def replicate(self, module, device_ids):
        return replicate(module, device_ids, not _C.is_grad_enabled())

    def scatter(self, inputs, kwargs, device_ids):
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        return gather(outputs, output_device, dim=self.dim)
