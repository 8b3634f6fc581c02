"""The interface for several GPUs in one process, on the one device that the module is on."""

from __future__ import annotations

from ... import _C
from ..modules.module import Module


def _check_one_device(device_ids):
    # Without a GPU the ids count for nothing, as in PyTorch: the module runs where it is.
    if device_ids is not None and len(device_ids) > 1 and _C._cuda_is_available():
        raise NotImplementedError(
            f"data_parallel: one process runs one device, got device_ids={list(device_ids)}; use "
            "one process per device"
        )


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Runs the module on inputs, a tuple or one value, as one batch."""
    _check_one_device(device_ids)
    if not isinstance(inputs, tuple):
        inputs = () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


class DataParallel(Module):
    """Wraps a module as `module`, whose name prefixes its state, and runs it on its device."""

    def __init__(self, module, device_ids=None, output_device=None, dim=0) -> None:
        super().__init__()
        _check_one_device(device_ids)
        self.dim = dim
        self.module = module
        self.device_ids = list(device_ids or [])
        self.output_device = output_device

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)
