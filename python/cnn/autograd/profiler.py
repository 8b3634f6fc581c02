"""Profiles of what a thread runs, and named ranges in them. `cnn.profiler` adds schedules."""

from __future__ import annotations

import uuid
from collections import defaultdict
from contextlib import ContextDecorator
from types import SimpleNamespace
from warnings import warn

from .. import _C
from . import _recorded
from ._profile_views import write_trace
from ._recorded import Kind
from .profiler_util import EventList, FunctionEvent, FunctionEventAvg, build_events

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "KinetoStepTracker",
    "emit_nvtx",
    "profile",
    "record_function",
]


def kineto_available():
    """Whether profiles can be written as traces: always."""
    return True


class profile:
    """A context that records the ops of its thread, the nodes of backward, and named ranges.

    `record_shapes` keeps the shapes of arguments, `with_stack` the lines of Python that called,
    `with_flops` counts the operations of products, convolutions, sums and elementwise products.
    With `profile_memory` each event has the bytes that it left allocated: by all threads, and in
    blocks of the allocator. There is nothing of GPUs in a profile; `with_modules` tells nothing, as
    in PyTorch without TorchScript.
    """

    def __init__(
        self,
        enabled=True,
        *,
        use_cuda=False,
        use_device=None,
        record_shapes=False,
        with_flops=False,
        profile_memory=False,
        with_stack=False,
        with_modules=False,
        use_kineto=True,
        use_cpu=True,
        experimental_config=None,
        acc_events=False,
        custom_trace_id_callback=None,
    ):
        if use_cuda or use_device not in (None, "cpu"):
            warn(f"{use_device or 'cuda'} is not profiled, only the CPU's part is", stacklevel=2)
        if experimental_config is not None:
            raise NotImplementedError("profile: there are no experimental options")
        self.enabled = enabled
        self.entered = False
        self.record_shapes = record_shapes
        self.with_flops = with_flops
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_modules = with_modules
        self.use_cpu = use_cpu
        self.use_device = None
        self.acc_events = acc_events
        self.trace_id = ""
        self._make_trace_id = custom_trace_id_callback or (lambda: uuid.uuid4().hex.upper())
        self._since = None
        self._events = None

    def __enter__(self):
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self._prepare_trace()
        self._start_trace()
        return self

    def _prepare_trace(self):
        self.entered = True
        self.trace_id = self._make_trace_id()

    def _start_trace(self):
        options = _recorded.ARGUMENTS if self.record_shapes or self.with_flops else 0
        options |= _recorded.MEMORY if self.profile_memory else 0
        options |= _recorded.STACKS if self.with_stack else 0
        self.entered = True
        self._since = _recorded.start(options)

    def __exit__(self, exc_type, exc_val, exc_tb):
        if not self.enabled or self._since is None:
            return False
        since, self._since = self._since, None
        ranges = _recorded.stop(since)
        if not self.use_cpu:
            ranges = []
        events = build_events(ranges, since, self._options())
        if self.acc_events and self._events:
            events[:0] = self._events
        self._events = events
        return False

    def _options(self):
        return SimpleNamespace(
            record_shapes=self.record_shapes,
            with_flops=self.with_flops,
            profile_memory=self.profile_memory,
        )

    def __repr__(self):
        return "<unfinished torch.autograd.profile>" if self._events is None else repr(self._events)

    def __str__(self):
        if self._events is None:
            return "<unfinished profile>"
        return str(self._events)

    @property
    def function_events(self):
        """The events, an `EventList`."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def table(
        self,
        sort_by=None,
        row_limit=100,
        max_src_column_width=75,
        max_name_column_width=55,
        max_shapes_column_width=80,
        header=None,
        top_level_events_only=False,
        time_unit=None,
    ):
        """The table of the single events; see `EventList.table`."""
        return self.function_events.table(
            sort_by,
            row_limit,
            max_src_column_width,
            max_name_column_width,
            max_shapes_column_width,
            header,
            top_level_events_only,
            time_unit,
        )

    def export_chrome_trace(self, path, metadata=None):
        """Writes a file that chrome://tracing and Perfetto show; compressed if it ends in .gz."""
        write_trace(path, self.function_events, {"trace_id": self.trace_id, **(metadata or {})})

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Writes stacks and times, as flame graphs are made from; needs `with_stack`."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        return self.function_events.export_stacks(path, metric)

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """Sums and means by name; see `EventList.key_averages`."""
        return self.function_events.key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def total_average(self):
        """The sums over all events."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self):
        """The time of all events, in microseconds."""
        return self.function_events.self_cpu_time_total


class record_function(ContextDecorator):
    """A named range: `with record_function("forward"):`, or a decorator."""

    def __init__(self, name, args=None):
        self.name = name
        self.args = args
        self.record = None

    def _recreate_cm(self):
        return type(self)(self.name, self.args)  # a decorated function may call itself

    def __enter__(self):
        self.record = _C._RecordedRange(self.name, Kind.USER) if _C._is_recording() else None
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        if self.record is not None:
            self.record.end()
            self.record = None


class emit_nvtx:
    """Marks for NVIDIA's tools, which there are none of: RuntimeError on entry, if `enabled`."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled
        self.record_shapes = record_shapes

    def __enter__(self):
        if self.enabled:
            raise RuntimeError("emit_nvtx: NVTX is not installed; use profile on the CPU")
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        return False


class KinetoStepTracker:
    """Counts steps: the largest count of all who count is the step."""

    _current_step = 0
    _step_dict = defaultdict(int)

    @classmethod
    def init_step_count(cls, requester):
        """Begins a count at the current step."""
        cls._step_dict[requester] = cls._current_step

    @classmethod
    def erase_step_count(cls, requester):
        """Ends a count; whether there was one."""
        return cls._step_dict.pop(requester, None) is not None

    @classmethod
    def increment_step(cls, requester):
        """Counts one step; returns the current one."""
        if requester not in cls._step_dict:
            cls.init_step_count(requester)
        cls._step_dict[requester] += 1
        step = max(cls._step_dict.values())
        if step > cls._current_step + 1:
            warn(
                "Profiler step count has increased more than 1 - "
                f"current_step = {cls._current_step} step dict =  {dict(cls._step_dict)}",
                stacklevel=2,
            )
        cls._current_step = max(cls._current_step, step)
        return cls._current_step

    @classmethod
    def current_step(cls):
        """The largest count so far."""
        return cls._current_step
