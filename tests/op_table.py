"""The op table: every op that is bound, with its reference. `test_ops.py` proves the rows."""

from __future__ import annotations

from importlib import import_module

FAMILIES = ("arithmetic", "unary", "compare", "activation", "reduce", "shape", "index", "matmul", "nn", "create")

ROWS = [row for family in FAMILIES for row in import_module(f"op_rows.{family}").ROWS]

# Bound, but no functions of tensors to be compared and differentiated.
NOT_OPS = set()
