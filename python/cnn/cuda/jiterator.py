"""Kernels of GPUs compiled while a program runs: none are."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "nothing is compiled while a program runs; compose functions of tensors",
    functions="_create_jit_fn _create_multi_output_jit_fn",
    error=RuntimeError,
)
