"""Rows of results, whether they reach their targets, and their tables."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from benchmarks.workload import Target

SCALES = {
    "s": ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1, 1e3, "ms"), (math.inf, 1, "s")),
    "bytes": ((math.inf, 2**-20, "MiB"),),
    "faults": ((math.inf, 1, ""),),
    "times": ((math.inf, 1, "x"),),
}
RIVALS = {
    "torch": "PyTorch", "torch.compile": "torch.compile", "onnxruntime": "ONNX Runtime",
    "numpy": "NumPy", "jax": "JAX", "mpi4py": "mpi4py",
}  # fmt: skip


@dataclass
class Row:
    """Figures of one workload, less being better; the ratio is the rival's median over cnn's."""

    section: str
    name: str
    unit: str = "s"
    values: dict[str, list[float]] = field(default_factory=dict)  # by library and round
    reasons: dict[str, str] = field(default_factory=dict)  # why a library has no values
    target: Target = Target()
    rival: str = "torch"
    others: tuple[str, ...] = ()  # further rivals, in columns of their own
    failed: bool = False
    mean: float | None = None  # in place of values: a geometric mean of ratios

    def median(self, library: str) -> float | None:
        values = self.values.get(library)
        return statistics.median(values) if values else None

    @property
    def ratio(self) -> float | None:
        if self.mean is not None:
            return self.mean
        return self.ratio_to(self.rival)

    def ratio_to(self, rival: str) -> float | None:
        ours, theirs = self.median("cnn"), self.median(rival)
        return theirs / ours if ours and theirs is not None else None

    @property
    def spread(self) -> float | None:
        """Half the distance between the quartiles of the rounds' ratios, of their median."""
        ours, theirs = self.values.get("cnn", []), self.values.get(self.rival, [])
        if min(len(ours), len(theirs)) < 2:
            return None
        ratios = [b / a for a, b in zip(ours, theirs)]
        first, middle, third = statistics.quantiles(ratios, n=4, method="inclusive")
        return (third - first) / 2 / middle

    @property
    def verdict(self) -> str:
        """aim, must or MISSED; ok without a must; a reason when there is no figure."""
        for library in ("cnn", self.rival, *self.others):
            if library in self.reasons:
                what = "FAILED" if self.failed else "absent" if library == "cnn" else "n/a"
                which = f"{RIVALS[library]}: " if library in self.others else ""
                return f"{what}: {which}{self.reasons[library]}"
        value = self.ratio if self.target.of == "ratio" else self.median("cnn")
        if value is None or (self.target.must is None and self.target.aim is None):
            return ""
        reaches = value.__ge__ if self.target.of == "ratio" else value.__le__
        if self.target.must is not None and not reaches(self.target.must):
            return "MISSED"
        if self.target.aim is not None and reaches(self.target.aim):
            return "aim"
        return "must" if self.target.must is not None else "below aim"

    def bound(self, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:g}x" if self.target.of == "ratio" else amount(value, self.unit)

    def cells(self, others: tuple[str, ...] | None = None) -> list[str]:
        """Those of a table's line; others: the further rivals of the table."""
        target, spread = self.target, self.spread
        others = self.others if others is None else others
        bounds = f"{self.bound(target.must)}, {self.bound(target.aim)}"
        ratios = [self.ratio, *map(self.ratio_to, others)]
        return [
            self.name,
            *(amount(self.median(name), self.unit) for name in ("cnn", self.rival, *others)),
            *("" if ratio is None else f"{ratio:.2f}x" for ratio in ratios),
            "" if spread is None else f"±{spread:.0%}",
            "" if bounds == "-, -" else bounds,
            self.verdict,
        ]

    def as_json(self) -> dict:
        return {
            "section": self.section, "workload": self.name, "unit": self.unit,
            "rounds": self.values, "rival": self.rival, "ratio": self.ratio,
            "spread": self.spread, "must": self.target.must, "aim": self.target.aim,
            "verdict": self.verdict, "reasons": self.reasons,
        }  # fmt: skip


def amount(value: float | None, unit: str) -> str:
    """Three digits in a fitting unit: 0.00079 s is 790 us."""
    if value is None:
        return ""
    factor, name = next((f, name) for bound, f, name in SCALES[unit] if abs(value) < bound)
    digits = max(0, 2 - math.floor(math.log10(abs(value * factor)))) if value else 0
    return f"{value * factor:.{min(digits, 2)}f} {name}".rstrip()


def rows_of(outcome) -> list[Row]:
    """The row of a timed workload; its further rivals are columns, or have rows of their own."""
    workload, values, reasons = outcome.workload, outcome.seconds, outcome.reasons
    shared = {"values": values, "reasons": reasons}
    others = tuple(name for name in RIVALS if name != "torch" and name in values | reasons)
    row = Row(
        workload.section, workload.name, **shared, target=workload.target, failed=outcome.failed,
        others=others if workload.columns else (),
    )  # fmt: skip
    if workload.columns:
        return [row]
    return [row, *(Row(f"beside {RIVALS[o]}", workload.name, **shared, rival=o) for o in others)]


def geometric_mean(rows: list[Row], section: str, count: int, target: Target) -> Row | None:
    """The row that sums a section up, when each of its `count` rows has a ratio."""
    ratios = [row.ratio for row in rows if row.section == section and row.ratio]
    if len(ratios) < count:
        return None
    return Row("geometric means", section, target=target, mean=statistics.geometric_mean(ratios))


def markdown(rows: list[Row]) -> str:
    """A table for each section, in the order in which sections first appear."""
    parts = []
    for section in dict.fromkeys(row.section for row in rows):
        inside = [row for row in rows if row.section == section]
        others = tuple(dict.fromkeys(name for row in inside for name in row.others))
        lines = [f"| {' | '.join(row.cells(others))} |" for row in inside]
        title = f"### {section[0].upper()}{section[1:]}\n"
        parts.append("\n".join([title, head(inside[0].rival, others), *lines]))
    return "\n\n".join(parts)


def head(rival: str, others: tuple[str, ...]) -> str:
    names = [RIVALS[name] for name in (rival, *others)]
    ratios = [f"ratio to {name}" for name in names] if others else ["ratio"]
    figures = ["cnn", *names, *ratios, "spread"]
    rule = f"| --- |{' ---: |' * len(figures)} --- | --- |"
    return f"| workload | {' | '.join(figures)} | must, aim | |\n{rule}"


def summary(rows: list[Row]) -> str:
    verdicts = [row.verdict for row in rows]
    counted = {word: verdicts.count(word) for word in ("aim", "must", "below aim", "MISSED")}
    text = ", ".join(f"{count} {word}" for word, count in counted.items() if count)
    missed = "".join(f"\n  missed: {r.section}: {r.name}" for r in rows if r.verdict == "MISSED")
    return text + missed
