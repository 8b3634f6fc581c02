"""NVIDIA GPUs: which there are, which one `"cuda"` means, and their memory.

The CUDA part is a library of its own, opened at the first question or the first tensor on a GPU.
Where it cannot be used, `is_available()` is False, `unavailable_reason()` says why, counts are 0,
and what needs a GPU raises RuntimeError with that reason. Work runs on each device's default
stream; there are no others.
"""

from __future__ import annotations

from .. import _C, _absent

__all__ = [
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "synchronize",
    "unavailable_reason",
]


def is_available():
    """Whether tensors can lie on a GPU. Never raises; `unavailable_reason()` tells why not."""
    return _C._cuda_is_available()


def unavailable_reason():
    """Why no GPU can be used, in a sentence; empty where one can."""
    return _C._cuda_unavailable_reason()


def device_count():
    """How many GPUs can be used; 0 without CUDA."""
    return _C._cuda_device_count() if _C._cuda_is_available() else 0


def _index(device):
    """The number of a device given as None (the current), a number, a string or a `cnn.device`."""
    if device is None:
        return current_device()
    if isinstance(device, int):
        return device
    device = _C.device(device)
    if device.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return current_device() if device.index is None else device.index


def current_device():
    """The number of the GPU that `"cuda"` means to this thread. RuntimeError without a GPU."""
    return _C._cuda_current_device()


def set_device(device):
    """Makes `device` what `"cuda"` means to this thread. A negative number changes nothing."""
    index = _index(device)
    if index >= 0:
        _C._cuda_set_device(index)


class device:
    """Context in which `"cuda"` means another GPU. None or a negative number changes nothing."""

    def __init__(self, device):
        self.idx = -1 if device is None else _index(device)
        self.prev_idx = -1

    def __enter__(self):
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)
        return self

    def __exit__(self, *error):
        if self.prev_idx >= 0:
            set_device(self.prev_idx)
        return False


def get_device_name(device=None):
    """What the GPU is called. RuntimeError without a GPU."""
    return _C._cuda_device_name(_index(device))


def synchronize(device=None):
    """Waits until the GPU has done all that was asked of it; raises what went wrong there."""
    _C._cuda_synchronize(_index(device))


def empty_cache():
    """Gives cached memory that no tensor uses back to the driver; nothing to do without a GPU."""
    if is_available():
        _C._cuda_empty_cache()


def memory_allocated(device=None):
    """Bytes in tensors on the GPU, rounded up to the allocator's sizes; 0 without a GPU."""
    return _C._cuda_memory(_index(device))[0] if is_available() else 0


def max_memory_allocated(device=None):
    """The most that `memory_allocated` has been; 0 without a GPU."""
    return _C._cuda_memory(_index(device))[1] if is_available() else 0


def memory_reserved(device=None):
    """Bytes taken from the driver, in tensors or cached; 0 without a GPU."""
    return _C._cuda_memory(_index(device))[2] if is_available() else 0


def is_initialized():
    """Whether GPUs hold a state of their own, such as a generator: none does."""
    return False


def manual_seed(seed):
    """Accepted for scripts that seed every device: no op draws its numbers on a GPU."""
    int(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)


_absent.explain(__name__, ("amp",))
