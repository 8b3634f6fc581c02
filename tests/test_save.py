"""cnn.save and cnn.load: what comes back, what is refused, and what damage does."""

from __future__ import annotations

import collections
import copy
import io
import os
import pathlib
import pickle
import random
import signal
import stat
import struct
import time
import warnings
import zipfile

import pytest

import cnn
from cnn import serialization
from cnn.serialization.archive import ArchiveReader, ArchiveWriter

DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()


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


# What comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(name):
    x = cnn.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(cnn, name))
    assert same(round_trip(x), x)
    assert same(round_trip(x.t()), x.t())


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 0, 4), (2, 3, 4, 5)])
def test_every_shape(shape):
    x = cnn.ones(shape)
    assert same(round_trip(x), x)


def test_plain_objects():
    obj = {
        "text": "é",
        "numbers": [1, -(2**70), 2.5, True, None, 1 + 2j, float("inf")],
        "bytes": [b"", b"ab\xff", bytearray(b"xy")],
        "nested": ({"a": (1,)}, {3}, cnn.Size([1, 2]), cnn.device("cpu"), cnn.float16),
        "counter": collections.Counter("aab"),
        3: collections.OrderedDict([("z", 1), ("a", 2)]),
    }
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert same(cnn.load(saved(obj, pickle_protocol=protocol)), obj)
        assert same(cnn.load(saved(obj, pickle_protocol=protocol), weights_only=False), obj)


def test_views_share_memory_and_are_written_once():
    x = cnn.arange(20.0).view(4, 5)
    file = saved([x, x[1:, ::2], x.t(), x[2]])
    with zipfile.ZipFile(file) as archive:
        data = [name for name in archive.namelist() if "/data/" in name and ".data" not in name]
    assert data == ["archive/data/0"]
    file.seek(0)
    a, b, c, d = cnn.load(file)
    assert same([a, b, c, d], [x, x[1:, ::2], x.t(), x[2]])
    a[2, 2] = -1
    assert b[1, 1] == c[2, 2] == d[2] == -1


def test_a_view_brings_its_whole_storage():
    part = round_trip(cnn.arange(10.0)[4:6])
    assert part.storage_offset() == 4 and part.untyped_storage().nbytes() == 40


def test_two_dtypes_over_one_memory_raise():
    x = cnn.zeros(4)
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        cnn.save(
            [x, cnn._C._rebuild_tensor(x.untyped_storage(), cnn.int32, 0, (4,), (1,))], io.BytesIO()
        )


def test_parameters_and_requires_grad():
    p = cnn.nn.Parameter(cnn.ones(2))
    frozen = cnn.nn.Parameter(cnn.ones(2), requires_grad=False)
    leaf = cnn.ones(2, requires_grad=True)
    result = round_trip([p, frozen, leaf])
    assert same(result, [p, frozen, leaf]) and isinstance(result[0], cnn.nn.Parameter)
    assert result[2].is_leaf


def test_attributes_of_tensors():
    x = cnn.ones(2)
    x.note = "kept"
    p = cnn.nn.Parameter(cnn.ones(2))
    p.note = [1]
    a, b = round_trip([x, p])
    assert a.note == "kept" and b.note == [1] and isinstance(b, cnn.nn.Parameter)


def test_ordered_dict_keeps_its_attributes():
    state = collections.OrderedDict(w=cnn.ones(2))
    state._metadata = {"": {"version": 1}}
    assert round_trip(state)._metadata == state._metadata


def test_state_dict_of_a_model():
    model = cnn.nn.Sequential(cnn.nn.Linear(3, 4), cnn.nn.BatchNorm1d(4))
    state = round_trip(model.state_dict())
    assert same(state, model.state_dict())
    fresh = cnn.nn.Sequential(cnn.nn.Linear(3, 4), cnn.nn.BatchNorm1d(4))
    fresh.load_state_dict(state)
    assert same(dict(fresh.state_dict()), dict(model.state_dict()))


def test_meta_tensors_have_no_data():
    x = cnn.empty(2, 3, device="meta")
    y = round_trip(x)
    assert y.device.type == "meta" and y.shape == x.shape


# Files --------------------------------------------------------------------------------------------


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


def test_a_failed_save_leaves_everything_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "f"
    cnn.save("old", path)
    with pytest.raises(ValueError, match="not me"):
        cnn.save([cnn.ones(3), Unpicklable()], path)
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        cnn.save("new", path)
    assert [p.name for p in tmp_path.iterdir()] == ["f"] and cnn.load(path) == "old"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_saving(tmp_path):
    """At 100 random moments: the old or the new checkpoint, whole."""
    path = tmp_path / "f"
    cnn.save({"x": cnn.zeros(100_000)}, path)
    chance = random.Random(0)
    for _ in range(100):
        child = os.fork()
        if child == 0:
            value = 0
            while True:
                value += 1
                cnn.save({"x": cnn.full((100_000,), float(value))}, path)
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        x = cnn.load(path)["x"]
        assert x.shape == (100_000,) and bool((x == x[0]).all())


