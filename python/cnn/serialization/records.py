"""The members of a checkpoint one by one, as packages that load lazily ask for them."""

from __future__ import annotations

from .. import _C
from .archive import ArchiveReader


class PyTorchFileReader:
    """The records of a zip checkpoint, a path or a binary file that can seek.

    RuntimeError where the archive is damaged, or has no record of a name.
    """

    __module__ = "cnn"

    def __init__(self, file):
        self._own = None if hasattr(file, "read") else open(file, "rb")
        self._archive = ArchiveReader(self._own or file)

    def __del__(self):
        if getattr(self, "_own", None) is not None:
            self._own.close()

    def has_record(self, name):
        """Whether there is a record of that name."""
        return name in self._archive

    def get_all_records(self):
        """The names of all."""
        return self._archive.names()

    def get_record(self, name):
        """The bytes of a record."""
        return self._archive.read(name)

    def get_record_size(self, name):
        """How many bytes it has."""
        return self._archive.size(name)

    def get_record_offset(self, name):
        """Where in the file its bytes begin."""
        return self._archive.offset(name)

    def get_storage_from_record(self, name, numel, dtype):
        """`numel` elements of a record as a tensor [numel]."""
        wanted = numel * dtype.itemsize
        if not 0 <= wanted <= self._archive.size(name):
            raise RuntimeError(
                f"get_storage_from_record: record {name!r} has {self._archive.size(name)} bytes, "
                f"{numel} elements of {dtype} are {wanted}"
            )
        data = bytearray(self._archive.read(name))
        if wanted == 0:
            return _C.empty(0, dtype=dtype)
        return _C.frombuffer(data, dtype=dtype, count=numel)

    def serialization_id(self):
        """The text that was written to tell files apart; empty where there is none."""
        name = ".data/serialization_id"
        return self._archive.read(name).decode() if name in self._archive else ""
