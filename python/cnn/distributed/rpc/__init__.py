"""Calls of functions in other processes: not available."""

from ... import _unavailable
from .._instead import NO_CALLS

__all__ = ["is_available"]
__all__ += _unavailable.declare(
    __name__,
    NO_CALLS,
    functions="get_worker_info init_rpc remote rpc_async rpc_sync shutdown",
    classes="PyRRef RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo",
    error=NotImplementedError,
)


def is_available():
    """False: there are no such calls."""
    return False