# Where things go ----------------------------------------------------------------------------------


def test_map_location():
    file = saved(cnn.ones(2))

    def load(where):
        file.seek(0)
        return cnn.load(file, map_location=where)

    for where in (
        None,
        "cpu",
        cnn.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: storage,
    ):
        assert same(load(where), cnn.ones(2))
    seen = []
    load(lambda storage, location: seen.append((type(storage), location)))
    assert seen == [(cnn.storage.UntypedStorage, "cpu")]
    assert load("meta").device.type == load({"cpu": "meta"}).device.type == "meta"
    with pytest.raises(TypeError, match="map_location"):
        load(3)


def test_a_file_from_a_gpu(monkeypatch):
    data = saved(cnn.ones(2)).getvalue()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = archive.read("archive/data.pkl").replace(
            b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
        )
        file = archive_of(text, [archive.read("archive/data/0")])
    monkeypatch.setattr(cnn._C, "_cuda_is_available", lambda: False)
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        cnn.load(file)
    for where in ("cpu", {"cuda:0": "cpu"}, lambda storage, location: storage):
        file.seek(0)
        assert same(cnn.load(file, map_location=where), cnn.ones(2))


# Only weights -------------------------------------------------------------------------------------


class Config:
    def __init__(self, size):
        self.size = size


class Slotted:
    __slots__ = ("a",)


def test_other_classes_need_permission():
    config = Config(3)
    config.weight = cnn.ones(2)
    file = saved(config)
    path = f"{__name__}.Config"
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed") as caught:
        cnn.load(file)
    assert f"Unsupported global: GLOBAL {path} was not an allowed global by default" in str(
        caught.value
    )
    assert "add_safe_globals" in str(caught.value)
    file.seek(0)
    assert cnn.load(file, weights_only=False).size == 3
    file.seek(0)
    with serialization.safe_globals([Config]):
        assert serialization.get_safe_globals() == [Config]
        result = cnn.load(file)
    assert type(result) is Config and same(result.weight, cnn.ones(2))
    assert serialization.get_safe_globals() == []
    file.seek(0)
    serialization.add_safe_globals([(Config, path)])
    assert cnn.load(file).size == 3
    serialization.clear_safe_globals()
    slotted = Slotted()
    slotted.a = 5
    with serialization.safe_globals([Slotted]):
        assert round_trip(slotted).a == 5


def test_whole_modules():
    model = cnn.nn.Sequential(cnn.nn.Linear(2, 3), cnn.nn.ReLU())
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules\.container\.Sequential"):
        round_trip(model)
    result = round_trip(model, weights_only=False)
    assert repr(result) == repr(model) and same(result[0].weight, model[0].weight)
    with serialization.safe_globals([cnn.nn.Sequential, cnn.nn.Linear, cnn.nn.ReLU, set]):
        assert repr(round_trip(model)) == repr(model)


def test_environment_decides_when_nothing_is_said(monkeypatch):
    file = saved(Config(1))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert cnn.load(file).size == 1
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        cnn.load(file)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def glob(path):
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


