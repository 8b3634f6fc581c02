"""Apple's GPUs: none can be used."""

from __future__ import annotations

from . import _absent, _unavailable

__all__ = ["device_count", "is_available", "manual_seed"]
__all__ += _unavailable.declare(
    __name__,
    "there is no Apple GPU to use; is_available() is False",
    functions="""
        compile_shader current_allocated_memory driver_allocated_memory empty_cache get_rng_state
        load_metallib recommended_max_memory seed set_per_process_memory_fraction set_rng_state
        synchronize""",
    classes="Event",
    error=RuntimeError,
)


def is_available():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def manual_seed(seed):
    """Accepted for scripts that seed every device: there is none."""
    int(seed)


_absent.explain(__name__)
