"""The zip archives that PyTorch's files are: members uncompressed, on 64-byte boundaries.

Written by hand because `zipfile` neither aligns nor streams memory without copying. Read by hand
because every byte that decides a value must be checked: a member is believed only if its local
header, the central directory, its checksum and the space it takes all agree. Layout: APPNOTE.TXT
6.3.10 (PKWARE), sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import struct
import zlib

__all__ = ["ArchiveWriter", "ArchiveReader", "fill", "_is_zipfile", "length_of"]

ALIGNMENT = 64

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")

_LOCAL_MAGIC = b"PK\x03\x04"
_CENTRAL_MAGIC = b"PK\x01\x02"
_END64_MAGIC = b"PK\x06\x06"
_LOCATOR64_MAGIC = b"PK\x06\x07"
_END_MAGIC = b"PK\x05\x06"

_ZIP64_ID = 1
_PADDING_ID = 0x4246  # 'FB', as PyTorch pads
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF
_HAS_DESCRIPTOR = 8  # flag: the local header leaves sizes and checksum to a record behind the data
_UTF8_NAME = 0x800
_MAX_COMMENT = 0xFFFF
_CHUNK = 1 << 24


def _is_zipfile(file):
    """True if `file` holds a zip member at its position, which is kept."""
    start = file.tell()
    magic = file.read(len(_LOCAL_MAGIC))
    file.seek(start)
    return magic == _LOCAL_MAGIC


def length_of(file):
    """Bytes of `file` from its position on, which is kept."""
    start = file.tell()
    file.seek(0, 2)
    length = file.tell() - start
    file.seek(start)
    return length


def fill(file, view):
    """Reads as many bytes as the writable memoryview `view` has; False if the file ends before."""
    readinto = getattr(file, "readinto", None)
    done = 0
    while done < len(view):  # one call reads at most 2 GiB on Linux
        if readinto is not None:
            got = readinto(view[done:]) or 0
        else:
            data = file.read(min(_CHUNK, len(view) - done))
            got = len(data)
            view[done : done + got] = data
        if not got:
            return False
        done += got
    return True


def _checksum(data, value=0):
    view = memoryview(data)
    for i in range(0, len(view), _CHUNK):
        value = zlib.crc32(view[i : i + _CHUNK], value)
    return value


class ArchiveWriter:
    """Writes members one after another; offsets count from the first byte given to `file.write`."""

    def __init__(self, file, prefix):
        self._file = file
        self._prefix = prefix
        self._position = 0
        self._central = []
        self._all_crcs = 0

    def add(self, name, data):
        """One member of bytes-like `data`, starting on a 64-byte boundary."""
        full = f"{self._prefix}/{name}".encode()
        size = len(data)
        crc = _checksum(data)
        offset = self._position
        wide = struct.pack("<2H2Q", _ZIP64_ID, 16, size, size) if size >= _FULL32 else b""
        small = _FULL32 if wide else size
        start = offset + _LOCAL.size + len(full) + len(wide) + 4
        pad = -start % ALIGNMENT
        extra = wide + struct.pack("<2H", _PADDING_ID, pad) + b"Z" * pad
        self._write(
            _LOCAL.pack(
                _LOCAL_MAGIC, 0, _UTF8_NAME, 0, 0, 0, crc, small, small, len(full), len(extra)
            )
            + full
            + extra
        )
        self._write(data)
        self._central.append(self._directory_entry(full, crc, size, offset))
        self._all_crcs = zlib.crc32(struct.pack("<I", crc), self._all_crcs)

    @staticmethod
    def _directory_entry(full, crc, size, offset):
        wide = b""
        if size >= _FULL32:
            wide += struct.pack("<2Q", size, size)
        if offset >= _FULL32:
            wide += struct.pack("<Q", offset)
        if wide:
            wide = struct.pack("<2H", _ZIP64_ID, len(wide)) + wide
        small = min(size, _FULL32)
        head = _CENTRAL.pack(
            *(_CENTRAL_MAGIC, 0, 0, _UTF8_NAME, 0, 0, 0, crc, small, small),
            *(len(full), len(wide), 0, 0, 0, 0, min(offset, _FULL32)),
        )
        return head + full + wide

    def finish(self):
        """Writes the serialization id and the directory; nothing may follow."""
        names = zlib.crc32(b"".join(self._central))
        self.add(".data/serialization_id", f"{names:020d}{self._all_crcs:020d}".encode())
        directory = b"".join(self._central)
        count, size, offset = len(self._central), len(directory), self._position
        end64 = _END64.pack(_END64_MAGIC, 44, 0x031E, 45, 0, 0, count, count, size, offset)
        locator = _LOCATOR64.pack(_LOCATOR64_MAGIC, 0, offset + size, 1)
        few = min(count, _FULL16)
        end = _END.pack(_END_MAGIC, 0, 0, few, few, min(size, _FULL32), min(offset, _FULL32), 0)
        self._write(directory + end64 + locator + end)

    def _write(self, data):
        written, size = self._file.write(data), len(data)
        # A file without a buffer may take a part: at most 2 GiB at once on Linux.
        while type(written) is int and written < size:
            more = self._file.write(memoryview(data)[written:])
            if not more:
                raise OSError(f"the file took {written} of {size} bytes")
            written += more
        self._position += size


class _Member:
    __slots__ = ("name", "flags", "crc", "size", "offset", "limit")


class ArchiveReader:
    """Checked access to the members of an archive that starts at the position of `file`.

    Every inconsistency, truncation or wrong checksum raises RuntimeError.
    """

    def __init__(self, file):
        self._file = file
        self._start = file.tell()
        self._length = length_of(file)
        directory, count = self._read_directory()
        self._members = self._parse_directory(directory, count)
        self.prefix = self._common_prefix()

    def _fail(self, what):
        raise RuntimeError(f"PytorchStreamReader failed reading zip archive: {what}")

    def _read(self, offset, size):
        if offset < 0 or size < 0 or offset + size > self._length:
            self._fail("the file is truncated or damaged")
        self._file.seek(self._start + offset)
        data = bytearray(size)
        if not fill(self._file, memoryview(data)):
            self._fail("the file is truncated")
        return bytes(data)

    def _read_directory(self):
        """The central directory's bytes and its number of entries."""
        tail_size = min(self._length, _END.size + _MAX_COMMENT)
        tail = self._read(self._length - tail_size, tail_size)
        at = tail.rfind(_END_MAGIC)
        while at >= 0:
            whole = len(tail) - at >= _END.size
            if whole and at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
                break
            at = tail.rfind(_END_MAGIC, 0, at + len(_END_MAGIC) - 1)
        if at < 0:
            self._fail("failed finding central directory")
        _, disk, first_disk, here, count, size, offset, _ = _END.unpack_from(tail, at)
        end = self._length - tail_size + at
        if end >= _LOCATOR64.size:
            locator = _LOCATOR64.unpack(self._read(end - _LOCATOR64.size, _LOCATOR64.size))
            if locator[0] == _LOCATOR64_MAGIC:
                end = locator[2]
                record = _END64.unpack(self._read(end, _END64.size))
                magic, _, _, _, disk, first_disk, here, wide_count, wide_size, wide_offset = record
                narrow = (
                    min(wide_count, _FULL16),
                    min(wide_size, _FULL32),
                    min(wide_offset, _FULL32),
                )
                if magic != _END64_MAGIC or locator[1] or locator[3] != 1:
                    self._fail("the zip64 end record is damaged")
                for wide, small, full in zip(
                    narrow, (count, size, offset), (_FULL16, _FULL32, _FULL32)
                ):
                    if small not in (wide, full):
                        self._fail("the two end records differ")
                count, size, offset = wide_count, wide_size, wide_offset
        if disk or first_disk or here != count:
            self._fail("archives in several parts are not read")
        if offset + size != end:
            self._fail("the central directory is not where the end record says")
        self._directory_offset = offset
        return self._read(offset, size), count

    def _parse_directory(self, directory, count):
        members, at = {}, 0
        for _ in range(count):
            if at + _CENTRAL.size > len(directory):
                self._fail("the central directory is damaged")
            fields = _CENTRAL.unpack_from(directory, at)
            magic, _, _, flags, method, _, _, crc, packed, size = fields[:10]
            name_size, extra_size, comment_size, disk, _, _, offset = fields[10:]
            at += _CENTRAL.size
            name = directory[at : at + name_size]
            extra = directory[at + name_size : at + name_size + extra_size]
            at += name_size + extra_size + comment_size
            if magic != _CENTRAL_MAGIC or at > len(directory) or disk:
                self._fail("the central directory is damaged")
            size, packed, offset = self._widen(extra, size, packed, offset)
            member = _Member()
            try:
                member.name = name.decode()
            except UnicodeDecodeError:
                self._fail(f"member name {name!r} is not UTF-8")
            if method or packed != size or flags & ~(_HAS_DESCRIPTOR | _UTF8_NAME):
                self._fail(f"member {member.name!r} is compressed or encrypted")
            if member.name in members:
                self._fail(f"there are two members {member.name!r}")
            member.flags, member.crc, member.size, member.offset = flags, crc, size, offset
            members[member.name] = member
        if at != len(directory):
            self._fail("the central directory is damaged")
        # A member may not reach into the next one: a small file could otherwise unfold into a large
        # one.
        limit = self._directory_offset
        for member in sorted(members.values(), key=lambda m: -m.offset):
            member.limit = limit
            if member.offset + _LOCAL.size + len(member.name.encode()) + member.size > limit:
                self._fail(f"member {member.name!r} overlaps what follows it")
            limit = member.offset
        return members

    def _widen(self, extra, size, packed, offset):
        """Replaces 32-bit fields that are all ones by their 64-bit values from the zip64 extra
        field.
        """
        fields, at = [size, packed, offset], 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            if kind == _ZIP64_ID:
                body = extra[at + 4 : at + 4 + length]
                for i in range(3):
                    if fields[i] == _FULL32 and len(body) >= 8:
                        fields[i] = int.from_bytes(body[:8], "little")
                        body = body[8:]
            at += 4 + length
        return fields

    def _common_prefix(self):
        prefixes = {name.partition("/")[0] for name in self._members if "/" in name}
        if len(prefixes) != 1 or any("/" not in name for name in self._members):
            self._fail("its members do not share one folder")
        return prefixes.pop()

    def __contains__(self, name):
        return f"{self.prefix}/{name}" in self._members

    def names(self):
        """Those of all members, without the folder that they share."""
        return [name.partition("/")[2] for name in self._members]

    def offset(self, name):
        """Where in the file a member's data starts."""
        return self._start + self._data_offset(self._find(name))

    def size(self, name):
        """Bytes of a member; RuntimeError if there is none of that name."""
        return self._find(name).size

    def _find(self, name):
        member = self._members.get(f"{self.prefix}/{name}")
        if member is None:
            self._fail(f"file not found: {self.prefix}/{name}")
        return member

    def _data_offset(self, member):
        """Where the data starts, after checking the local header against the directory."""
        fields = _LOCAL.unpack(self._read(member.offset, _LOCAL.size))
        magic, _, flags, method, _, _, crc, packed, size, name_size, extra_size = fields
        rest = self._read(member.offset + _LOCAL.size, name_size + extra_size)
        if magic != _LOCAL_MAGIC or rest[:name_size] != member.name.encode():
            self._fail(f"the header of member {member.name!r} is damaged")
        size, packed, _ = self._widen(rest[name_size:], size, packed, 0)
        told = (member.crc, member.size, member.size)
        # Behind a descriptor flag the fields may have been left empty.
        agrees = (crc, packed, size) == told or (
            flags & _HAS_DESCRIPTOR and (crc, packed, size) == (0, 0, 0)
        )
        if method or flags != member.flags or not agrees:
            self._fail(f"the header of member {member.name!r} contradicts the directory")
        start = member.offset + _LOCAL.size + name_size + extra_size
        if start + member.size > member.limit:
            self._fail(f"member {member.name!r} overlaps what follows it")
        return start

    def read(self, name):
        """The bytes of a member, its checksum verified."""
        member = self._find(name)
        data = self._read(self._data_offset(member), member.size)
        return self._verified(member, data)

    def read_into(self, name, view):
        """Fills the writable memoryview `view`, exactly as long as the member, and verifies the
        checksum.
        """
        member = self._find(name)
        start = self._data_offset(member)
        if len(view) != member.size:
            self._fail(f"member {member.name!r} has {member.size} bytes, expected {len(view)}")
        self._file.seek(self._start + start)
        if not fill(self._file, view):
            self._fail("the file is truncated")
        self._verified(member, view)

    def locate(self, name, whole):
        """Offset of a member's data in `whole`, the file's bytes, its checksum verified there."""
        member = self._find(name)
        start = self._start + self._data_offset(member)
        self._verified(member, memoryview(whole)[start : start + member.size])
        return start

    def _verified(self, member, data):
        if _checksum(data) != member.crc:
            self._fail(f"member {member.name!r} is damaged: its CRC-32 does not match")
        return data
