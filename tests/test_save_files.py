"""cnn.save and the file system: what is replaced, what is kept, and what is left behind."""

from __future__ import annotations

import errno
import io
import os
import pathlib
import pickle
import random
import signal
import stat
import struct
import tempfile
import time
import zipfile

import pytest

import cnn
from cnn.serialization.archive import ArchiveReader
from refused_calls import in_child, needs_filter, refuse
from saving import same, saved


def test_paths(tmp_path):
    for path in (str(tmp_path / "a.pt"), tmp_path / "b", tmp_path / "ü.pt"):
        cnn.save(cnn.ones(3), path)
        assert same(cnn.load(path), cnn.ones(3))
    assert {p.name for p in tmp_path.iterdir()} == {"a.pt", "b", "ü.pt"}


def test_file_objects_at_any_position(tmp_path):
    with open(tmp_path / "f", "w+b") as file:
        file.write(b"front")
        cnn.save([cnn.ones(3), 5], file)
        file.seek(5)
        assert same(cnn.load(file), [cnn.ones(3), 5])


def test_mapped_file_is_never_changed(tmp_path):
    path = tmp_path / "x.pt"
    cnn.save({"x": cnn.arange(1000.0), "empty": cnn.empty(0)}, path)
    before = path.read_bytes()
    x = cnn.load(path, mmap=True)["x"]
    x.add_(1)
    assert x[999] == 1000 and path.read_bytes() == before
    with pytest.raises(ValueError, match="must be a file path"):
        cnn.load(io.BytesIO(before), mmap=True)


def test_members_are_stored_aligned():
    file = saved([cnn.ones(3), cnn.ones(70)])
    data = file.getvalue()
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = [name.partition("/")[2] for name in archive.namelist()]
        for info in archive.infolist():
            name_size, extra_size = struct.unpack_from("<2H", data, info.header_offset + 26)
            assert (info.header_offset + 30 + name_size + extra_size) % 64 == 0
            assert info.compress_type == zipfile.ZIP_STORED
    assert names == [
        *("data.pkl", ".format_version", ".storage_alignment", "byteorder"),
        *("data/0", "data/1", "version", ".data/serialization_id"),
    ]


