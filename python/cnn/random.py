"""The default random generator, and its seed and state."""

from __future__ import annotations

from . import _C, _absent

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
]

default_generator = _C.default_generator


def manual_seed(seed) -> _C.Generator:
    """Seeds the generator of every device with an int in [-2**63, 2**64), and returns the CPU's.

    Negative seeds count from 2**64 down, as in PyTorch.
    """
    seed = int(seed)
    _seed_devices(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seeds the generator of every device from the operating system; returns the number it used."""
    value = default_generator.seed()
    _seed_devices(value)
    return value


def _seed_devices(value):
    _C._cuda_seed_all(value)  # also of GPUs that nobody has used yet


def initial_seed() -> int:
    """The seed that the default generator was last given."""
    return default_generator.initial_seed()


def get_rng_state() -> _C.Tensor:
    """The default generator's state, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state) -> None:
    """Puts the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def _generators():
    """Of the CPU, and of every GPU once one was used."""
    if not _C._cuda_is_initialized():
        return (default_generator,)
    from .cuda.random import _generators as of_gpus

    return (default_generator, *of_gpus())


def _states():
    return [generator.get_state() for generator in _generators()]


def _set_states(states):
    for generator, state in zip(_generators(), states):
        generator.set_state(state)


def thread_safe_generator():
    """The generator of a DataLoader's worker thread; None, as there are no such threads here."""
    return None


class fork_rng:
    """Context manager and decorator: what is drawn inside leaves the generators as they were
    before.

    `devices`: the GPUs whose generators are kept, too (default: all of them); `enabled=False` does
    nothing.
    """

    def __init__(self, devices=None, enabled=True, device_type="cuda"):
        if device_type not in ("cuda", "cpu"):
            raise NotImplementedError(f"fork_rng: device type {device_type!r}; use 'cuda' or 'cpu'")
        self._devices, self._enabled, self._type = devices, enabled, device_type

    def __call__(self, func):
        from functools import wraps

        @wraps(func)
        def decorated(*args, **kwargs):
            with fork_rng(self._devices, self._enabled, self._type):
                return func(*args, **kwargs)

        return decorated

    def __enter__(self):
        if not self._enabled:
            return
        self._cpu_state = get_rng_state()
        self._device_states = {}
        devices = self._devices if self._type == "cuda" else ()
        if devices is None:
            devices = range(_C._cuda_device_count()) if _C._cuda_is_available() else ()
        if devices:
            from . import cuda

            self._device_states = {device: cuda.get_rng_state(device) for device in devices}

    def __exit__(self, *exc_info):
        if not self._enabled:
            return
        set_rng_state(self._cpu_state)
        if self._device_states:
            from . import cuda

            for device, state in self._device_states.items():
                cuda.set_rng_state(state, device)


_absent.explain(__name__)
