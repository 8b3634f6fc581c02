"""What tests ask of the host's emulation of CUDA (tests/cpp/cuda_emulation.h)."""

from __future__ import annotations

import ctypes
import functools
import pathlib
import re
from typing import NamedTuple

import pytest

import cnn


class Counts(NamedTuple):
    launches: int  # of kernels, of cuBLASLt's products and of graphs
    copies: int  # from the host to the device that the host waits for
    waits: int  # of the host for the device: values read, synchronization
    blocks: int  # of memory that the allocator handed out


@functools.cache
def plugin():
    """The emulated plug-in, as ctypes sees it; None where there is another or none."""
    if not cnn.cuda.is_available():
        return None
    maps = pathlib.Path("/proc/self/maps").read_text()
    library = ctypes.CDLL(re.search(r"(/\S*libcnn_cuda\.so)$", maps, re.M)[1])
    return library if hasattr(library, "cnn_emulation_counts") else None


def _counts():
    numbers = (ctypes.c_int64 * 4)()
    plugin().cnn_emulation_counts(numbers)
    return Counts(*numbers)


def counted(function):
    """What calling the function asks of the GPU. The test is skipped on a GPU, which does not count."""
    if plugin() is None:
        pytest.skip("only the emulation counts")
    before = _counts()
    function()
    return Counts(*(b - a for a, b in zip(before, _counts())))
