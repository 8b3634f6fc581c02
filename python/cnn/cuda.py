"""Whether a GPU can be used, and why not.

The CUDA part is a library of its own, opened at the first question or the first tensor on a GPU.
"""

from __future__ import annotations

from cnn import _C

__all__ = [
    "device_count",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
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


def is_initialized():
    """Whether GPUs hold a state of their own, such as a generator: none does."""
    return False


def manual_seed(seed):
    """Accepted for scripts that seed every device: no op draws its numbers on a GPU."""
    int(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)
