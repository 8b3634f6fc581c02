"""How near each kernel comes to what the machine can do: `python -m benchmarks roofline`.

The peaks are practical ones: of operations the best matrix product of either library, of memory a
large copy. A kernel that does fewer operations than the formula (Winograd) or finds its data in
a cache goes beyond its roof.
"""

from __future__ import annotations

import dataclasses
import statistics

from benchmarks import runner
from benchmarks.catalogue import workloads
from benchmarks.kernels import COPIES, PRODUCTS
from benchmarks.workload import Work

HEAD = """\
| kernel | cnn | of roof | PyTorch | of roof | bound by |
| --- | ---: | ---: | ---: | ---: | --- |"""


@dataclasses.dataclass(frozen=True)
class Peaks:
    """Operations a second by dtype, and bytes a second."""

    flops: dict[str, float]
    bytes: float

    def seconds(self, work: Work) -> tuple[float, str]:
        """The time that the work takes at least, and what bounds it."""
        computing, moving = work.flops / self.flops[work.dtype], work.bytes / self.bytes
        return max((computing, "operations"), (moving, "memory"))


def measure(options: runner.Options, wanted, say) -> list[runner.Outcome]:
    """Runs the wanted workloads that state their work, and those that give the peaks."""
    outcomes = []
    for workload in (w for w in workloads().values() if w.work):
        if workload.section in (PRODUCTS, COPIES) or wanted(workload.title):
            say(workload.title)
            outcomes.append(runner.run(workload, options))
    return outcomes


def report(outcomes: list[runner.Outcome], wanted=lambda title: True) -> str:
    """The table; empty without the products and the copy that give the peaks."""
    peaks = measured_peaks(outcomes)
    if not peaks:
        return ""
    parts = [f"Peaks: copy {peaks.bytes / 1e9:.1f} GB/s"]
    parts += [f"{dtype} product {flops / 1e9:.0f} GF/s" for dtype, flops in peaks.flops.items()]
    lines = [line(o, peaks) for o in outcomes if o.workload.work and wanted(o.workload.title)]
    return ", ".join(parts) + "\n\n" + "\n".join([HEAD, *lines])


def measured_peaks(outcomes: list[runner.Outcome]) -> Peaks | None:
    flops: dict[str, float] = {}
    moved = 0.0
    for outcome in outcomes:
        work = outcome.workload.work
        for rounds in outcome.seconds.values():
            seconds = min(rounds)  # a peak is the best that was seen
            if outcome.workload.section == COPIES:
                moved = max(moved, work.bytes / seconds)
            elif outcome.workload.section == PRODUCTS:
                flops[work.dtype] = max(flops.get(work.dtype, 0), work.flops / seconds)
    return Peaks(flops, moved) if moved and {"float32", "bfloat16"} <= set(flops) else None


def line(outcome, peaks: Peaks) -> str:
    work, cells = outcome.workload.work, []
    least, bound = peaks.seconds(work)
    for library in ("cnn", "torch"):
        rounds = outcome.seconds.get(library)
        if not rounds:
            cells += [outcome.reasons.get(library, ""), ""]
            continue
        seconds = statistics.median(rounds)
        rate = work.flops if bound == "operations" else work.bytes
        unit = "GF/s" if bound == "operations" else "GB/s"
        cells += [f"{rate / seconds / 1e9:.1f} {unit}", f"{least / seconds:.0%}"]
    return f"| {outcome.workload.title} | {' | '.join(cells)} | {bound} |"
