"""Switches of PyTorch's fusing compilers, of which there is none."""

from __future__ import annotations

from contextlib import contextmanager


@contextmanager
def optimized_execution(should_optimize):
    """A context in which PyTorch optimizes scripts or not; results are the same."""
    yield


@contextmanager
def fuser(name):
    """A context in which PyTorch uses a fusing compiler, "fuser0" to "fuser3" or "none"."""
    if name not in ("", "none", "fuser0", "fuser1", "fuser2", "fuser3"):
        raise Exception(f"unrecognized fuser option (name: {name})")
    yield


def set_fusion_strategy(strategy):
    """Accepts how often PyTorch compiles for new shapes; gives back that nothing is."""
    for kind, _ in strategy:
        if kind not in ("STATIC", "DYNAMIC"):
            raise RuntimeError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {kind}")
    return []


def last_executed_optimized_graph():
    """Refused: no graph is optimized."""
    raise NotImplementedError("cnn runs functions as Python and optimizes no graphs")
