"""Memory that libraries share: DLPack."""

from __future__ import annotations

from enum import IntEnum

from .._C import from_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """The tensor's memory as a capsule, which `from_dlpack` of some library takes, once."""
    return tensor.__dlpack__()


class DLDeviceType(IntEnum):
    """DLPack's numbers of kinds of devices."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17