REBUILD = "torch._utils._rebuild_tensor_v2"
# One million-element tensor's worth of reference, to a member that is not there.
STORAGE = b"(" + text("storage") + glob("torch.FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"

HOSTILE = {
    "a call": glob("os.system") + b"(" + text("false") + b"tR.",
    "a builtin": glob("builtins.eval") + b"(" + text("1") + b"tR.",
    "getattr": glob("builtins.getattr") + b".",
    "a method by path": glob("collections.OrderedDict.clear") + b".",
    "a cnn function": glob("cnn.save") + b".",
    "a name in cnn": glob("torch.load") + b".",
    "state of a function": glob(REBUILD) + b"}" + text("__defaults__") + b")sb.",
    "slots of a class": glob("torch.Tensor") + b"N}" + text("add") + b"Ns\x86b.",
    "state of a dtype": glob("torch.float32") + b"}b.",
    "calling a class of tensors": glob("torch.Tensor") + b"(J\xff\xff\xff\x7ftR.",
    "calling a storage": glob("torch.FloatStorage") + b"(J\xff\xff\xff\x7ftR.",
    "calling a result": b"](tR.",
    "new object of a builtin": glob("builtins.bytearray") + b")\x81.",
    "a large bytearray": glob("builtins.bytearray") + b"(J\xff\xff\xff\x7ftR.",
    "a codec": glob("_codecs.encode") + b"(" + text("a") + text("zlib_codec") + b"tR.",
    "items of a list": b"]K\x00K\x01s.",
    "appending to a function": glob(REBUILD) + b"K\x01a.",
    "dunder attributes": glob("collections.OrderedDict") + b")R}" + text("__class__") + b"Nsb.",
    "another reference": b"(" + text("module") + b"tQ.",
    "INST": b"(ios\nsystem\n.",
    "an extension code": b"\x82\x01.",
    "an empty stack": b"R.",
    "no end": b"]",
    "nothing": b"",
    "a missing storage": STORAGE + b".",
    "a nested key": b"}" + b")" + b"2\x86" * 60 + b"Ns.",
    "a nested element": glob("builtins.set") + b"]" + b")" + b"2\x86" * 60 + b"a\x85R.",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles_raise(case):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        cnn.load(archive_of(b"\x80\x02" + HOSTILE[case]))


def test_hostile_pickles_change_nothing():
    before = dict(cnn.Tensor.__dict__)
    for body in HOSTILE.values():
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            cnn.load(archive_of(b"\x80\x02" + body))
    assert dict(cnn.Tensor.__dict__) == before


@pytest.mark.parametrize(
    "offset, size, stride",
    [(0, "K\x05\x85", "K\x01\x85"), (1, "K\x04\x85", "K\x01\x85"), (0, "K\x02\x85", "K\x04\x85")]
    + [(0, "K\x02\x85", "K\x01K\x01\x86"), (0, "J\xff\xff\xff\xff\x85", "K\x01\x85")]
    + [(0, "\x8a\x09" + "\xff" * 8 + "\x00\x85", "K\x00\x85"), (9, "K\x00\x85", "K\x01\x85")],
)
def test_views_outside_the_storage_raise(offset, size, stride):
    layout = f"K{chr(offset)}{size}{stride}".encode("latin1")
    body = glob(REBUILD) + b"(" + STORAGE + layout + b"\x89)tR."
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        cnn.load(archive_of(b"\x80\x02" + body, [bytes(16)]))


def test_storage_of_another_size_raises():
    body = b"\x80\x02" + glob(REBUILD) + b"(" + STORAGE + b"K\x00K\x04\x85K\x01\x85\x89)tR."
    assert same(cnn.load(archive_of(body, [bytes(16)])), cnn.zeros(4))
    for size in (0, 12, 20):
        with pytest.raises(RuntimeError, match="wrong byte size"):
            cnn.load(archive_of(body, [bytes(size)]))


# Damage -------------------------------------------------------------------------------------------


def checkpoint():
    values = cnn.arange(128.0).sin()
    state = collections.OrderedDict(
        weight=values.view(16, 8), bias=cnn.nn.Parameter(values[:16] / 3), steps=cnn.tensor(7)
    )
    state["view"] = state["weight"][2:5, ::2]
    return {"model": state, "epoch": 3, "lr": [0.1, 0.01], "name": "run", "mask": cnn.ones(5) > 0}


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


# Pickle and copy ----------------------------------------------------------------------------------


def test_plain_pickle():
    x = cnn.arange(6.0).view(2, 3)
    x.note = "kept"
    for obj in (x.t(), cnn.nn.Parameter(x), cnn.ones(2, requires_grad=True), x[1], cnn.empty(0, 3)):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert same(pickle.loads(pickle.dumps(obj, protocol)), obj)
    assert pickle.loads(pickle.dumps(x)).note == "kept"


def test_deepcopy_keeps_views_views():
    x = cnn.arange(6.0)
    x.note = [1]
    a, b, c = copy.deepcopy([x, x[2:4], x])
    assert same([a, b], [x, x[2:4]]) and a is c and a.note == [1] and a.note is not x.note
    a[2] = 9
    assert b[0] == 9 and x[2] == 2


def test_deepcopy_of_leaves_only():
    leaf = cnn.ones(2, requires_grad=True)
    (leaf * 3).sum().backward()
    twin = copy.deepcopy(leaf)
    assert same(twin, leaf) and same(twin.grad, leaf.grad) and twin.grad is not leaf.grad
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(leaf * 2)


def test_storages():
    x = cnn.arange(3.0)
    memory = cnn.storage.typed_storage(x)
    assert isinstance(memory, cnn.storage.TypedStorage) and memory.tolist() == [0, 1, 2]
    assert len(memory) == 3 and memory[1] == 1 and memory.nbytes() == 12
    memory[1] = 7
    assert x[1] == 7
    result = round_trip([memory, x])
    assert result[0].tolist() == [0, 7, 2] and same(result[1], x)
    result[0][0] = 5
    assert result[1][0] == 5
    assert repr(memory).endswith(
        "[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 3]"
    )
    assert cnn.storage.FloatStorage([1, 2]).tolist() == [1, 2]


def test_import_is_light():
    source = pathlib.Path(serialization.__file__).read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert top == ["from __future__ import annotations", "import os"]
