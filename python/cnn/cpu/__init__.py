"""The CPU by the names that programs for any device ask a device for."""

from __future__ import annotations

from .. import _absent

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "get_capabilities",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available():
    """True: there is a CPU."""
    return True


def is_initialized():
    """True: nothing has to be started."""
    return True


def synchronize(device=None):
    """Returns at once: work on the CPU is done when its call returns."""


def current_device():
    """The name of the CPU that tensors lie on: "cpu"."""
    return "cpu"


def set_device(device):
    """Changes nothing: there is one."""


def device_count():
    """1."""
    return 1


class Stream:
    """The order of the calls of a program; there is nothing to wait for."""

    def __init__(self, priority=-1):
        pass

    def wait_stream(self, stream):
        """Returns: all work is done."""

    def record_event(self):
        """Returns: there is nothing to mark."""

    def wait_event(self, event):
        """Returns: all work is done."""


class Event:
    """A mark that has been reached."""

    def query(self):
        """True."""
        return True

    def record(self, stream=None):
        """Returns: there is nothing to mark."""

    def synchronize(self):
        """Returns: all work is done."""

    def wait(self, stream=None):
        """Returns: all work is done."""


_stream = Stream()


def current_stream(device=None):
    """The stream, which is one object."""
    return _stream


class StreamContext:
    """Context in which a stream is the current one; it changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        pass

    def __exit__(self, *error):
        return False


def stream(stream):
    """`StreamContext`."""
    return StreamContext(stream)


def get_capabilities():
    """{name of an extension of the instruction set: whether the processor has it}, read-only."""
    from types import MappingProxyType

    with open("/proc/cpuinfo") as file:
        lines = [line.partition(":") for line in file]
    found = set()
    for name, _, value in lines:
        if name.strip() in ("flags", "Features"):
            found.update(value.split())
    return MappingProxyType({name: flag in found for name, flag in _FLAGS.items()})


# The system's names for them.
_FLAGS = {
    "sse4_1": "sse4_1",
    "sse4_2": "sse4_2",
    "avx": "avx",
    "avx2": "avx2",
    "fma3": "fma",
    "f16c": "f16c",
    "bmi": "bmi1",
    "bmi2": "bmi2",
    "popcnt": "popcnt",
    "lzcnt": "abm",
    "aes": "aes",
    "sha": "sha_ni",
    "avx512_f": "avx512f",
    "avx512_cd": "avx512cd",
    "avx512_dq": "avx512dq",
    "avx512_bw": "avx512bw",
    "avx512_vl": "avx512vl",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "avx512_fp16": "avx512_fp16",
    "amx_tile": "amx_tile",
    "amx_int8": "amx_int8",
    "amx_bf16": "amx_bf16",
    "neon": "asimd",
    "sve": "sve",
    "bf16": "bf16",
}


_absent.explain(__name__, ("amp",))
