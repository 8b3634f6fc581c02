"""Forward mode, which is not here: the names can be imported, and raise when they are called."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there is no forward mode; use func.jvp, which runs reverse mode twice",
    functions="enter_dual_level exit_dual_level make_dual unpack_dual",
    classes="UnpackedDualTensor dual_level",
)
