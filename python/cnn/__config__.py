"""What the library was built with and computes with, as texts."""

from __future__ import annotations

import os
import sys

from . import _C

__all__ = ["parallel_info", "show"]


def show():
    """What multiplies, on which instruction set, and whether there is a GPU."""
    cuda = _C._cuda_is_available()
    gpu = _C._cuda_properties(0)["name"] if cuda else f"no ({_C._cuda_unavailable_reason()})"
    return (
        f"PyTorch built with:\n  - cnn {sys.modules['cnn'].__version__}\n"
        f"  - CPU capability usage: {_C._cpu_capability()}\n"
        f"  - products of bfloat16: {_C._cpu_bf16()}\n"
        "  - BLAS and convolutions: its own, no MKL and no oneDNN\n"
        f"  - CUDA: {gpu}\n"
    )


def parallel_info():
    """How many threads compute, and what says so."""
    lines = [f"\tat::get_num_threads() : {_C.get_num_threads()}"]
    lines += [f"cores : {os.cpu_count()}", "Environment variables:"]
    for name in ("CNN_NUM_THREADS", "OMP_NUM_THREADS"):
        lines.append(f"\t{name} : {os.environ.get(name, '[not set]')}")
    return "ATen/Parallel:\n" + "\n".join(lines) + "\nATen parallel backend: native thread pool\n"
