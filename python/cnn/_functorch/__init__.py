"""Transforms of functions, below `cnn.func`."""

from .. import _absent

_absent.explain(
    __name__,
    ("apis", "config", "eager_transforms", "functional_call", "vmap"),
)
