"""Operators that programs define, below `cnn.library` and `cnn.ops`."""

from .. import _absent

_absent.explain(__name__, ("autograd", "binding", "custom_ops", "infer_schema", "schema", "utils"))
