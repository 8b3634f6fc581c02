"""Work of the device beside the CPU that is recorded once and run again."""

from __future__ import annotations

from ..cuda.graphs import CUDAGraph
from . import _require
from .memory import empty_cache, empty_host_cache

__all__ = ["Graph"]


class Graph(CUDAGraph):
    """Recorded work, and the context that records what this thread's stream is asked inside:

        stream = cnn.Stream()
        with stream, graph:
            y = f(x)
        graph.replay()

    `pool` is that of another graph whose memory this one shares. `capture_error_mode` is one of
    `CUDAGraph.capture_begin`'s, or "default", which is "global". Both can be set anew before the
    next recording, after `reset`. RuntimeError where there is no such device.
    """

    def __init__(self, keep_graph=False, *, pool=None, capture_error_mode="default"):
        _require()
        super().__init__(keep_graph)
        self.graph_pool = pool
        self.capture_error_mode = capture_error_mode

    def capture_begin(self):
        """Records what this thread's stream, which is not the default one, is asked from now on."""
        mode = "global" if self.capture_error_mode == "default" else self.capture_error_mode
        super().capture_begin(self.graph_pool, mode)

    def __enter__(self):
        from . import synchronize

        synchronize()
        empty_cache()
        empty_host_cache()
        self.capture_begin()

    def __exit__(self, *error):
        self.capture_end()
