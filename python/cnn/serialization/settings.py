"""What `load` takes for granted: byte order, and how files are mapped."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from mmap import MAP_PRIVATE, MAP_SHARED
from typing import IO

from .. import _C, _unavailable
from ..storage import TypedStorage

__all__ = [
    "LoadEndianness",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
]

# What may be given as a file, as a storage, and as `load`'s map_location.
FileLike = str | os.PathLike | IO[bytes]
STORAGE = _C.UntypedStorage | TypedStorage
MAP_LOCATION = Callable | _C.device | str | dict | None


class LoadEndianness(Enum):
    """The byte order of a file that does not say its own."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_endianness = None


def get_default_load_endianness():
    """What `set_default_load_endianness` was last given."""
    return _endianness


def set_default_load_endianness(endianness):
    """Sets the byte order of files that do not say their own; None and NATIVE: this machine's."""
    global _endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _endianness = endianness


def get_crc32_options():
    """True: what is saved has its checksums."""
    return True


def set_crc32_options(compute_crc32):
    """Takes True. NotImplementedError for False: a file without checksums would load damaged."""
    if not isinstance(compute_crc32, bool):
        raise TypeError(f"expected compute_crc32 to be a bool, got {type(compute_crc32)}")
    if not compute_crc32:
        raise NotImplementedError(
            "set_crc32_options(False): files are always saved with their checksums, which cost "
            "next to nothing"
        )


class skip_data:
    """Raises NotImplementedError: a file is never saved without its tensors' values."""

    def __init__(self, materialize_fake_tensors=False):
        raise NotImplementedError(
            "serialization.skip_data: tensors are saved with their values; save shapes and dtypes "
            "of your own instead"
        )


def get_default_mmap_options():
    """The flag with which `load(mmap=True)` maps files: mmap.MAP_PRIVATE."""
    return MAP_PRIVATE


class set_default_mmap_options:
    """Sets the flag with which `load(mmap=True)` maps files, as a context manager until its end.

    There is one, mmap.MAP_PRIVATE: what is written to tensors stays in memory. With mmap.MAP_SHARED
    it would go to the file, which would no longer fit its checksums: NotImplementedError.
    """

    def __init__(self, flags):
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        if flags == MAP_SHARED:
            raise NotImplementedError(
                "set_default_mmap_options: mmap.MAP_SHARED, which would let a file change under "
                "its checksums; save the changed tensors instead"
            )

    def __enter__(self):
        pass

    def __exit__(self, *exc_info):
        pass


_unavailable.mark("tensors are saved with their values", skip_data)
for _name in __all__:
    globals()[_name].__module__ = __package__  # the path that PyTorch has
