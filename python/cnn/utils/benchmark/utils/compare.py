"""Measurements side by side: a row for a statement, a column for a description."""

from __future__ import annotations

import enum
import math

from .common import Measurement, ordered_unique, select_unit, trim_sigfig, unit_to_english

__all__ = ["Colorize", "Compare"]

_BEST, _GOOD, _BAD, _VERY_BAD = "\033[92m\033[1m", "\033[34m\033[1m", "\033[2m\033[91m", "\033[31m"
_END = "\033[0m"


class Colorize(enum.Enum):
    """Whether times are coloured, and against which others."""

    NONE = "none"
    COLUMNWISE = "columnwise"
    ROWWISE = "rowwise"


def _colored(text, value, best):
    if value <= best * 1.01 or value <= best + 100e-9:
        return _BEST + text + _END * 2
    if value <= best * 1.1:
        return _GOOD + text + _END * 2
    if value >= best * 5:
        return _VERY_BAD + "\033[1m" + text + _END * 2
    return _BAD + text + _END * 2 if value >= best * 2 else text


class _Table:
    """The measurements of one label."""

    def __init__(self, results, colorize, trims, highlights):
        self.results = results
        self.colorize, self.trims = colorize, trims
        self.highlights = highlights
        self.unit, self.scale = select_unit(min(m.median for m in results))
        rows = ordered_unique((m.num_threads, m.env, m.as_row_name) for m in results)
        self.rows = sorted(rows, key=lambda row: row[:2])  # statements in the order they came
        self.columns = ordered_unique(m.description for m in results)
        self.cells = {((m.num_threads, m.env, m.as_row_name), m.description): m for m in results}

    def _format_of(self, column):
        """(width, decimals, room for a warning) of a column's times."""
        cells = [m for (_, c), m in self.cells.items() if c == column]
        digits = [math.ceil(math.log10(m.median / self.scale)) for m in cells]
        decimals = 1
        if self.trims:
            decimals = min(max(m.significant_figures - d, 0) for m, d in zip(cells, digits))
        warned = self.highlights and any(m.has_warnings for m in cells)
        return max(digits) + decimals + bool(decimals), decimals, 7 if warned else 0

    def _text(self, m, width, decimals, room):
        if m is None:
            return " " * (max(width, 1) + room)
        value = m.median / self.scale
        if self.trims:
            value = trim_sigfig(value, m.significant_figures)
        spread = f" (! {m.iqr / m.median * 100:.0f}%)" if room and m.has_warnings else ""
        return f"{value:>{max(width, 1)}.{decimals}f}{spread:>{room}}"

    def _best(self, row, column):
        """What a time is compared with."""
        threads = row[0]
        return min(
            m.median
            for (r, c), m in self.cells.items()
            if (r == row if self.colorize == Colorize.ROWWISE else (r[0], c) == (threads, column))
        )

    def _row_names(self):
        envs = ordered_unique(row[1] for row in self.rows)
        width = 4 + (max(map(len, envs)) if len(envs) > 1 else 0)
        names, before = [], None
        for threads, env, name in self.rows:
            shown = f"({env})" if len(envs) > 1 and (threads, env) != before else ""
            names.append("  " + shown.ljust(width) + name)
            before = threads, env
        return names

    def render(self):
        names = self._row_names()
        formats = [self._format_of(column) for column in self.columns]
        texts = [
            [self._text(self.cells.get((row, c)), *f) for c, f in zip(self.columns, formats)]
            for row in self.rows
        ]
        titles = [column or "" for column in self.columns]
        widths = [max(map(len, names))]
        widths += [max(len(t), *(len(row[i]) for row in texts)) for i, t in enumerate(titles)]
        lines = ["  |  ".join(t.center(w) for t, w in zip(["", *titles], widths))]
        whole = len(lines[0])
        threads = None
        for row, name, cells in zip(self.rows, names, texts):
            if row[0] != threads:
                threads = row[0]
                lines.append(f"{threads} threads: ".ljust(whole, "-"))
            shown = [name.ljust(widths[0])]
            for column, text, width in zip(self.columns, cells, widths[1:]):
                m = self.cells.get((row, column))
                text = text.center(width)
                if m is not None and self.colorize != Colorize.NONE:
                    text = _colored(text, m.median, self._best(row, column))
                shown.append(text)
            lines.append("  |  ".join(shown))
        label = f" {self.results[0].label or ''} ".center(whole - 2, "-")
        text = f"[{label}]\n" + "\n".join(lines)
        text += f"\n\nTimes are in {unit_to_english(self.unit)}s ({self.unit}).\n"
        if self.highlights and any(m.has_warnings for m in self.results):
            text += "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        return text


class Compare:
    """Measurements as tables, one for each label; `str()` or `print()` shows them."""

    def __init__(self, results):
        self._results = []
        self._trims = self._highlights = False
        self._colorize = Colorize.NONE
        self.extend_results(results)

    def __str__(self):
        groups = {}
        for m in Measurement.merge(self._results):
            groups.setdefault(m.label, []).append(m)
        return "\n".join(
            _Table(group, self._colorize, self._trims, self._highlights).render()
            for group in groups.values()
        )

    def extend_results(self, results):
        """Adds measurements."""
        results = list(results)
        for m in results:
            if not isinstance(m, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(m)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self):
        """Shows as many figures as can be believed."""
        self._trims = True

    def colorize(self, rowwise=False):
        """Colours times by how they compare in their column, or in their row."""
        self._colorize = Colorize.ROWWISE if rowwise else Colorize.COLUMNWISE

    def highlight_warnings(self):
        """Shows the spread of times that differ much."""
        self._highlights = True

    def print(self):
        """Prints the tables."""
        print(str(self))
