"""Whether fresh memory is filled while `use_deterministic_algorithms(True)` holds."""

from __future__ import annotations

import sys
from types import ModuleType

from .._settings import _determinism, _update_filling


class _Deterministic(ModuleType):
    @property
    def fill_uninitialized_memory(self):
        """Whether `empty` and its kin fill their memory, with NaN or the largest integer, while
        deterministic algorithms are asked for; True until it is set.
        """
        return _determinism["fill"]

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode):
        if not isinstance(mode, bool):
            raise RuntimeError(f"expected a bool, but got {type(mode).__name__}")
        _determinism["fill"] = mode
        _update_filling()


sys.modules[__name__].__class__ = _Deterministic
