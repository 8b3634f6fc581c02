"""Calls of functions in other processes: not available."""

from ... import _unavailable
from ..stores import ALONE

__all__ = ["is_available"]
__all__ += _unavailable.declare(
    __name__,
    ALONE,
    functions="get_worker_info init_rpc remote rpc_async rpc_sync shutdown",
    classes="PyRRef RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo",
    error=RuntimeError,
)


def is_available():
    """False: there are no other processes."""
    return False
