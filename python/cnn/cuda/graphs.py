"""Work on a GPU that is recorded once and run again, without what calls cost the CPU.

Nothing is computed while it is recorded. What is recorded has the addresses and the numbers of its
tensors at that time: a run reads what its inputs hold then, and writes its results where they were.
Tensors that are made meanwhile lie in a pool of memory that is the graph's, or that of graphs which
share it, until the last of them is gone. What would wait for the GPU, like `item()`, or read
memory of the CPU that is not pinned, raises and can be left out. Random numbers go on from run to
run as they would from call to call.
"""

from __future__ import annotations

import warnings

from .. import _C
from .._streams import not_copied
from . import empty_cache, synchronize
from . import streams as _streams
from ._graphed import make_graphed_callables

__all__ = [
    "CUDAGraph",
    "graph",
    "graph_pool_handle",
    "is_current_stream_capturing",
    "make_graphed_callables",
]

_MODES = {"global": 0, "thread_local": 1, "relaxed": 2}


def is_current_stream_capturing():
    """Whether this thread's stream is being recorded. False without a GPU."""
    if not _C._cuda_is_initialized():
        return False
    index = _C._cuda_current_device()
    return _C._cuda_is_capturing(index, _C._cuda_stream(index))


def graph_pool_handle():
    """A new pool of memory, for graphs that share it: they run in the order of their recording."""
    return (0, _C._cuda_new_pool())


def _pool_number(pool):
    if not (isinstance(pool, tuple) and [type(part) for part in pool] == [int, int]):
        raise TypeError(f"pool: expected what pool() or graph_pool_handle() gives, got {pool!r}")
    if pool[0] != 0 or pool[1] <= 0:
        raise RuntimeError(
            "capture_begin: the pool is neither a graph's nor of graph_pool_handle()"
        )
    return pool[1]


