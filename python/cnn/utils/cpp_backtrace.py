"""The C++ frames of a call: they are not looked up."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__, "frames of C++ are not looked up; use a debugger", functions="get_cpp_backtrace"
)
