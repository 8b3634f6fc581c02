"""Every workload that is timed."""

from __future__ import annotations

import functools
import importlib

from benchmarks import calls, elementwise, inference, kernels, tiny, training
from benchmarks.workload import Target, Workload

TORCHES = ("cnn", "torch")  # what a workload is built with
LIBRARIES = (*TORCHES, "torch.compile", "onnxruntime", "numpy", "jax")

# Sections that are summed up by the geometric mean of their ratios.
MEANS: dict[str, Target] = elementwise.TARGETS | {kernels.CONVOLUTIONS: Target(1.2)}


@functools.cache
def workloads(library: str = "cnn") -> dict[str, Workload]:
    """Title -> workload, in the order of the table. Importing the other library would disturb."""
    small_calls = calls.catalogue(importlib.import_module(library)) if library in TORCHES else ()
    families = (elementwise, tiny, training, kernels)
    return {w.title: w for w in (*small_calls, *(w for f in families for w in f.catalogue()))}


@functools.cache
def inference_workloads() -> dict[str, Workload]:
    """Those of `python -m benchmarks inference`."""
    return {w.title: w for w in inference.catalogue()}


def find(title: str, library: str) -> Workload:
    among = inference_workloads() if title.startswith(inference.SECTION) else workloads(library)
    return among[title]
