"""What a GPU is, and how it is doing."""

from __future__ import annotations

from .. import _C, _unavailable
from . import _index

_unavailable.declare(
    __name__,
    "nothing here asks NVIDIA's management library; use nvidia-smi, or the package nvidia-ml-py",
    functions="clock_rate device_memory_used memory_usage power_draw temperature utilization",
    error=RuntimeError,
)
_unavailable.declare(
    __name__,
    "a GPU is used as a whole",
    classes="GreenContext",
    error=RuntimeError,
)


def _unknown(name, device):
    _C._cuda_device_name(_index(device))  # raises where there is no such GPU
    raise NotImplementedError(f"cuda.{name}: of a GPU only its name is known here; use nvidia-smi")


def get_device_properties(device=None):
    """Raises: of a GPU only its name is known here."""
    _unknown("get_device_properties", device)


def get_device_capability(device=None):
    """Raises: of a GPU only its name is known here."""
    _unknown("get_device_capability", device)


_unavailable.mark(
    "of a GPU only its name is known here; use nvidia-smi",
    get_device_capability,
    get_device_properties,
)
