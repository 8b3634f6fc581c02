"""Writing checkpoints: the archive's members, in a file that takes another's place in one step."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import sys
from collections import OrderedDict

from .. import _C, storage
from . import DEFAULT_PROTOCOL, placing
from .archive import ALIGNMENT, ArchiveWriter
from .pickling import pickler_for

__all__ = ["save_to_file", "save_to_path"]


def save_to_file(obj, file, prefix, pickle_module, protocol):
    """Writes the archive to a file object; pickling is over before the first byte is written."""
    write_archive(*pickled(obj, pickle_module, protocol), file, prefix)


def pickled(obj, pickle_module, protocol):
    """(pickle, {key: storage})."""
    buffer = io.BytesIO()
    pickler = pickler_for(pickle_module)(buffer, protocol)
    pickler.dump(obj)
    return buffer.getbuffer(), pickler.storages


def write_archive(pickle_bytes, storages, file, prefix):
    archive = ArchiveWriter(file, prefix)
    archive.add("data.pkl", pickle_bytes)
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", b"%d" % ALIGNMENT)
    archive.add("byteorder", sys.byteorder.encode())
    for key, held in storages.items():
        archive.add(f"data/{key}", storage.storage_bytes(held))
    archive.add("version", b"3\n")
    archive.finish()


def save_to_path(obj, path, pickle_module, protocol):
    """Writes to a file without a name, which takes the place of `path` once it is on the disk."""
    # Where that module was not loaded nothing is a Parameter.
    parameter = getattr(sys.modules.get("cnn.nn.parameter"), "Parameter", None)
    if _is_ordinary(pickle_module, protocol, parameter) and _C._save_plain(obj, path, parameter):
        return
    parts = pickled(obj, pickle_module, protocol)
    prefix = os.path.splitext(os.path.basename(os.fsdecode(path)))[0] or "archive"
    if not prefix.isascii():
        prefix = "archive"

    def write(descriptor):
        with open(descriptor, "wb", closefd=False) as file:
            write_archive(*parts, file, prefix)

    _C._replace_file(path, write)


def _is_ordinary(pickle_module, protocol, parameter):
    """Whether the core's pickler writes what Python's would: nobody has taught that one more."""
    return (
        (pickle_module is None or pickle_module is pickle)
        and type(protocol) is int
        and protocol == DEFAULT_PROTOCOL
        and copyreg.dispatch_table.keys().isdisjoint((_C.Tensor, parameter, OrderedDict))
        and placing.has_only_own_taggers()
    )
