"""What attributes of backends do."""

import sys
from contextlib import contextmanager


@contextmanager
def attributes(module, values):
    """Set attributes of the module of a name for the length of a `with`."""
    module = sys.modules[module]
    saved = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in saved.items():
            setattr(module, name, value)


class Precision:
    """Of float32 products on a GPU. `allowed()` tells whether their factors may be rounded to TF32,
    and `allow(on)` sets it.
    """

    def __init__(self, allowed, allow):
        self._allowed, self._allow, self._without = allowed, allow, "none"

    @property
    def fp32_precision(self):
        """ "tf32", or without it "none" or "ieee", which mean the same."""
        return "tf32" if self._allowed() else self._without

    @fp32_precision.setter
    def fp32_precision(self, precision):
        if precision not in ("none", "ieee", "tf32"):
            raise RuntimeError(f"Invalid precision: {precision!r}; there are none, ieee and tf32")
        self._allow(precision == "tf32")
        if precision != "tf32":
            self._without = precision
