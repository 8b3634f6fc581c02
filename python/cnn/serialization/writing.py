"""Writing checkpoints: the archive's members, and the replacement of a file as one step."""

from __future__ import annotations

import io
import os
import stat
import sys

from cnn import storage
from cnn.serialization.archive import ALIGNMENT, ArchiveWriter
from cnn.serialization.pickling import pickler_for

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
    """Writes to a temporary file beside `path`, which takes its place once it is on the disk."""
    parts = pickled(obj, pickle_module, protocol)
    target = os.path.realpath(path)  # a link stays a link; what it names is replaced
    folder, name = os.path.split(target)
    if isinstance(folder, bytes):
        folder, name = os.fsdecode(folder), os.fsdecode(name)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist.")
    prefix = os.path.splitext(os.path.basename(os.fsdecode(path)))[0] or "archive"
    if not prefix.isascii():
        prefix = "archive"
    try:
        former = os.stat(target)
    except FileNotFoundError:
        former = None
    if former is not None and not stat.S_ISREG(former.st_mode):
        with open(target, "wb") as file:  # a device or a pipe has no place to be replaced in
            write_archive(*parts, file, prefix)
        return
    temporary = os.path.join(folder, f".{name[:100]}.{os.getpid()}.{os.urandom(6).hex()}.tmp")
    # 0o666 lets the umask decide, as open() does.
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666
    )
    try:
        with open(fd, "wb") as file:
            if former is not None:
                os.fchmod(fd, stat.S_IMODE(former.st_mode))
            write_archive(*parts, file, prefix)
            file.flush()
            os.fsync(fd)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """Makes the renaming last through a power failure."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