class CUDAGraph:
    """Recorded work of a GPU.

    `keep_graph` keeps what was recorded beside what runs: `raw_cuda_graph` gives its handle, for
    changes by the runtime, and `instantiate`, or the first `replay`, makes what runs of it.
    """

    def __init__(self, keep_graph=False) -> None:
        _streams._require_gpu("CUDAGraph")
        self._keeps, self._draws = bool(keep_graph), False
        self._device = self._handle = 0
        self._recorded = self._runs = False

    __reduce_ex__ = not_copied

    def capture_begin(self, pool=None, capture_error_mode="global"):
        """Records what this thread's stream, which is not the default one, is asked from now on.

        `pool` is that of another graph, or a `graph_pool_handle()`. `capture_error_mode` says which
        calls that could upset a capture, like taking memory from the driver, are errors meanwhile:
        "global" other threads' too, "thread_local" this thread's, "relaxed" none.
        """
        if capture_error_mode not in _MODES:
            raise RuntimeError(
                "Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got "
                f"{capture_error_mode}"
            )
        if self._handle:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, "
                "create a new instance."
            )
        number = 0 if pool is None else _pool_number(pool)
        device = _C._cuda_current_device()
        self._handle = _C._cuda_begin_graph(device, number, _MODES[capture_error_mode])
        self._device = device

    def capture_end(self):
        """Ends the recording. RuntimeError where something made it void."""
        if not self._handle or self._recorded:
            raise RuntimeError("capture_end: no capture has begun, or it has ended")
        try:
            pieces = _C._cuda_end_graph(self._device, self._handle)
        except RuntimeError:
            if not _C._cuda_graph_handles(self._device, self._handle)[3]:
                self.reset()
            raise
        self._recorded = True
        if pieces == 0:
            warnings.warn(
                "The CUDA Graph is empty. This usually means that the graph was attempted to be "
                "captured on wrong device or stream.",
                stacklevel=2,
            )
        if not self._keeps:
            self._instantiate(self._draws)

    def _instantiate(self, keep):
        _C._cuda_instantiate_graph(self._device, self._handle, keep)
        self._runs = True

    def instantiate(self):
        """Makes what runs of what was recorded, with `keep_graph`; anew each time."""
        if not self._keeps:
            raise RuntimeError(
                "instantiate() is intended to be called by the user only when keep_graph=true"
            )
        self._check_recorded("instantiate")
        self._instantiate(True)

    def _check_recorded(self, what):
        if not self._recorded:
            raise RuntimeError(f"Called CUDAGraph::{what} without a preceding successful capture.")

    def replay(self):
        """Runs the graph on this thread's stream of its GPU."""
        self._check_recorded("replay")
        if not self._runs:
            self._instantiate(True)
        _C._cuda_run_graph(self._device, self._handle)

    def reset(self):
        """Forgets what was recorded, whose memory goes back when no tensor has it either."""
        handle, self._handle = self._handle, 0
        self._recorded = self._runs = False
        if handle:
            _C._cuda_delete_graph(self._device, handle)

    def pool(self):
        """The pool of memory, for the capture of a graph that shares it."""
        if not self._handle:
            raise RuntimeError("Called CUDAGraph::pool() without a preceding successful capture.")
        return (0, _C._cuda_graph_handles(self._device, self._handle)[2])

    def enable_debug_mode(self):
        """Keeps what will be recorded until `debug_dump`."""
        self._draws = True

    def debug_dump(self, debug_path):
        """Writes what was recorded to a file, for Graphviz; with `enable_debug_mode` before."""
        if not (self._draws or self._keeps):
            warnings.warn(
                "CUDA Graphs debug not enabled, set with [graph].enable_debug_mode()", stacklevel=2
            )
            return
        self._check_recorded("debug_dump")
        if not _C._cuda_graph_handles(self._device, self._handle)[0]:
            raise RuntimeError("debug_dump: enable_debug_mode() was called after the capture")
        _C._cuda_draw_graph(self._device, self._handle, str(debug_path))
        if not self._keeps:
            self._draws = False
            self._instantiate(False)

    def raw_cuda_graph(self):
        """The runtime's handle of what was recorded, as a number, with `keep_graph`."""
        if not self._keeps:
            raise RuntimeError(
                "You cannot access the raw cudaGraph_t instance unless CUDAGraph was initialized "
                "with keep_graph=true"
            )
        self._check_recorded("raw_cuda_graph")
        return _C._cuda_graph_handles(self._device, self._handle)[0]

    def raw_cuda_graph_exec(self):
        """The runtime's handle of what runs, as a number."""
        if not self._runs:
            raise RuntimeError(
                "You cannot access the raw cudaGraphExec_t instance until instantiate() has been "
                "called"
            )
        return _C._cuda_graph_handles(self._device, self._handle)[1]

    def register_generator_state(self, generator):
        """Nothing is to be done: a graph keeps the states of the generators that it draws from, and
        each run goes on from there. RuntimeError where it is not one of a GPU.
        """
        if not isinstance(generator, _C.Generator):
            raise TypeError(f"expected a Generator, but got {type(generator).__name__}")
        if generator.device.type != "cuda":
            raise RuntimeError(
                f"Expected a 'cuda' device type for generator but found '{generator.device.type}'"
            )

    def __del__(self):
        if getattr(self, "_handle", 0) and _C is not None:
            try:
                self.reset()
            except RuntimeError:
                pass  # in a forked child, which has no GPU


class graph:
    """Context in which the work of a stream of its own is recorded into a `CUDAGraph`.

    `stream` is by default one that all such contexts share; see `CUDAGraph.capture_begin` for the
    other options. An error inside ends the recording and is raised.
    """

    default_capture_stream = None

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        if stream is None:
            stream = type(self)._default_stream()
        self.pool = () if pool is None else (pool,)
        self.capture_stream = stream
        self.stream_ctx = _streams.stream(stream)
        self.cuda_graph = cuda_graph
        self.capture_error_mode = capture_error_mode

    @classmethod
    def _default_stream(cls):
        """One for all contexts, made anew for another GPU than that of the last."""
        stream = cls.default_capture_stream
        if stream is None or stream.device.index != _C._cuda_current_device():
            stream = cls.default_capture_stream = _streams.Stream()
        return stream

    def __enter__(self):
        synchronize()
        empty_cache()
        _C._cuda_empty_pinned_cache()
        self.stream_ctx.__enter__()
        try:
            self.cuda_graph.capture_begin(*self.pool, capture_error_mode=self.capture_error_mode)
        except BaseException:
            self.stream_ctx.__exit__()
            raise

    def __exit__(self, *error):
        try:
            self.cuda_graph.capture_end()
        finally:
            self.stream_ctx.__exit__(*error)
