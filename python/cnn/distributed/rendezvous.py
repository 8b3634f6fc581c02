"""How processes would find each other."""

from __future__ import annotations

from .. import _unavailable
from .stores import ALONE

__all__ = ["register_rendezvous_handler", "rendezvous"]

_rendezvous_handlers = {}


def register_rendezvous_handler(scheme, handler):
    """Keeps a handler for addresses of a scheme. RuntimeError if the scheme has one."""
    if scheme in _rendezvous_handlers:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _rendezvous_handlers[scheme] = handler


def rendezvous(url, rank=-1, world_size=-1, **kwargs):
    """Raises RuntimeError: there are no other processes to find."""
    raise RuntimeError(f"distributed.rendezvous: {ALONE}")


_unavailable.mark(ALONE, rendezvous)
