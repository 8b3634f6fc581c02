"""How processes find each other: through MPI, which is asked by `init_process_group` alone."""

from __future__ import annotations

from .. import _unavailable

__all__ = ["register_rendezvous_handler", "rendezvous"]

_THROUGH_MPI = "MPI brings processes together, in init_process_group"
_rendezvous_handlers = {}


def register_rendezvous_handler(scheme, handler):
    """Keeps a handler for addresses of a scheme. RuntimeError if the scheme has one."""
    if scheme in _rendezvous_handlers:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _rendezvous_handlers[scheme] = handler


def rendezvous(url, rank=-1, world_size=-1, **kwargs):
    """Raises RuntimeError: MPI brings processes together."""
    raise RuntimeError(f"distributed.rendezvous: {_THROUGH_MPI}")


_unavailable.mark(_THROUGH_MPI, rendezvous)
