"""Which kernels `scaled_dot_product_attention` may use, and attention with masks of one's own."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from enum import IntEnum

from ... import _C

__all__ = [
    "SDPBackend",
    "WARN_FOR_UNFUSED_KERNELS",
    "activate_flash_attention_impl",
    "current_flash_attention_impl",
    "list_flash_attention_impls",
    "register_flash_attention_impl",
    "restore_flash_attention_impl",
    "sdpa_kernel",
]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """Ways to compute attention. On a CPU there are two: MATH and FLASH_ATTENTION.

    Here both are the same kernel, which never keeps the scores; a choice changes no number.
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_CHOICES = ("CUDNN_ATTENTION", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH", "OVERRIDEABLE")


def _is_enabled(backend):
    return bool(_C._sdp_backends() >> int(backend) & 1)


def _set_enabled(backend, on):
    bit = 1 << int(backend)
    bits = _C._sdp_backends()
    _C._set_sdp_backends(bits | bit if on else bits & ~bit)


# In which order backends are tried; there is nothing to choose between, but programs may ask.
_priority = [1, 2, 0, 3, 4]


def _cur_sdpa_kernel_backends(with_priority=False):
    backends = [SDPBackend[name] for name in _CHOICES if _is_enabled(SDPBackend[name])]
    return sorted(backends, key=_priority.index) if with_priority else backends


def _sdpa_kernel(backends, set_priority=False):
    for name in _CHOICES:
        _set_enabled(SDPBackend[name], SDPBackend[name] in backends)
    if set_priority:
        first = [int(backend) for backend in backends]
        _priority[:] = first + [backend for backend in _priority if backend not in first]


@contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Only these backends may compute attention inside, in the whole process.

    `backends` is a `SDPBackend` or a list of them. Where none of them can do what is asked for,
    `scaled_dot_product_attention` raises RuntimeError: on a CPU only MATH (all) and FLASH_ATTENTION
    (4-D, without dropout) can.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    backends = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    previous = _cur_sdpa_kernel_backends(with_priority=set_priority)
    try:
        _sdpa_kernel(backends, set_priority)
        yield {}
    finally:
        _sdpa_kernel(previous, set_priority)


_implementations = {}
_active = None


def register_flash_attention_impl(impl, *, register_fn):
    """Keeps a function that puts an implementation of FLASH_ATTENTION into place."""
    _implementations[impl] = register_fn


def activate_flash_attention_impl(impl):
    """Calls the function that was registered under a name. ValueError for names without one."""
    global _active
    restore_flash_attention_impl(_raise_warn=False)
    if impl not in _implementations:
        raise ValueError(
            f"Unknown flash attention impl '{impl}'. Available implementations: "
            f"{list_flash_attention_impls()}"
        )
    handle = _implementations[impl]()
    if handle is not None:
        _active = impl, handle


def list_flash_attention_impls():
    """The names that implementations are registered under."""
    return sorted(_implementations)


def current_flash_attention_impl():
    """The name of the active implementation; None for cnn's own."""
    return _active and _active[0]


def restore_flash_attention_impl(_raise_warn=True):
    """Removes the active implementation."""
    global _active
    if _active is not None:
        _active[1].remove()
    elif _raise_warn:
        logging.getLogger(__name__).warning(
            "Trying to restore default FA2 impl when no custom impl was activated"
        )
    _active = None


def __getattr__(name):
    if name in ("bias", "flex_attention"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    from ..._absent import absent

    raise absent(__name__, name)
