"""A search for the fastest kernels of products: there is none."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "cuBLASLt's own heuristics choose",
    functions="""
        enable get_filename get_max_tuning_duration get_max_tuning_iterations get_results
        get_rotating_buffer_size get_validators mgpu_tune_gemm_in_file read_file
        record_untuned_enable set_filename set_max_tuning_duration set_max_tuning_iterations
        set_numerical_check_tolerances set_rotating_buffer_size tune_gemm_in_file tuning_enable""",
    error=RuntimeError,
)
__all__ += ["is_enabled", "record_untuned_is_enabled", "tuning_is_enabled"]


def is_enabled():
    """False."""
    return False


def tuning_is_enabled():
    """False."""
    return False


def record_untuned_is_enabled():
    """False."""
    return False
