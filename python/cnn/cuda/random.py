"""Random numbers on GPUs: each GPU has a generator of its own, whose state is a seed and an offset.

Without a GPU those that seed do nothing, so that scripts may seed every device.
"""

from __future__ import annotations

import functools

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


@functools.cache
def _generators():
    """The generators of all GPUs, which draw from them where none is given."""
    count = _C._cuda_device_count() if _C._cuda_is_available() else 0
    return tuple(_C._cuda_generator(i) for i in range(count))


def _generator(device="cuda"):
    """That of one GPU; raises without a GPU."""
    current = _C._cuda_current_device()
    if not isinstance(device, int):
        device = _C.device(device)
        if device.type != "cuda":
            raise RuntimeError(f"Expected a cuda device, but got: {device}")
        device = current if device.index is None else device.index
    generators = _generators()
    if not 0 <= device < len(generators):
        raise IndexError(f"cuda:{device} is not one of {len(generators)} devices")
    return generators[device]


def manual_seed(seed):
    """Seeds the generator of the current GPU; nothing to do without one."""
    seed = int(seed)
    if _C._cuda_is_available():
        _generator().manual_seed(seed)


def manual_seed_all(seed):
    """Seeds the generators of all GPUs."""
    seed = int(seed)
    if _C._cuda_is_available():
        _C._cuda_seed_all(seed)


def seed():
    """As `manual_seed`, with a number of the system's."""
    if _C._cuda_is_available():
        _generator().seed()


def seed_all():
    """As `manual_seed_all`, with a number of the system's."""
    if _C._cuda_is_available():
        first, *others = _generators()
        value = first.seed()
        for generator in others:
            generator.manual_seed(value)


def initial_seed():
    """The seed of the current GPU's generator. Raises without a GPU."""
    return _generator().initial_seed()


def get_rng_state(device="cuda"):
    """The state of a GPU's generator, 16 bytes: its seed and its offset. Raises without a GPU."""
    return _generator(device).get_state()


def get_rng_state_all():
    """A list of states, one for each GPU; empty without one."""
    return [generator.get_state() for generator in _generators()]


def set_rng_state(new_state, device="cuda"):
    """Puts a GPU's generator into a state that `get_rng_state` gave; nothing to do without one."""
    if _C._cuda_is_available():
        _generator(device).set_state(new_state)


def set_rng_state_all(new_states):
    """`set_rng_state` for each GPU."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


def _get_rng_state_offset(device="cuda"):
    return _generator(device).get_offset()


def _set_rng_state_offset(offset, device="cuda"):
    if _C._cuda_is_available():
        _generator(device).set_offset(offset)
