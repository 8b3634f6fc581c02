"""Random numbers on GPUs: they are drawn on the CPU, from its generator, and moved."""

from __future__ import annotations

from .. import _C

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def manual_seed(seed):
    """Accepted for scripts that seed every device: no op draws its numbers on a GPU."""
    int(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)


def seed():
    """As `manual_seed`, with a number of the system's."""


def seed_all():
    """As `seed`."""


def initial_seed():
    """The seed of the CPU's generator, which numbers on GPUs come from. Raises without a GPU."""
    from ..random import initial_seed as of_cpu

    _C._cuda_current_device()
    return of_cpu()


def get_rng_state(device="cuda"):
    """The state of the CPU's generator. Raises without a GPU."""
    from ..random import get_rng_state as of_cpu

    _C._cuda_current_device()
    return of_cpu()


def get_rng_state_all():
    """A list of states, one for each GPU; empty without one."""
    count = _C._cuda_device_count() if _C._cuda_is_available() else 0
    return [get_rng_state(i) for i in range(count)]


def set_rng_state(new_state, device="cuda"):
    """Sets the CPU's generator, where there is a GPU whose numbers come from it."""
    from ..random import set_rng_state as of_cpu

    if _C._cuda_is_available():
        of_cpu(new_state)


def set_rng_state_all(new_states):
    """`set_rng_state` for each GPU."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
