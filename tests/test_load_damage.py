"""cnn.load of damaged files: they raise, and never give a wrong value."""

from __future__ import annotations

import collections
import io
import pickle
import random
import struct
import sys
import warnings
import zipfile

import pytest

import cnn
from cnn.serialization import pickling
from cnn.serialization.archive import ArchiveReader
from saving import archive_of, checkpoint, same, saved


def test_flipped_bits_never_give_wrong_values():
    """3,000 files with one bit wrong: each raises or gives exactly what was saved."""
    original = checkpoint()
    data = saved(original).getvalue()
    chance = random.Random(0)
    wrong, raised = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for bit in chance.sample(range(8 * len(data)), 3000):
            damaged = bytearray(data)
            damaged[bit // 8] ^= 1 << bit % 8
            try:
                result = cnn.load(io.BytesIO(damaged))
            except Exception:
                raised += 1
                continue
            if not same(result, original):
                wrong.append(bit)
    assert not wrong and raised > 1000


def test_truncated_files_raise(tmp_path):
    data = saved(checkpoint()).getvalue()
    path = tmp_path / "f"
    for size in [*range(0, len(data), 37), len(data) - 1]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            cnn.load(io.BytesIO(data[:size]))
        path.write_bytes(data[:size])
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            cnn.load(path)


def test_swapped_and_inserted_bytes():
    data = saved(checkpoint()).getvalue()
    original = checkpoint()
    chance = random.Random(1)
    for _ in range(300):
        at = chance.randrange(len(data))
        length = chance.choice([1, 2, 64, 500])
        for damaged in (
            data[:at] + bytes(length) + data[at:],
            data[:at] + data[at + length :],
            data[:at] + chance.randbytes(length) + data[at + length :],
        ):
            try:
                result = cnn.load(io.BytesIO(damaged))
            except Exception:
                continue
            assert same(result, original)


def test_bad_archives_raise():
    def rezipped(change=None, **options):
        target = io.BytesIO()
        with zipfile.ZipFile(saved(cnn.ones(4))) as source, zipfile.ZipFile(target, "w") as new:
            for info in source.infolist():
                data = source.read(info)
                for name, body in (
                    change(info.filename, data) if change else [(info.filename, data)]
                ):
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        new.writestr(name, body, **options)
        target.seek(0)
        return target

    assert same(cnn.load(rezipped()), cnn.ones(4))
    with pytest.raises(RuntimeError, match="compressed"):
        cnn.load(rezipped(compress_type=zipfile.ZIP_DEFLATED))
    with pytest.raises(RuntimeError, match="two members"):
        cnn.load(rezipped(lambda name, data: [(name, data), (name, data)]))
    with pytest.raises(RuntimeError, match="one folder"):
        cnn.load(rezipped(lambda n, d: [(n.replace("archive/byteorder", "other/byteorder"), d)]))
    with pytest.raises(RuntimeError, match="file not found: archive/data/0"):
        cnn.load(rezipped(lambda name, data: [] if name.endswith("/0") else [(name, data)]))
    with pytest.raises(RuntimeError, match="TorchScript"):
        cnn.load(rezipped(lambda n, d: [(n.replace(".format_version", "constants.pkl"), d)]))
    with pytest.raises(RuntimeError, match="byte order"):
        cnn.load(rezipped(lambda n, d: [(n, d.replace(b"little", b"big"))]))
    with pytest.raises(RuntimeError, match="format version"):
        cnn.load(rezipped(lambda n, d: [(n, b"11\n" if n.endswith("/version") else d)]))


def test_overlapping_members_raise():
    """Two directory entries over one member's bytes, as a zip bomb has them."""
    data = bytearray(saved([cnn.ones(16), cnn.ones(16)]).getvalue())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.getinfo("archive/data/0").header_offset
        second = archive.getinfo("archive/data/1").header_offset
    at = data.index(struct.pack("<I", second), data.index(b"PK\x01\x02"))
    data[at : at + 4] = struct.pack("<I", first)
    with pytest.raises(RuntimeError, match="overlaps|header"):
        cnn.load(io.BytesIO(data))


def test_reader_checks_each_member():
    file = saved(cnn.ones(64))
    data = bytearray(file.getvalue())
    with zipfile.ZipFile(file) as archive:
        at = archive.getinfo("archive/data/0").header_offset
    data[at + 100] ^= 1
    reader = ArchiveReader(io.BytesIO(data))
    assert reader.read("version") == b"3\n"
    with pytest.raises(RuntimeError, match="CRC-32"):
        reader.read("data/0")


def test_not_a_checkpoint():
    for data in (b"", b"hello", b"PK\x03\x04", bytes(1000), pickle.dumps([1, 2])):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            cnn.load(io.BytesIO(data))


def reads_or_refuses(file):
    """Whether `file` is read. It may raise what a caller expects of files, and nothing else."""
    try:
        cnn.load(file)
    except (pickle.UnpicklingError, RuntimeError, ValueError) as error:
        assert not isinstance(error, (RecursionError, UnicodeError)), repr(error)
        return False
    return True


def everything():
    note = cnn.ones(3)
    note.text = "kept"
    return {
        "model": checkpoint(),
        "numbers": [1, -(2**70), 2.5, None, 1 + 2j],
        "plain": [b"ab", bytearray(b"x"), "é", {3}, cnn.Size([1]), cnn.device("cpu"), cnn.float16],
        "counts": (collections.Counter("aab"), ((1,), 2, 3)),
        "tensors": [note, cnn.empty(2, device="meta")],
    }


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_damaged_pickles_raise_what_callers_expect(protocol):
    """Cut after every byte, every byte changed, and pieces moved about: in archives whose checksums
    are right.
    """
    with zipfile.ZipFile(saved(everything(), pickle_protocol=protocol)) as archive:
        whole = archive.read("archive/data.pkl")
        names = [name for name in archive.namelist() if name.startswith("archive/data/")]
        storages = [archive.read(name) for name in names]
    assert reads_or_refuses(archive_of(whole, storages))
    for i in range(len(whole)):
        assert not reads_or_refuses(archive_of(whole[:i], storages))
    chance = random.Random(protocol)
    for i in range(len(whole)):
        changed = bytes([chance.randrange(256)])
        reads_or_refuses(archive_of(whole[:i] + changed + whole[i + 1 :], storages))
    for _ in range(300):
        start, to, size = (chance.randrange(len(whole)) for _ in range(3))
        part = whole[start : start + size % 40]
        reads_or_refuses(archive_of(whole[:to] + part + whole[to + len(part) :], storages))
        reads_or_refuses(archive_of(whole[:to] + part + whole[to:], storages))


def old_stream(obj):
    """A file as PyTorch wrote them before 1.6: pickles in a row, then the storages."""
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": sys.byteorder == "little"}):
        pickle.dump(part, file, 2)
    pickler = pickling.Pickler(file, 2)
    pickler.dump(obj)
    pickle.dump(list(pickler.storages), file, 2)
    for held in pickler.storages.values():
        file.write(struct.pack("<q", held.nbytes() // 4) + cnn.storage.storage_bytes(held))
    return file.getvalue()


def test_damaged_streams_raise_what_callers_expect():
    original = {"a": cnn.arange(6.0).view(2, 3), "b": [cnn.ones(2)]}
    whole = old_stream(original)
    assert same(cnn.load(io.BytesIO(whole)), original)
    for i in range(len(whole)):
        assert not reads_or_refuses(io.BytesIO(whole[:i]))
        for changed in (whole[i] ^ 1, whole[i] ^ 0x80, 0, 255):
            reads_or_refuses(io.BytesIO(whole[:i] + bytes([changed]) + whole[i + 1 :]))


def test_a_stream_that_claims_more_than_it_has(tmp_path):
    whole = old_stream([1])
    at = whole.index(b"]") - 2  # the pickle of the object
    path = tmp_path / "f"
    for claim in (
        b"\x8e" + struct.pack("<Q", 2**62),
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
    ):
        path.write_bytes(whole[:at] + b"\x80\x04" + claim + b"abc.")
        with pytest.raises(pickle.UnpicklingError):
            cnn.load(path)
