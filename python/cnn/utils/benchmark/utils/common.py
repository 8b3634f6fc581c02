"""What is measured, and what came of it."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from contextlib import contextmanager

from .... import _C

__all__ = [
    "Measurement",
    "TaskSpec",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "trim_sigfig",
    "unit_to_english",
]

_MOST_FIGURES = 4
_LEAST_INTERVAL = 25e-9  # seconds
_IQR_WARN_THRESHOLD = 0.1
_IQR_GROSS_WARN_THRESHOLD = 0.25


@dataclasses.dataclass(repr=False, frozen=True)
class TaskSpec:
    """What a `Timer` runs, and the names under which its measurements are shown."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        """The label, or the statement."""
        below = f": {self.sub_label}" if self.sub_label else ""
        if self.label is not None:
            return self.label + below
        if "\n" not in self.stmt:
            return self.stmt + below
        named = f" ({self.sub_label})" if self.sub_label else ""
        return f"stmt:{named}\n{textwrap.indent(self.stmt, '  ')}"

    def setup_str(self):
        """The setup as it is shown; nothing if there is none."""
        if self.setup in ("", "pass"):
            return ""
        if "\n" in self.setup:
            return f"setup:\n{textwrap.indent(self.setup, '  ')}"
        return f"setup: {self.setup}"

    def summarize(self):
        """Title, description and setup, on lines."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(f"{p}\n" if "\n" in p else p for p in parts if p)


def _quantile(ordered, q):
    """Between the two values next to the place q of the way through, in proportion."""
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


@dataclasses.dataclass(repr=False)
class Measurement:
    """The times of one statement, in seconds: `raw_times` each for `number_per_run` runs.

    What its `task_spec` says (label, stmt, num_threads, ...) are attributes of it too.
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict | None = None

    def __getattr__(self, name):
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def times(self):
        """The time of a run, from each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    def _at(self, q):
        return _quantile(sorted(self.times), q)

    @property
    def median(self):
        """The median time."""
        return self._at(0.5)

    @property
    def mean(self):
        """The mean time."""
        return sum(self.times) / len(self.raw_times)

    @property
    def iqr(self):
        """The distance between the first and the third quartile."""
        return self._at(0.75) - self._at(0.25)

    @property
    def significant_figures(self):
        """How many figures of the median can be believed, by the spread between the quartiles."""
        times = sorted(self.times)
        middle = times[len(times) // 4 : math.ceil(3 * len(times) / 4)]
        mean = sum(middle) / len(middle)
        deviation = math.sqrt(sum((t - mean) ** 2 for t in middle) / len(middle))
        interval = max(1.645 * deviation / math.sqrt(len(middle)), _LEAST_INTERVAL)
        return min(max(math.floor(math.log10(self.median / interval)), 1), _MOST_FIGURES)

    def meets_confidence(self, threshold=_IQR_WARN_THRESHOLD):
        """Whether the quartiles lie closer together than this share of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self):
        """Whether the times differ much."""
        return not self.meets_confidence()

    def _warning(self):
        if self.meets_confidence():
            return ""
        gross = not self.meets_confidence(_IQR_GROSS_WARN_THRESHOLD)
        why = (
            "This suggests significant environmental influence."
            if gross
            else "This could indicate system fluctuation."
        )
        return (
            f"\n  WARNING: Interquartile range is {self.iqr / self.median * 100:.1f}% of the "
            f"median measurement.\n           {why}"
        )

    @property
    def title(self):
        """The label, or the statement."""
        return self.task_spec.title

    @property
    def env(self):
        """Where it was measured, as the `Timer` was told."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self):
        """Its row in a `Compare`."""
        return self.sub_label or self.stmt or "[Unknown]"

    def __repr__(self):
        n = len(self.raw_times)
        unit, scale = select_unit(self.median)
        lines = [object.__repr__(self), self.task_spec.summarize()]
        lines.append(f"  {'Median: ' if n > 1 else ''}{self.median / scale:.2f} {unit}")
        if n >= 4:
            low, high = self._at(0.25) / scale, self._at(0.75) / scale
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(
            f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} runs "
            f"{'per measurement,' if n > 1 else ','} {self.num_threads} "
            f"thread{'s' if self.num_threads > 1 else ''}"
        )
        return "\n".join(lines) + self._warning()

    @staticmethod
    def merge(measurements):
        """One measurement for each task, of all its times."""
        groups = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).extend(m.times)
        return [
            Measurement(number_per_run=1, raw_times=times, task_spec=spec)
            for spec, times in groups.items()
        ]


def select_unit(t):
    """The unit in which a time is shown, and its length in seconds."""
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(math.floor(math.log10(t) / 3), "s")
    return unit, {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def unit_to_english(u):
    """The unit's name."""
    return {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}[u]


def trim_sigfig(x, n):
    """x to n figures: (3.14159, 2) gives 3.1."""
    if n != int(n):
        raise AssertionError("Number of significant figures must be an integer")
    scale = 10.0 ** (math.ceil(math.log10(abs(x))) - n)
    return round(x / scale) * scale


def ordered_unique(elements):
    """The different elements, in the order of their first appearance."""
    return list(dict.fromkeys(elements))


@contextmanager
def set_torch_threads(n):
    """With n threads for all computing inside."""
    before = _C.get_num_threads()
    _C.set_num_threads(n)
    try:
        yield
    finally:
        _C.set_num_threads(before)
