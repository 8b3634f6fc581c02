"""How the processor computes.

`winograd` (bool, True at first, for the whole process): may float32 convolutions with 3x3 kernels
at stride 1 use Winograd's algorithm, where they have 16 channels or more on both sides? It takes
less than half the time. Its error is up to 3e-5 of the largest output (1e-5 without it), and Inf
and NaN in the input spread over the 4x4 blocks of outputs near them. Source: Lavin and Gray, "Fast
Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

import sys
import types

from .. import _C

__all__ = ["get_cpu_capability", "winograd"]

winograd: bool  # a property of the module, below


def get_cpu_capability():
    """The instruction set in use, in PyTorch's words: "DEFAULT", "AVX2" or "AVX512"."""
    name = _C._cpu_capability()
    return "DEFAULT" if name == "baseline" else name.upper()


class _Cpu(types.ModuleType):
    @property
    def winograd(self):
        return _C._winograd_enabled()

    @winograd.setter
    def winograd(self, on):
        if not isinstance(on, bool):
            raise TypeError(f"backends.cpu.winograd: expected a bool, but got {type(on).__name__}")
        _C._set_winograd_enabled(on)


sys.modules[__name__].__class__ = _Cpu
