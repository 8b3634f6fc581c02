"""Elementwise operations, reductions and copies into a new tensor, in three sizes."""

from __future__ import annotations

from benchmarks.workload import Target, Work, Workload

COLUMNS = 1024
SIZES = {"64K elements": 64, "1M elements": 1024, "16M elements": 16384}  # section -> rows
# Of the geometric means of their ratios.
TARGETS = dict(zip(SIZES, (Target(1.5, 2.5), Target(1.5, 2.5), Target(3, 4.5)), strict=True))
EACH = Target(must=0.95)


def operations(torch, rows):
    """Name -> function, over float32 tensors of [rows, 1024]."""
    functional = torch.nn.functional
    x, y = torch.randn(rows, COLUMNS), torch.randn(rows, COLUMNS)
    row, mask = torch.randn(COLUMNS), x > y
    return {
        "add": lambda: x + y,
        "exp": lambda: x.exp(),
        "relu": lambda: x.relu(),
        "tanh": lambda: x.tanh(),
        "gelu": lambda: functional.gelu(x),
        "sum": lambda: x.sum(),
        "softmax of rows": lambda: x.softmax(1),
        "where": lambda: torch.where(mask, x, y),
        "transposed copy": lambda: x.t().contiguous(),
        "add of a row": lambda: x + row,
        "column sums": lambda: x.sum(0),
        "variance": lambda: x.var(),
    }


# Floats read and written for each element, and operations (0: bound by memory anyway).
TRAFFIC = {
    "add": 3, "exp": 2, "relu": 2, "tanh": 2, "gelu": 2, "sum": 1, "softmax of rows": 2,
    "where": 3.25, "transposed copy": 2, "add of a row": 2, "column sums": 1, "variance": 1,
}  # fmt: skip


def catalogue():
    for section, rows in SIZES.items():
        for name, floats in TRAFFIC.items():

            def build(torch, rows=rows, name=name):
                return operations(torch, rows)[name]

            work = Work(flops=0, bytes=4 * floats * rows * COLUMNS)
            yield Workload(section, name, build, EACH, work=work)
