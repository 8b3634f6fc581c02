"""Writing checkpoints: the archive's members, and the replacement of a file as one step."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
import time
import zlib

from .. import storage
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
    parts = pickled(obj, pickle_module, protocol)
    path = os.fsdecode(path)
    target = os.path.realpath(path)  # a link stays a link; what it names is replaced
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist.")
    prefix = os.path.splitext(os.path.basename(path))[0] or "archive"
    if not prefix.isascii():
        prefix = "archive"

    def write(file):
        write_archive(*parts, file, prefix)

    former = _status(path)
    # A device or a pipe has no place to be replaced in, nor has a file that lost its name and is
    # reached through /proc.
    if former is not None and not (stat.S_ISREG(former.st_mode) and os.path.exists(target)):
        with open(path, "wb") as file:
            write(file)
        return
    if former is not None and not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    _replace(folder, os.path.basename(target), former, write)


def _status(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _replace(folder, name, former, write):
    """Puts what `write(file)` writes at `name` in `folder`, in one step."""
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # names can be made in it all the same, but not brought to the disk
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _replace_by_unnamed(place, name, former, write):
            _replace_by_named(place, name, former, write)
        _sync_folder(place)
    finally:
        os.close(place)


def _replace_by_unnamed(place, name, former, write):
    """By a file that gets a name when it is whole: who is killed before leaves nothing behind.

    False if the file system cannot do that.
    """
    try:
        fd = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o666, dir_fd=place)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            return False
        raise
    with open(fd, "wb") as file:
        _write_whole(file, former, write)
        try:
            if former is None:
                with contextlib.suppress(FileExistsError):
                    _link(fd, place, name)
                    return True
            temporary = _link_beside(fd, place, name)
        except OSError:
            return False
        return _rename(temporary, name, place, fd)


def _link(fd, place, name):
    # With a descriptor for the source's folder, Python lets the kernel follow the link in /proc.
    source = f"/proc/self/fd/{fd}"
    os.link(source, name, src_dir_fd=place, dst_dir_fd=place, follow_symlinks=True)


def _link_beside(fd, place, name):
    """Links the file under a name that is returned: the same for each save at `name`.

    A name can only be taken over from another, and who is killed in between leaves that one. The
    next save finds it there and removes it, unless its owner does within the time that this takes.
    """
    temporary = f".{name[:20]}.{zlib.crc32(os.fsencode(name)):08x}.tmp"
    for _ in range(50):
        try:
            _link(fd, place, temporary)
            return temporary
        except FileExistsError:
            time.sleep(0.001)
    with contextlib.suppress(OSError):
        os.unlink(temporary, dir_fd=place)
    _link(fd, place, temporary)
    return temporary


def _rename(temporary, name, place, fd):
    """Whether the open file is now at `name`, or has been."""
    try:
        os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        return True
    except FileNotFoundError:  # another save took it for a dead one's, and may have renamed it
        return os.path.samestat(os.fstat(fd), os.stat(name, dir_fd=place))
    except BaseException:
        os.unlink(temporary, dir_fd=place)
        raise


def _replace_by_named(place, name, former, write):
    temporary = f".{name[:20]}.{os.getpid()}.{os.urandom(6).hex()}.tmp"
    # 0o666 lets the umask decide, as open() does.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o666, dir_fd=place)
    try:
        with open(fd, "wb") as file:
            _write_whole(file, former, write)
        os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        os.unlink(temporary, dir_fd=place)
        raise


def _write_whole(file, former, write):
    """The contents, then owner and mode of the file before it, all on the disk."""
    write(file)
    file.flush()
    if former is not None:
        _take_over(file.fileno(), former)
    os.fsync(file.fileno())


def _take_over(fd, former):
    """Gives an open file the owner, group and mode of another, as far as this process may.

    Where the group cannot be kept, the new one gets no rights that others do not have.
    """
    for owner in (former.st_uid, -1):
        with contextlib.suppress(OSError):
            os.fchown(fd, owner, former.st_gid)
            break
    now, mode = os.fstat(fd), stat.S_IMODE(former.st_mode)
    if now.st_gid != former.st_gid:
        mode &= ~(stat.S_ISGID | stat.S_IRWXG)
        mode |= (former.st_mode & stat.S_IRWXO) << 3
    if now.st_uid != former.st_uid:
        mode &= ~stat.S_ISUID
    os.fchmod(fd, mode)


def _sync_folder(place):
    """Makes the renaming last through a power failure, where the file system can be told to."""
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EINVAL):
            raise
