"""Models for phones: none are made."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "models are not compiled; docs/cpp.md says how a program without Python runs them",
    functions="generate_mobile_module_lints optimize_for_mobile",
    classes="LintCode MobileOptimizerType",
)
