"""cnn.save and cnn.load: what comes back, and where it goes."""

from __future__ import annotations

import collections
import io
import pathlib
import pickle
import zipfile

import pytest

import cnn
from cnn import serialization
from saving import archive_of, round_trip, same, saved

DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()


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


def test_import_is_light():
    source = pathlib.Path(serialization.__file__).read_text()
    top = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert top == ["from __future__ import annotations", "import os"]
