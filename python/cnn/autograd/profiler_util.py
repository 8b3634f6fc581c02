"""The events of a profile: alone, averaged by name, as a table, as a trace for Chrome."""

from __future__ import annotations

from collections import namedtuple
from enum import Enum

from . import _recorded
from ._profile_views import columns_of, format_time, laid_out, write_trace
from ._recorded import Kind

__all__ = [
    "EventList",
    "FormattedTimesMixin",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "Kernel",
]


class DeviceType(Enum):
    """Where an event ran."""

    CPU = 0
    CUDA = 1


class ProfilerActivity(Enum):
    """What can be recorded: the work of the CPU, and on a GPU."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


Kernel = namedtuple("Kernel", ["name", "device", "duration"])


class Interval:
    """From `start` to `end`, in microseconds since the profile began."""

    def __init__(self, start, end):
        self.start = start
        self.end = end

    def elapsed_us(self):
        """The length of the interval."""
        return self.end - self.start


def _formatted(name):
    return property(lambda self: format_time(getattr(self, name)))


class FormattedTimesMixin:
    """Times as text, and means over `count` calls."""

    cpu_time_str = _formatted("cpu_time")
    device_time_str = _formatted("device_time")
    cpu_time_total_str = _formatted("cpu_time_total")
    device_time_total_str = _formatted("device_time_total")
    self_cpu_time_total_str = _formatted("self_cpu_time_total")
    self_device_time_total_str = _formatted("self_device_time_total")

    @property
    def cpu_time(self):
        """The mean time of a call, in microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self):
        """The same on a GPU."""
        return self.device_time_total / self.count if self.count else 0.0


# RecordScope of PyTorch: a function, a backward function, a range of the user's.
_SCOPES = {Kind.NODE: 1, Kind.USER: 7}


