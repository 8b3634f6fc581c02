"""Files for the tests of cnn.save and cnn.load, and how to compare what comes back."""

from __future__ import annotations

import collections
import io
import struct

import cnn
from cnn.serialization.archive import ArchiveWriter


def saved(obj, **options):
    file = io.BytesIO()
    cnn.save(obj, file, **options)
    file.seek(0)
    return file


def round_trip(obj, **options):
    return cnn.load(saved(obj), **options)


def same(a, b):
    """Equal in kind, layout and every bit; True or False."""
    if type(a) is not type(b):
        return False
    if isinstance(a, cnn.Tensor):
        attributes = ("dtype", "shape", "requires_grad")
        if any(getattr(a, name) != getattr(b, name) for name in attributes):
            return False
        return a.stride() == b.stride() and cnn.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def archive_of(pickle_bytes, storages=()):
    """A file with any pickle in it."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, "archive")
    writer.add("data.pkl", pickle_bytes)
    writer.add("byteorder", b"little")
    for key, data in enumerate(storages):
        writer.add(f"data/{key}", data)
    writer.add("version", b"3\n")
    writer.finish()
    file.seek(0)
    return file


def checkpoint():
    values = cnn.arange(128.0).sin()
    state = collections.OrderedDict(
        weight=values.view(16, 8), bias=cnn.nn.Parameter(values[:16] / 3), steps=cnn.tensor(7)
    )
    state["view"] = state["weight"][2:5, ::2]
    return {"model": state, "epoch": 3, "lr": [0.1, 0.01], "name": "run", "mask": cnn.ones(5) > 0}


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def glob(path):
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


REBUILD = "torch._utils._rebuild_tensor_v2"
# One million-element tensor's worth of reference, to a member that is not there.
STORAGE = b"(" + text("storage") + glob("torch.FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"


def number(value):
    """An integer of a pickle."""
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def tensor(size, stride=b"K\x01", offset=b"K\x00", requires_grad=b"\x89", metadata=b""):
    """A float32 tensor of a pickle, of dimensions that are given as their parts of a pickle."""
    layout = offset + b"(" + size + b"t(" + stride + b"t"
    hooks = glob("collections.OrderedDict") + b")R"
    return glob(REBUILD) + b"(" + STORAGE + layout + requires_grad + hooks + metadata + b"tR"
