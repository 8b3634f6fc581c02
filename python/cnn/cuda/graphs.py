"""Work on a GPU that is recorded once and run again: none is."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "work on GPUs is not recorded; call the function as it is",
    functions="graph_pool_handle make_graphed_callables",
    classes="CUDAGraph graph",
    error=RuntimeError,
)
__all__ += ["is_current_stream_capturing"]


def is_current_stream_capturing():
    """False: no work is recorded."""
    return False
