"""The events of a profile: alone, averaged by name, as a table, as a trace for Chrome."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections import namedtuple
from enum import Enum

from . import _recorded
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


def _format_time(time_us):
    if time_us >= 1e6:
        return f"{time_us / 1e6:.3f}s"
    if time_us >= 1e3:
        return f"{time_us / 1e3:.3f}ms"
    return f"{time_us:.3f}us"


def _time_in(time_us, unit):
    """A time in the unit asked for, or in the one that fits it."""
    divisors = {"s": 1e6, "ms": 1e3, "us": 1}
    if unit in divisors:
        return f"{time_us / divisors[unit]:.3f}{unit}"
    return _format_time(time_us)


def _format_time_share(time_us, total_time_us):
    return f"{time_us * 100.0 / total_time_us:.2f}%" if total_time_us else "NaN"


def _format_memory(nbytes):
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(nbytes) >= 1 << power:
            return f"{nbytes / (1 << power):.2f} {unit}"
    return f"{nbytes} B"


def _formatted(name):
    return property(lambda self: _format_time(getattr(self, name)))


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

    def __init__(self, id, recorded, began, options):
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
        self.stack = r.stack.split("\n")[:-1]
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
        columns = _columns(
            events,
            total,
            time_unit,
            (max_name_column_width, max_shapes_column_width, max_src_column_width),
            self._profile_memory,
            self._with_flops,
        )
        shown = [e for e in events if not top_level_events_only or e.cpu_parent is None]
        shown = shown[:row_limit] if row_limit >= 0 else shown
        return _laid_out(columns, shown, total, header, top_level_events_only, time_unit)

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
    events = {}
    for i, r in enumerate(ranges):
        if r.kind == Kind.MODULE:
            continue
        event = events[i] = FunctionEvent(i + 1, r, began, options)
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


# The table ----------------------------------------------------------------------------------------


def _shortened(text, width):
    """The beginning of a text that is too long for its column."""
    return text[: width - 3] + "..." if width is not None and len(text) >= width - 3 else text


def _end_of(path, width):
    return path if len(path) <= width else "..." + path[len(path) - width + 3 :]


def _at_most(width, limit):
    return width if limit is None else min(width, limit)


def _columns(events, total, time_unit, limits, profile_memory, with_flops):
    """(title, width, text of an event) for each column, in order; the stack is a list of lines."""
    name_limit, shapes_limit, stack_limit = limits

    def of_time(attribute):
        return lambda event: _time_in(getattr(event, attribute), time_unit)

    def share(attribute):
        return lambda event: _format_time_share(getattr(event, attribute), total)

    def memory(attribute):
        return lambda event: _format_memory(getattr(event, attribute))

    name_width = _at_most(max(len(event.key) for event in events) + 4, name_limit)
    columns = [
        ("Name", name_width, lambda event: _shortened(event.key, name_limit)),
        ("Self CPU %", 12, share("self_cpu_time_total")),
        ("Self CPU", 12, of_time("self_cpu_time_total")),
        ("CPU total %", 12, share("cpu_time_total")),
        ("CPU total", 12, of_time("cpu_time_total")),
        ("CPU time avg", 12, of_time("cpu_time")),
    ]
    if profile_memory:
        columns.append(("CPU Mem", 12, memory("cpu_memory_usage")))
        columns.append(("Self CPU Mem", 12, memory("self_cpu_memory_usage")))
    columns.append(("# of Calls", 12, lambda event: str(event.count)))
    if any(event.input_shapes for event in events):
        width = _at_most(max(len(str(event.input_shapes)) for event in events) + 4, shapes_limit)
        columns.append(("Input Shapes", width, lambda event: str(event.input_shapes)[:width]))
    if any(event.stack for event in events):
        longest = max(len(line) for event in events for line in event.stack or [])
        wide = _at_most(longest + 4, stack_limit)
        columns.append(
            ("Source Location", wide, lambda event: [_end_of(f, wide) for f in event.stack])
        )
    counted = [event.flops for event in events if event.flops > 0]
    if with_flops and counted:
        power = max(0, min(int(math.log10(min(counted)) / 3), 5))
        title = f"Total {'KMGTP'[power - 1] if power else ''}FLOPs"
        columns.append(
            (
                title,
                12,
                lambda event: f"{event.flops / 1000**power:8.3f}" if event.flops else "--",
            )
        )
    return columns


def _laid_out(columns, events, total, header, top_level_only, time_unit):
    widths = [width for _, width, _ in columns]
    rule = "".join("-" * width + "  " for width in widths)
    length = sum(widths) + 2 * len(widths) - 2

    def row(texts):
        aligned = (
            f"{text:<{width}}  " if title == "Source Location" else f"{text:>{width}}  "
            for (title, width, _), text in zip(columns, texts)
        )
        return "".join(aligned)

    lines = []
    if header is not None:
        lines += ["=" * length, header]
    if top_level_only:
        lines += ["=" * length, "This report only display top-level ops statistics"]
    lines += [rule, row([title for title, _, _ in columns]), rule]
    for event in events:
        texts = [text(event) for _, _, text in columns]
        stack = next((text for text in texts if isinstance(text, list)), None)
        if stack is None:
            lines.append(row(texts))
            continue
        at = texts.index(stack)
        texts[at] = stack[0] if stack else ""
        lines.append(row(texts))
        blank = [""] * len(columns)
        lines += [row(blank[:at] + [frame] + blank[at + 1 :]) for frame in stack[1:] + [""]]
    lines += [rule, f"Self CPU time total: {_time_in(total, time_unit)}"]
    return "\n".join(lines) + "\n"


# The trace ----------------------------------------------------------------------------------------


def _trace_event(event, pid):
    arguments = {"External id": event.id}
    if event.sequence_nr >= 0:
        arguments["Sequence number"] = event.sequence_nr
    if event.input_shapes:
        arguments["Input Dims"] = event.structured_input_shapes
        arguments["Concrete Inputs"] = [
            "" if value is None else str(value) for value in event.concrete_inputs
        ]
    if event.stack:
        arguments["Call stack"] = ";".join(event.stack)
    return {
        "ph": "X",
        "cat": "user_annotation" if event.is_user_annotation else "cpu_op",
        "name": event.trace_name,
        "pid": pid,
        "tid": event.device_resource_id,
        "ts": event.time_range.start,
        "dur": event.time_range.elapsed_us(),
        "args": arguments,
    }


def _flows(events, pid):
    """Arrows from the call that made a node to the node's run."""
    makers = {}
    for event in events:
        if event.scope == 0 and event.sequence_nr >= 0 and event.cpu_parent is None:
            makers.setdefault(event.sequence_nr, event)
    for event in events:
        maker = makers.get(event.sequence_nr)
        if event.scope != 1 or maker is None or maker is event:
            continue
        for ph, end in (("s", maker), ("f", event)):
            arrow = {
                "ph": ph,
                "id": event.sequence_nr,
                "pid": pid,
                "tid": end.device_resource_id,
                "ts": end.time_range.start,
                "cat": "fwdbwd",
                "name": "fwdbwd",
            }
            yield arrow if ph == "s" else {**arrow, "bp": "e"}


def write_trace(path, events, metadata):
    """Writes events in Chrome's trace format; compressed where the path ends in .gz."""
    pid = os.getpid()
    threads = dict.fromkeys(event.device_resource_id for event in events)
    names = [{"ph": "M", "pid": pid, "tid": 0, "name": "process_name", "args": {"name": "python"}}]
    names += [
        {"ph": "M", "pid": pid, "tid": t, "name": "thread_name", "args": {"name": f"thread {t}"}}
        for t in threads
    ]
    listed = [_trace_event(event, pid) for event in events]
    trace = {
        "schemaVersion": 1,
        **metadata,
        "displayTimeUnit": "ms",
        "traceEvents": names + listed + list(_flows(events, pid)),
        "traceName": str(path),
    }
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "wt") as file:
        json.dump(trace, file)
