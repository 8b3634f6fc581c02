"""How profiles are shown: times as text, the table, the trace that Chrome and Perfetto read."""

from __future__ import annotations

import gzip
import json
import math
import os


def format_time(time_us):
    """Microseconds in the unit that fits them."""
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
    return format_time(time_us)


def _format_time_share(time_us, total_time_us):
    return f"{time_us * 100.0 / total_time_us:.2f}%" if total_time_us else "NaN"


def _format_memory(nbytes):
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(nbytes) >= 1 << power:
            return f"{nbytes / (1 << power):.2f} {unit}"
    return f"{nbytes} B"


# The table ----------------------------------------------------------------------------------------


def _shortened(text, width):
    """The beginning of a text that is too long for its column."""
    return text[: width - 3] + "..." if width is not None and len(text) >= width - 3 else text


def _end_of(path, width):
    return path if len(path) <= width else "..." + path[len(path) - width + 3 :]


def _at_most(width, limit):
    return width if limit is None else min(width, limit)


def columns_of(events, total, time_unit, limits, profile_memory, with_flops):
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


def laid_out(columns, events, total, header, top_level_only, time_unit):
    """The table of these events, as text."""
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
