"""What a benchmark is: a function built from the module that it is given, and a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Work:
    """What one call has to do at least: operations, and bytes read and written."""

    flops: float
    bytes: float
    dtype: str = "float32"


@dataclass(frozen=True)
class Target:
    """Bounds of the ratio to PyTorch from below or, of="ours", of cnn's figure from above."""

    must: float | None = None
    aim: float | None = None
    of: str = "ratio"


@dataclass(frozen=True)
class Statement:
    """Timed as it stands: a call costs as much as the smallest operations."""

    text: str
    names: dict[str, Any]

    def __call__(self):
        return eval(self.text, dict(self.names))


@dataclass(frozen=True)
class Place:
    """Where a rival that is no torch runs: how many threads, and the folder of the run's files."""

    threads: int
    folder: str


@dataclass(frozen=True)
class Workload:
    """build(torch), with cnn or PyTorch as `torch`, returns the function or Statement to time."""

    section: str
    name: str
    build: Callable[..., Callable[[], Any]]
    target: Target = Target()
    calls: int | None = None  # in one timing; None: as many as fill it
    work: Work | None = None
    compiles: bool = False  # build(torch, torch.compile) is a further rival
    # Rivals that are no torch: library -> build(module, place), which returns the function to time.
    others: dict[str, Callable[..., Callable[[], Any]]] = field(default_factory=dict)
    columns: bool = False  # further rivals are columns of the row, not rows of their own tables
    by_values: bool = False  # results are compared value by value, not by magnitude alone

    @property
    def title(self) -> str:
        return f"{self.section}: {self.name}"
