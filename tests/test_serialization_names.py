"""Places of storages, byte order, mapped files and other names of `serialization`."""

import io
import mmap
import types
import zipfile

import pytest

import cnn
from cnn import serialization


def test_places_and_their_tags():
    memory = cnn.ones(2).untyped_storage()
    assert serialization.location_tag(memory) == "cpu"
    assert serialization.location_tag(cnn.ones(2, device="meta").untyped_storage()) == "meta"
    assert serialization.default_restore_location(memory, "cpu") is memory
    moved = serialization.default_restore_location(memory, "meta")
    assert moved.device.type == "meta" and moved.nbytes() == 8
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        serialization.default_restore_location(memory, "moon:0")
    to = serialization._get_restore_location({"moon:0": "cpu"})
    assert to(memory, "moon:0") is memory
    with pytest.raises(RuntimeError, match="don't know how to determine data location"):
        serialization.location_tag(types.SimpleNamespace(device=types.SimpleNamespace(type="moon")))


def test_a_place_of_ones_own():
    def tagger(memory):
        return "moon" if memory.nbytes() == 12 else None

    def deserializer(memory, location):
        return memory if location == "moon" else None

    entries = list(serialization._package_registry)
    serialization.register_package(5, tagger, deserializer)
    try:
        file = io.BytesIO()
        cnn.save(cnn.ones(3), file)
        assert b"moon" in file.getvalue()
        file.seek(0)
        assert cnn.load(file).tolist() == [1, 1, 1]
    finally:
        serialization._package_registry[:] = entries
    file.seek(0)
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        cnn.load(file)
    file.seek(0)
    assert cnn.load(file, map_location="cpu").tolist() == [1, 1, 1]


def without_byte_order():
    written, result = io.BytesIO(), io.BytesIO()
    cnn.save(cnn.ones(3), written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(result, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith("byteorder"):
                target.writestr(entry.filename, source.read(entry))
    result.seek(0)
    return result


def test_the_byte_order_of_a_file_that_has_none():
    order = serialization.LoadEndianness
    assert serialization.get_default_load_endianness() is None
    with pytest.raises(TypeError, match="Invalid argument type"):
        serialization.set_default_load_endianness("little")
    try:
        for given in (None, order.NATIVE, order.LITTLE):
            serialization.set_default_load_endianness(given)
            assert serialization.get_default_load_endianness() is given
            assert cnn.load(without_byte_order()).tolist() == [1, 1, 1]
        serialization.set_default_load_endianness(order.BIG)
        with pytest.raises(RuntimeError, match="byte order"):
            cnn.load(without_byte_order())
    finally:
        serialization.set_default_load_endianness(None)


def test_mapped_files_do_not_change(tmp_path):
    path = tmp_path / "w.pt"
    cnn.save(cnn.zeros(3), path)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with serialization.set_default_mmap_options(mmap.MAP_PRIVATE):
        cnn.load(path, mmap=True).fill_(5)
    assert cnn.load(path, mmap=True).tolist() == [0, 0, 0]
    with pytest.raises(NotImplementedError, match="MAP_SHARED"):
        serialization.set_default_mmap_options(mmap.MAP_SHARED)
    with pytest.raises(ValueError, match="expected mmap.MAP_PRIVATE"):
        serialization.set_default_mmap_options(77)


class Mine:
    pass


@pytest.mark.parametrize("protocol", [2, 4])
def test_globals_that_weights_do_not_have(protocol, tmp_path):
    path = tmp_path / "mine.pt"
    cnn.save([cnn.ones(1), Mine(), Mine()], path, pickle_protocol=protocol)
    name = f"{Mine.__module__}.Mine"
    found = serialization.get_unsafe_globals_in_checkpoint(path)
    assert name in found and not any(path.startswith("torch") for path in found)
    with serialization.safe_globals([Mine]):
        assert name not in serialization.get_unsafe_globals_in_checkpoint(path)
    with pytest.raises(ValueError, match="checkpoint returned by torch.save"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(b"no zip"))


def test_versions_of_modules():
    at_least = serialization.check_module_version_greater_or_equal
    module = types.SimpleNamespace(__name__="m", __version__="1.10.2")
    assert at_least(module, (1, 9)) and not at_least(module, (1, 11))
    module.__version__ = "new"
    with pytest.raises(RuntimeError, match="malformed 'new'"):
        at_least(module, (1, 9))
    with pytest.warns(UserWarning, match="assuming that requirement is met"):
        assert at_least(module, (1, 9), error_if_malformed=False)


def test_the_rest():
    assert serialization._is_zipfile(without_byte_order())
    assert (
        serialization.normalize_storage_type(cnn.storage.FloatStorage) is cnn.storage.FloatStorage
    )
    assert issubclass(serialization.SourceChangeWarning, Warning)
    for name in serialization.__all__:
        assert getattr(serialization, name).__module__ == "cnn.serialization"


def test_records_one_by_one(tmp_path):
    path = tmp_path / "x.pt"
    x = cnn.arange(6, dtype=cnn.float64)
    cnn.save({"x": x}, path)
    with open(path, "rb") as file:
        for reader in (cnn.PyTorchFileReader(str(path)), cnn.PyTorchFileReader(file)):
            assert {"data.pkl", "data/0", "version"} <= set(reader.get_all_records())
            assert reader.has_record("data/0") and not reader.has_record("data/1")
            assert reader.get_record_size("data/0") == 48
            assert reader.get_record("data/0") == x.numpy().tobytes()
            start = reader.get_record_offset("data/0")
            assert path.read_bytes()[start : start + 48] == x.numpy().tobytes()
            found = reader.get_storage_from_record("data/0", 5, cnn.float64)
            assert found.tolist() == [0, 1, 2, 3, 4]
            with pytest.raises(RuntimeError, match="has 48 bytes"):
                reader.get_storage_from_record("data/0", 7, cnn.float64)
            with pytest.raises(RuntimeError, match="file not found"):
                reader.get_record("data/1")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RuntimeError):
        cnn.PyTorchFileReader(str(path))
