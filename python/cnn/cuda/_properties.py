"""What a GPU is, and how it is doing."""

from __future__ import annotations

from types import SimpleNamespace

from .. import _C, _unavailable
from . import _index

_unavailable.declare(
    __name__,
    "a GPU is used as a whole",
    classes="GreenContext",
    error=RuntimeError,
)


class _CudaDeviceProperties(SimpleNamespace):
    """What the driver says of a GPU."""

    def __repr__(self):
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory >> 20}MB, "
            f"multi_processor_count={self.multi_processor_count}, uuid={self.uuid}, "
            f"pci_bus_id={self.pci_bus_id}, pci_device_id={self.pci_device_id}, "
            f"pci_domain_id={self.pci_domain_id}, L2_cache_size={self.L2_cache_size >> 20}MB)"
        )


def get_device_properties(device=None):
    """What the driver says of a GPU: `name`, `major`, `minor`, `total_memory` and others."""
    import uuid

    known = _C._cuda_properties(_index(device))
    known["uuid"] = uuid.UUID(bytes=known["uuid"])
    return _CudaDeviceProperties(**known)


def get_device_capability(device=None):
    """(major, minor) of a GPU's architecture."""
    known = _C._cuda_properties(_index(device))
    return known["major"], known["minor"]


# Asked of NVIDIA's management library -------------------------------------------------------------


def _nvml_handle(device):
    """The management library's handle of a GPU. ModuleNotFoundError without nvidia-ml-py."""
    try:
        import pynvml
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "nvidia-ml-py does not seem to be installed or it can't be imported."
        ) from error
    properties = get_device_properties(device)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_DriverNotLoaded as error:
        raise RuntimeError("cuda driver can't be loaded, is cuda enabled?") from error
    return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}")


def device_memory_used(device=None):
    """Bytes of a GPU that are in use, by any process."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetMemoryInfo(handle).used


def memory_usage(device=None):
    """The percent of the last moments in which a GPU's memory was read or written."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetUtilizationRates(handle).memory


def utilization(device=None):
    """The percent of the last moments in which a GPU ran something."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetUtilizationRates(handle).gpu


def temperature(device=None):
    """A GPU's temperature in degrees Celsius."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)


def power_draw(device=None):
    """The milliwatts that a GPU takes."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetPowerUsage(handle)


def clock_rate(device=None):
    """The MHz that a GPU's processors run at."""
    handle = _nvml_handle(device)
    import pynvml

    return pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)
