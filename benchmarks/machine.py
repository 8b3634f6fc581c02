"""What the figures depend on: the processor, its neighbours, and how far its cores are apart.

A host may move virtual cores while a benchmark runs: what two threads do together then takes
another time. How long a word takes from core to core and back tells of it.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).with_name("ping_pong.c")
CHANGED = 1.6  # times as long, or as short
MARKS = {  # a processor's own names -> what to say, once
    "avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX512_BF16",
    "amx_tile": "AMX", "amx_bf16": "AMX-BF16", "asimd": "NEON", "sve": "SVE", "bf16": "BF16",
}  # fmt: skip


def processor(file="/proc/cpuinfo") -> str:
    """Its name and model, how many cores of it are ours, and the features that matter here."""
    facts: dict[str, str] = {}
    try:
        for line in pathlib.Path(file).read_text().splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    except OSError:
        pass  # another system: its name has to do
    name = facts.get("model name") or platform.processor() or platform.machine()
    model = f" (family {facts['cpu family']}, model {facts['model']})" if "model" in facts else ""
    has = set((facts.get("flags") or facts.get("Features") or "").split())
    features = [said for mark, said in MARKS.items() if mark in has]
    if "avx2" in has:
        features += [
            f"no {MARKS[m]}" for m in ("avx512f", "avx512_bf16", "amx_tile") if m not in has
        ]
    return ", ".join([f"{name}{model}", f"{len(cores())} cores", *features])


def cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class Neighbours:
    """What other processes took of the cores since this was made."""

    def __init__(self):
        self.start = self.seconds()

    def seconds(self) -> tuple[float, float, float] | None:
        """Of the clock, of all processes, and of this one and those that it started and ended."""
        try:
            fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        except OSError:
            return None
        user, nice, system, _, _, irq, softirq = map(int, fields[:7])
        every = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), every, sum(os.times()[:4])

    def report(self) -> str:
        if self.start is None:
            return "other processes: not known"
        clock, every, ours = (b - a for a, b in zip(self.start, self.seconds()))
        return f"other processes took {max(0.0, every - ours) / clock:.0%} of one core"


class CoreLatency:
    """Measures the time of a word from the first core to the second and back."""

    def __init__(self):
        self.lacking, self.function = "", None
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if len(cores()) < 2:
            self.lacking = "there is one core"
        elif not compiler:
            self.lacking = "there is no C compiler"
        else:
            self.build(compiler)

    def build(self, compiler):
        with tempfile.TemporaryDirectory() as folder:
            library = os.path.join(folder, "ping_pong.so")
            command = [compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", library, "-pthread"]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                self.lacking = "the C compiler fails"
                return
            function = ctypes.CDLL(library).round_trip_ns
            function.restype, function.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_int]
            self.function = function

    def measure(self) -> float | None:
        """Nanoseconds; None: not measured."""
        if not self.function:
            return None
        value = self.function(*cores()[:2])
        return value if value > 0 else None


def prevailing(latencies) -> float | None:
    known = [value for value in latencies if value is not None]
    return statistics.median(known) if known else None


def changed(value: float | None, usual: float | None) -> bool:
    if value is None or usual is None:
        return False
    return max(value / usual, usual / value) > CHANGED