class FunctionEvent(FormattedTimesMixin):
    """One call: of an op, of a node of the graph, or a range of the program.

    `time_range` is in microseconds since the profile began; `cpu_children` ran inside this event,
    `cpu_parent` around it. `input_shapes` and `concrete_inputs` come with `record_shapes`, `stack`
    with `with_stack`, `flops` with `with_flops`, `cpu_memory_usage` (in bytes, rounded up to the
    blocks of the allocator) with `profile_memory`.
    """

    flops_are_above = False  # are they counted by an event around this one?
    node_id = -1
    overload_name = ""
    fwd_thread = None
    use_device = None
    is_async = is_remote = is_legacy = False
    device_type = DeviceType.CPU
    device_memory_usage = self_device_memory_usage = 0
    device_time_total = self_device_time_total = 0

    def __init__(self, id, recorded, began, options, stack):
        r = recorded
        self.id = id
        self.trace_name = _recorded.event_name(r)
        step = self.trace_name.startswith("ProfilerStep#")
        self.name = "ProfilerStep*" if step else self.trace_name
        self.time_range = Interval((r.begin - began) / 1000, (r.end - began) / 1000)
        self.thread = r.thread
        self.device_index = self.device_resource_id = r.system_thread
        self.kernels = []
        self.count = 1
        self.cpu_children = []
        self.cpu_parent = None
        self.scope = _SCOPES.get(r.kind, 0)
        self.is_user_annotation = r.kind == Kind.USER
        made_nodes = r.kind in (Kind.EVALUATE, Kind.NODE) or r.last_sequence > r.first_sequence
        self.sequence_nr = r.first_sequence if made_nodes else -1
        self.cpu_memory_usage = r.memory
        arguments = r.arguments or [] if options.record_shapes else []
        self.input_shapes = [list(a) if isinstance(a, tuple) else [] for a in arguments]
        self.structured_input_shapes = [_structure(a) for a in arguments]
        self.concrete_inputs = [None if isinstance(a, tuple) else a for a in arguments]
        self.kwinputs = {}
        self.stack = stack
        self.flops = _recorded.flops(self.name, r.arguments) if options.with_flops else 0

    @property
    def key(self):
        """What events are averaged by."""
        return self.name

    @property
    def cpu_time_total(self):
        """The event's time, in microseconds."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """The same without its children."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self):
        """Bytes that it left allocated, its children apart."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name={self.overload_name} "
            f"device_type={self.device_type} node_id={self.node_id} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start} end_us={self.time_range.end} "
            f"cpu_children={[child.id for child in self.cpu_children]} "
            f"thread={self.thread} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage} is_async={self.is_async} "
            f"is_remote={self.is_remote} seq_nr={self.sequence_nr} is_legacy={self.is_legacy}>"
        )


def _structure(argument):
    """The shapes of a tensor, or of a list of tensors."""
    if isinstance(argument, list) and argument and all(isinstance(a, tuple) for a in argument):
        return [list(a) for a in argument]
    return list(argument) if isinstance(argument, tuple) else []


class FunctionEventAvg(FormattedTimesMixin):
    """The sums over all events of one key; `cpu_time` and its kin are means."""

    _SUMS = (
        "cpu_time_total", "device_time_total", "self_cpu_time_total", "self_device_time_total",
        "cpu_memory_usage", "device_memory_usage", "self_cpu_memory_usage",
        "self_device_memory_usage", "count", "flops",
    )  # fmt: skip
    _OF_THE_FIRST = (
        "key", "node_id", "is_async", "is_remote", "cpu_parent", "cpu_children", "overload_name",
        "input_shapes", "stack", "scope", "device_type", "is_legacy", "use_device",
        "is_user_annotation",
    )  # fmt: skip

    def __init__(self):
        for name in self._OF_THE_FIRST:
            setattr(self, name, None)
        for name in self._SUMS:
            setattr(self, name, 0)

    def add(self, other):
        """Adds an event, or another average, of the same key."""
        if self.key is None:
            for name in self._OF_THE_FIRST:
                setattr(self, name, getattr(other, name))
        if not isinstance(other, (FunctionEvent, FunctionEventAvg)) or other.key != self.key:
            raise AssertionError(f"expected an event of {self.key}, but got {other}")
        for name in self._SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    __iadd__ = add

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):
    """Events, or averages of them; `str()` is the table."""

    def __init__(self, events=(), use_device=None, profile_memory=False, with_flops=False):
        super().__init__(events)
        self._use_device = use_device
        self._profile_memory = profile_memory
        self._with_flops = with_flops

    def __str__(self):
        return self.table()

    @property
    def self_cpu_time_total(self):
        """The time of all events, none counted twice."""
        return sum(event.self_cpu_time_total for event in self)

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
        """The events as a table of at most `row_limit` rows (-1: all), the largest `sort_by` first.

        `sort_by` is an attribute of the events: "cpu_time_total", "self_cpu_time_total", "count",
        "cpu_memory_usage" and the like. `time_unit` is "s", "ms" or "us"; by default each time has
        the one that fits.
        """
        if not self:
            return ""
        events = self
        if sort_by is not None:
            attribute = sort_by.replace("cuda", "device").replace("xpu", "device")
            events = sorted(self, key=lambda event: getattr(event, attribute), reverse=True)
        total = sum(event.self_cpu_time_total for event in events)
        columns = columns_of(
            events,
            total,
            time_unit,
            (max_name_column_width, max_shapes_column_width, max_src_column_width),
            self._profile_memory,
            self._with_flops,
        )
        shown = [e for e in events if not top_level_events_only or e.cpu_parent is None]
        shown = shown[:row_limit] if row_limit >= 0 else shown
        return laid_out(columns, shown, total, header, top_level_events_only, time_unit)

    def export_chrome_trace(self, path):
        """Writes a file that chrome://tracing and Perfetto show."""
        write_trace(path, self, {})

    def supported_export_stacks_metrics(self):
        """What `export_stacks` can weigh stacks by."""
        return ["self_cpu_time_total"]

    def export_stacks(self, path, metric):
        """Writes each event's stack and its weight on a line, as flame graphs are made from."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(
                f"metric should be one of: {self.supported_export_stacks_metrics()}, got {metric!r}"
            )
        no_separators = str.maketrans(" ;\t\n", "____")
        with open(path, "w") as file:
            for event in self:
                weight = int(getattr(event, metric))
                if event.stack and weight > 0:
                    frames = (frame.translate(no_separators) for frame in reversed(event.stack))
                    file.write(f"{';'.join(frames)} {weight}\n")

    def key_averages(
        self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """Sums and means over the events of a name; of a name and input shapes; of a name and the
        first `group_by_stack_n` lines of the stack.
        """
        averages = {}
        for event in self:
            key = [event.key, event.is_user_annotation]
            if group_by_input_shapes:
                key.append(str(event.input_shapes))
            key += event.stack[:group_by_stack_n]
            averages.setdefault(tuple(key), FunctionEventAvg()).add(event)
        for average in averages.values():
            average.stack = average.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                average.input_shapes = ""
        return EventList(
            averages.values(),
            use_device=self._use_device,
            profile_memory=self._profile_memory,
            with_flops=self._with_flops,
        )

    def total_average(self):
        """The sums over all events, as one `FunctionEventAvg` of the key "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.key = event.key if total.key is not None else None
            total.add(event)
        total.key = "Total"
        return total


def build_events(ranges, began, options):
    """The events of recorded ranges, in order of their beginnings."""
    events, stacks = {}, {}
    for i, r in enumerate(ranges):
        if r.kind == Kind.MODULE:
            continue
        stack = stacks.get(r.stack)
        if stack is None:
            stack = stacks[r.stack] = r.stack.split("\n")[:-1]
        event = events[i] = FunctionEvent(i + 1, r, began, options, stack)
        parent = r.parent
        while parent >= 0 and parent not in events:
            parent = ranges[parent].parent
        if parent >= 0:
            event.cpu_parent = events[parent]
            event.cpu_parent.cpu_children.append(event)
            if event.cpu_parent.flops or event.cpu_parent.flops_are_above:
                event.flops, event.flops_are_above = 0, True  # once is enough
    ordered = sorted(events.values(), key=lambda event: event.time_range.start)
    _lend_stacks(ordered)
    return EventList(ordered, profile_memory=options.profile_memory, with_flops=options.with_flops)


def _lend_stacks(events):
    """Gives what runs in backward the stack of the call that made its node."""
    of_node = {}
    for event in events:
        node = event
        while node is not None and node.scope != 1:
            node = node.cpu_parent
        if node is None:
            if event.stack:
                of_node.setdefault(event.sequence_nr, event.stack)
        else:
            node.fwd_thread = events[0].thread
            event.stack = event.stack or of_node.get(node.sequence_nr, [])
