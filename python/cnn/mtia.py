"""Meta's accelerators: none can be used."""

from __future__ import annotations

from . import _absent, _unavailable

__all__ = ["device_count", "is_available", "is_initialized", "manual_seed", "manual_seed_all"]
__all__ += _unavailable.declare(
    __name__,
    "there is no such accelerator; is_available() is False",
    functions="""
        current_device current_stream default_stream empty_cache get_rng_state init
        max_memory_allocated memory_allocated memory_stats set_device set_rng_state set_stream
        snapshot synchronize""",
    classes="Event Stream StreamContext device stream",
    error=RuntimeError,
)


def is_available():
    """False."""
    return False


def is_initialized():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def manual_seed(seed):
    """Accepted for scripts that seed every device: there is none."""
    int(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)


_absent.explain(__name__)
