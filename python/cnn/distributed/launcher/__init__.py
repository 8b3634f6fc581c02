"""Starting many processes."""

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "start the program itself, or processes by torch.multiprocessing",
    functions="elastic_launch launch_agent",
    classes="LaunchConfig",
    error=RuntimeError,
)