def test_mode_of_the_file(tmp_path):
    path = tmp_path / "f"
    former = os.umask(0o027)
    try:
        cnn.save(1, path)
    finally:
        os.umask(former)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    cnn.save(2, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604 and cnn.load(path) == 2


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    cnn.save(7, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and cnn.load(tmp_path / "target") == 7


def test_errors_of_arguments(tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        cnn.save(1, tmp_path / "no" / "file")
    with pytest.raises(FileNotFoundError):
        cnn.load(tmp_path / "none")
    with pytest.raises(AttributeError, match="a file-like object with a 'write' attribute"):
        cnn.save(1, 3)
    with pytest.raises(AttributeError, match="seekable"):
        cnn.load(object())
    with pytest.raises(NotImplementedError):
        cnn.save(1, io.BytesIO(), _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        cnn.load(saved(1), pickle_module=pickle, weights_only=True)


class Unpicklable:
    def __reduce__(self):
        raise ValueError("not me")


# What the core writes by itself, and what needs Python's pickler.
PLAIN, GENERAL = "plain", {1, 2}


def test_what_cannot_be_pickled_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "f"
    cnn.save("old", path)
    with pytest.raises(ValueError, match="not me"):
        cnn.save([cnn.ones(3), Unpicklable()], path)
    assert [p.name for p in tmp_path.iterdir()] == ["f"] and cnn.load(path) == "old"


@needs_filter
@pytest.mark.parametrize("value", [PLAIN, GENERAL])
@pytest.mark.parametrize("call", ["fsync", "linkat", "renameat", "fchmod"])
def test_a_failed_save_leaves_everything_as_it_was(tmp_path, call, value):
    path = tmp_path / "f"
    cnn.save("old", path)

    def save():
        refuse(call, errno.EIO)
        if call == "linkat":  # another way is left
            refuse("openat", errno.EIO, os.O_EXCL)
        with pytest.raises(OSError, match="Input/output error.*f'"):
            cnn.save(value, path)

    assert in_child(save)
    assert [p.name for p in tmp_path.iterdir()] == ["f"] and cnn.load(path) == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full disk")
@pytest.mark.parametrize("value", [PLAIN, GENERAL])
def test_a_full_disk(value):
    with pytest.raises(OSError, match="No space left"):
        cnn.save(value, "/dev/full")


def killed_saves(path, seed, times):
    """Children that save ones, twos, ... to `path` again and again, each killed at a random moment;
    yields after every death."""
    cnn.save({"x": cnn.zeros(100_000)}, path)
    chance = random.Random(seed)
    for _ in range(times):
        child = os.fork()
        if child == 0:
            value = 0
            while True:
                value += 1
                cnn.save({"x": cnn.full((100_000,), float(value))}, path)
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_saving(tmp_path):
    """At 100 random moments: the old or the new checkpoint, whole."""
    path = tmp_path / "f"
    for _ in killed_saves(path, 0, 100):
        x = cnn.load(path)["x"]
        assert x.shape == (100_000,) and bool((x == x[0]).all())


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs files without a name")
def test_a_killed_save_leaves_at_most_one_name_which_the_next_takes(tmp_path):
    path = tmp_path / "f"
    for _ in killed_saves(path, 1, 50):
        assert len(list(tmp_path.iterdir())) <= 2
    cnn.save({"x": cnn.ones(1)}, path)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@needs_filter
@pytest.mark.parametrize("value", [PLAIN, GENERAL])
@pytest.mark.parametrize("refused", ["O_TMPFILE", "link"])
def test_file_systems_without_unnamed_files(tmp_path, refused, value):
    def save():
        if refused == "link":
            refuse("linkat", errno.EOPNOTSUPP)
        else:
            refuse("openat", errno.EOPNOTSUPP, os.O_TMPFILE)
        for x in (value, [value]):
            cnn.save(x, tmp_path / "f")
            assert cnn.load(tmp_path / "f") == x
        os.chmod(tmp_path / "f", 0o604)
        cnn.save([value], tmp_path / "f")
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o604
        refuse("fsync", errno.EIO)
        with pytest.raises(OSError, match="Input/output error"):
            cnn.save(3, tmp_path / "f")

    assert in_child(save)
    assert [p.name for p in tmp_path.iterdir()] == ["f"] and cnn.load(tmp_path / "f") == [value]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_many_processes_save_at_one_path(tmp_path):
    path = tmp_path / "f"
    children = []
    for value in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(50):
                    cnn.save(cnn.full((1000,), float(value)), path)
                    x = cnn.load(path)
                    assert bool((x == x[0]).all())
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_names_as_long_as_a_file_system_takes(tmp_path):
    for name in ("x" * 255, "\N{SNOWMAN}" * 85):
        for value in (1, 2):
            cnn.save(value, tmp_path / name)
            assert cnn.load(tmp_path / name) == value
        assert [p.name for p in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


def as_nobody(function):
    """Runs `function` in a process without privileges; True if it raised nothing."""

    def run():
        os.setgroups([])
        os.setgid(65533)
        os.setuid(65534)
        function()

    return in_child(run)


ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.skipif(not ROOT, reason="only root gives files away")
def test_owner_and_group_are_kept(tmp_path):
    path = tmp_path / "f"
    cnn.save(1, path)
    os.chown(path, 1234, 4321)
    path.chmod(0o640)
    cnn.save(2, path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 4321, 0o640)


@pytest.mark.skipif(not ROOT, reason="needs a file of somebody else's")
def test_rights_of_a_group_that_cannot_be_kept_are_not_given_to_another():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = pathlib.Path(folder, "f")
        cnn.save(1, path)
        os.chown(path, 1234, 4321)
        path.chmod(0o676)
        assert as_nobody(lambda: cnn.save(2, path))
        status = path.stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 65533, 0o666)
        path.chmod(0o444)
        os.chown(path, 1234, 4321)
        assert not as_nobody(lambda: cnn.save(3, path))
        assert cnn.load(path) == 2


@pytest.mark.skipif(not ROOT, reason="root is stopped by no mode")
def test_folders_that_may_not_be_read_or_written():
    with tempfile.TemporaryDirectory() as top:
        folder = pathlib.Path(top, "d")
        os.chmod(top, 0o711)
        folder.mkdir()
        os.chown(folder, 65534, 65533)
        folder.chmod(0o300)
        assert as_nobody(lambda: [cnn.save(value, folder / "f") for value in (1, 2)])
        folder.chmod(0o500)

        def save_again():
            with pytest.raises(PermissionError):
                cnn.save(3, folder / "f")

        assert as_nobody(save_again)
        assert cnn.load(folder / "f") == 2
        assert [p.name for p in folder.iterdir()] == ["f"]


def test_what_is_no_regular_file_is_written_to(tmp_path):
    cnn.save(1, os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    cnn.save([1, 2], tmp_path / "pipe")
    with open(reader, "rb") as file:
        assert cnn.load(io.BytesIO(file.read())) == [1, 2]
    with pytest.raises(IsADirectoryError):
        cnn.save(1, tmp_path)


def test_a_descriptor_s_name_is_written_to(tmp_path):
    reader, writer = os.pipe()
    cnn.save([1], f"/dev/fd/{writer}")
    os.close(writer)
    with open(reader, "rb") as file:
        assert cnn.load(io.BytesIO(file.read())) == [1]
    with open(tmp_path / "gone", "w+b") as file:
        os.unlink(tmp_path / "gone")
        cnn.save([2], f"/dev/fd/{file.fileno()}")
        assert cnn.load(file) == [2] and not list(tmp_path.iterdir())


class Parts(io.RawIOBase):
    """A file that takes and gives at most seven bytes at once."""

    def __init__(self):
        self.held = io.BytesIO()

    def write(self, data):
        return self.held.write(bytes(data[:7]))

    def readinto(self, view):
        return self.held.readinto(memoryview(view)[:7])

    def seek(self, *args):
        return self.held.seek(*args)

    def tell(self):
        return self.held.tell()


def test_files_that_take_and_give_a_part():
    file = Parts()
    x = {"x": cnn.arange(50.0)}
    cnn.save(x, file)
    file.seek(0)
    assert same(cnn.load(file), x)


def test_a_file_that_takes_no_more_raises():
    class Full(Parts):
        def write(self, data):
            return 0 if self.held.tell() > 100 else super().write(data)

    with pytest.raises(OSError, match="the file took"):
        cnn.save(cnn.ones(50), Full())


def test_mapping_and_reading_see_one_file(tmp_path, monkeypatch):
    """Another file takes the path's place between the reading of the directory and the mapping."""
    path = tmp_path / "f"
    cnn.save({"x": cnn.arange(1000.0)}, path)
    read_directory = ArchiveReader._read_directory

    def replace_meanwhile(reader):
        found = read_directory(reader)
        cnn.save({"x": cnn.zeros(10)}, path)
        return found

    monkeypatch.setattr(ArchiveReader, "_read_directory", replace_meanwhile)
    assert same(cnn.load(path, mmap=True), {"x": cnn.arange(1000.0)})
