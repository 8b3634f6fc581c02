"""Programs and weights in one file: there are none. The names raise when they are called."""

from __future__ import annotations

from . import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "programs are not packed; save a state dict, and install the code",
    classes="""
        Directory FileStructure GlobGroup Importer OrderedImporter PackageExporter
        PackageImporter""",
)
__all__ += [
    "EmptyMatchError",
    "ObjMismatchError",
    "ObjNotFoundError",
    "PackagingError",
    "is_from_package",
    "sys_importer",
]

sys_importer = None


class PackagingError(Exception):
    """What PyTorch raises where a program cannot be packed."""


class EmptyMatchError(Exception):
    """What PyTorch raises where a pattern names no module."""


class ObjNotFoundError(Exception):
    """What PyTorch raises where an object is not in its module."""


class ObjMismatchError(Exception):
    """What PyTorch raises where another object is in its place."""


def is_from_package(obj):
    """False: no program was packed."""
    return False
