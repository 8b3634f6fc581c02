"""Random numbers on GPUs: they are drawn on the CPU, from its generator, and moved.

So the functions that seed a GPU's generator, or read and set its state, mean the CPU's. Without a
GPU those that seed do nothing, so that scripts may seed every device.
"""

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
    """Seeds the generator that numbers on GPUs come from; nothing to do without a GPU."""
    seed = int(seed)
    if _C._cuda_is_available():
        _C.default_generator.manual_seed(seed)


def manual_seed_all(seed):
    """As `manual_seed`."""
    manual_seed(seed)


def seed():
    """As `manual_seed`, with a number of the system's."""
    if _C._cuda_is_available():
        _C.default_generator.seed()


def seed_all():
    """As `seed`."""
    seed()


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
