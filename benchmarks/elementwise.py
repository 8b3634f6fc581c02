"""Elementwise operations, reductions and copies in three sizes, and work along short rows."""

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


# Few elements to a row, as in attention over few positions and losses over few classes.
SHORT_ROWS = (10, 17, 32, 65)


def row_operations(torch, columns):
    """Name -> function, over float32 tensors of [64K / columns, columns]."""
    x = torch.randn((1 << 16) // columns, columns)
    leaf, g = torch.randn_like(x).requires_grad_(), torch.randn_like(x)
    logs = leaf.log_softmax(1)
    weight, bias = torch.randn(columns), torch.randn(columns)
    return {
        "softmax": lambda: x.softmax(1),
        "log-softmax": lambda: x.log_softmax(1),
        "its gradient": lambda: torch.autograd.grad(logs, leaf, g, retain_graph=True),
        "layer norm": lambda: torch.layer_norm(x, (columns,), weight, bias),
        "sum": lambda: x.sum(1),
        "amax": lambda: x.amax(1),
        "variance": lambda: x.var(1),
    }


ROW_OPERATIONS = "softmax", "log-softmax", "its gradient", "layer norm", "sum", "amax", "variance"


def catalogue():
    for section, rows in SIZES.items():
        for name, floats in TRAFFIC.items():

            def build(torch, rows=rows, name=name):
                return operations(torch, rows)[name]

            work = Work(flops=0, bytes=4 * floats * rows * COLUMNS)
            yield Workload(section, name, build, EACH, work=work)

    for columns in SHORT_ROWS:
        for name in ROW_OPERATIONS:

            def build_rows(torch, columns=columns, name=name):
                return row_operations(torch, columns)[name]

            yield Workload("Short rows", f"{name}, {columns} columns", build_rows, EACH)
