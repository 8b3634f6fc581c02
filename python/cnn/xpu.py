"""Intel's GPUs: none can be used."""

from __future__ import annotations

from collections import OrderedDict

from . import _absent, _unavailable

__all__ = [
    "device_count",
    "empty_cache",
    "get_arch_list",
    "get_rng_state_all",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "is_tf32_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "seed",
    "seed_all",
    "set_rng_state_all",
]
__all__ += _unavailable.declare(
    __name__,
    "there is no Intel GPU to use; is_available() is False",
    functions="""
        can_device_access_peer change_current_allocator clock_rate current_device current_stream
        device_memory_used get_device_capability get_device_name get_device_properties
        get_gencode_flags get_per_process_memory_fraction get_rng_state get_stream_from_external
        graph_pool_handle init initial_seed is_current_stream_capturing make_graphed_callables
        mem_get_info memory_snapshot memory_stats_as_nested_dict memory_usage power_draw
        reset_accumulated_memory_stats reset_peak_memory_stats set_device
        set_per_process_memory_fraction set_rng_state set_stream synchronize temperature
        use_mem_pool utilization""",
    classes="""
        Event MemPool Stream StreamContext XPUGraph XPUPluggableAllocator device device_of graph
        stream""",
    error=RuntimeError,
)

default_generators = ()


def is_available():
    """False."""
    return False


def is_initialized():
    """False."""
    return False


def is_bf16_supported(including_emulation=True):
    """False."""
    return False


def is_tf32_supported():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def get_arch_list():
    """Empty."""
    return []


def manual_seed(seed):
    """Accepted for scripts that seed every device: there is none."""
    int(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)


def seed():
    """As `manual_seed`, with a number of the system's."""


def seed_all():
    """As `seed`."""


def get_rng_state_all():
    """Empty."""
    return []


def set_rng_state_all(new_states):
    """Sets none."""


def empty_cache():
    """Nothing to give back."""


def memory_stats(device=None):
    """Empty."""
    return OrderedDict()


def memory_allocated(device=None):
    """0."""
    return 0


def memory_reserved(device=None):
    """0."""
    return 0


def max_memory_allocated(device=None):
    """0."""
    return 0


def max_memory_reserved(device=None):
    """0."""
    return 0


_absent.explain(__name__)
