"""Starting many processes."""

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "mpiexec starts processes: python -m cnn.distributed.run",
    functions="elastic_launch launch_agent",
    classes="LaunchConfig",
    error=RuntimeError,
)
