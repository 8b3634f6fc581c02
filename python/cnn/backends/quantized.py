"""What would compute with quantized tensors: nothing.

`engine` is "none", and setting another one raises RuntimeError, as PyTorch does for those it does
not have.
"""

from __future__ import annotations

import sys
import types

supported_engines = ["none"]


class _Quantized(types.ModuleType):
    @property
    def engine(self):
        return "none"

    @engine.setter
    def engine(self, name):
        if name != "none":
            raise RuntimeError(f"quantized engine {str(name).upper()} is not supported")


sys.modules[__name__].__class__ = _Quantized
