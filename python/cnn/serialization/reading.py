"""Reading checkpoints: the zip format, and the pickle stream that PyTorch wrote before 1.6."""

from __future__ import annotations

import io
import pickle
import sys

from cnn import _C, serialization, storage
from cnn.serialization.archive import ArchiveReader, is_archive
from cnn.serialization.pickling import WeightsUnpickler, unpickler_for

__all__ = ["load_from_file"]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_NEWEST_VERSION = 10  # of the archive format, in its member `version`

_ADVICE = (
    "Weights only load failed. {cause}\n"
    "If you trust where the file came from, either admit what it needs (see above), or load it "
    "with "
    "`weights_only=False`, which lets the file run any code."
)

# What a damaged or hostile pickle makes the pickle machine raise.
_PICKLE_ERRORS = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)


def load_from_file(file, mapped_path, map_location, pickle_module, weights_only, options):
    """The object in `file`; `mapped_path` is the file's path if it is to be mapped, else None."""
    place = _Placement(map_location)
    make = _unpickler_maker(pickle_module, weights_only, options)
    if is_archive(file):
        return _load_archive(file, mapped_path, place, make)
    if mapped_path is not None:
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True)`, please torch.save your checkpoint "
            "with this option in order to use mmap."
        )
    return _load_stream(file, place, make)


def _unpickler_maker(pickle_module, weights_only, options):
    """A function (file, load_storage) -> the object in the pickle."""
    if not weights_only:
        options.setdefault("encoding", "utf-8")
        kind = unpickler_for(pickle_module)
        return lambda file, load_storage: kind(file, load_storage, **options).load()
    if options:
        import warnings

        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=4)
    safe = _safe_globals_by_path()

    def load_weights(file, load_storage):
        try:
            return WeightsUnpickler(file, load_storage, safe, encoding="utf-8").load()
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_ADVICE.format(cause=error)) from None
        except _PICKLE_ERRORS as error:
            what = f"{type(error).__name__}: {error}"
            cause = f"The pickle is damaged, or is not one of weights ({what})."
            raise pickle.UnpicklingError(_ADVICE.format(cause=cause)) from error

    return load_weights


def _safe_globals_by_path():
    paths = {}
    for entry in serialization.get_safe_globals():
        if isinstance(entry, tuple):
            if len(entry) != 2:
                raise ValueError(
                    "Expected tuple of length 2 (global, str of callable full path), but got "
                    f"tuple of length: {len(entry)}"
                )
            entry, path = entry
            if type(path) is not str:
                raise TypeError(
                    "Expected second item in tuple to be str of callable full path, but got: "
                    f"{type(path)}"
                )
        else:
            from cnn.serialization import names

            path = ".".join(names.torch_path(entry) or (entry.__module__, entry.__qualname__))
        paths[path] = entry
    return paths


class _Placement:
    """`map_location` as one function: where a storage that was saved at some place goes."""

    def __init__(self, map_location):
        self._map = map_location
        if map_location is None or callable(map_location) or isinstance(map_location, (str, dict)):
            return
        if not isinstance(map_location, _C.device):
            raise TypeError(
                "map_location: expected None, a device, a string, a dict or a function, got "
                f"{type(map_location).__name__}"
            )

    def __call__(self, untyped, location):
        if self._map is None:
            return _move(untyped, location)
        if isinstance(self._map, dict):
            return _move(untyped, self._map.get(location, location))
        if callable(self._map):
            placed = self._map(untyped, location)
            if placed is None:
                return _move(untyped, location)
            return placed._untyped_storage if isinstance(placed, storage.TypedStorage) else placed
        return _move(untyped, str(self._map))


def _move(untyped, location):
    """`untyped`, which is on the CPU, moved to the device called `location`."""
    location = str(location)
    if location == "cpu":
        return untyped
    device = _C.device(location)
    if device.type == "cuda":
        _check_cuda(device)
    if device.type == "cpu":
        return untyped
    whole = _C._rebuild_tensor(untyped, _C.uint8, 0, (untyped.nbytes(),), (1,))
    return whole.to(device).untyped_storage()


def _check_cuda(device):
    if not _C._cuda_is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    count = _C._cuda_device_count()
    if device.index is not None and device.index >= count:
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {device.index} but "
            f"torch.cuda.device_count() is {count}. Please use torch.load with map_location to map "
            "your storages to an existing device."
        )


def _described(saved_id):
    """(dtype, key, place, number of elements) of a reference to a storage, each checked."""
    if len(saved_id) not in (5, 6) or saved_id[0] not in ("storage", b"storage"):
        raise pickle.UnpicklingError("a reference that is not to a storage")
    _, kind, key, location, count = saved_id[:5]
    key, location = (
        part.decode("ascii") if type(part) is bytes else part for part in (key, location)
    )
    if kind is storage.UntypedStorage:
        dtype = _C.uint8
    elif isinstance(kind, type) and issubclass(kind, storage.TypedStorage):
        dtype = getattr(kind, "_dtype", None)
    else:
        dtype = None
    if dtype is None or type(key) is not str or type(location) is not str or type(count) is not int:
        raise pickle.UnpicklingError("a damaged reference to a storage")
    return dtype, key, location, count


def _load_archive(file, mapped_path, place, make):
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise RuntimeError(
            "the file is a TorchScript archive, which holds code; save the model's state_dict() "
            "with PyTorch instead"
        )
    version = archive.read("version").strip()
    if not version.isdigit() or int(version) > _NEWEST_VERSION:
        raise RuntimeError(
            f"the file's format version is {version!r}, newer than {_NEWEST_VERSION}, which is "
            "read here"
        )
    if "byteorder" in archive and archive.read("byteorder").decode("latin1") != sys.byteorder:
        raise RuntimeError(f"the file's byte order is not this machine's, {sys.byteorder}")
    whole = _mapped(mapped_path) if mapped_path is not None else None
    loaded = {}

    def load_storage(saved_id):
        dtype, key, location, count = _described(saved_id)
        if key not in loaded:
            name = f"data/{key}"
            size = archive.size(name)
            if count * dtype.itemsize != size:
                raise RuntimeError(
                    f"storage has wrong byte size: expected {count * dtype.itemsize} got {size}"
                )
            if whole is None or not size:
                memory = storage.UntypedStorage(size)
                archive.read_into(name, storage.storage_bytes(memory))
            else:
                memory = _mapped_storage(whole, archive.locate(name, whole), size)
            loaded[key] = storage.TypedStorage(wrap_storage=place(memory, location), dtype=dtype)
        elif loaded[key].dtype != dtype:
            raise pickle.UnpicklingError(f"storage {key} is referred to with two dtypes")
        return loaded[key]

    return make(io.BytesIO(archive.read("data.pkl")), load_storage)


def _mapped(path):
    """The file's bytes, copy-on-write: tensors may be written to, the file never changes."""
    import mmap

    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _mapped_storage(whole, start, size):
    """A storage over `size` bytes of the map, which stays open as long as the storage."""
    import numpy

    part = numpy.frombuffer(whole, numpy.uint8, size, start)
    return _C.from_numpy(part).untyped_storage()


def _load_stream(file, place, make):
    """The older format: pickles in a row, then counts and bytes of storages, without checksums."""
    reader = (
        file if hasattr(file, "readline") and hasattr(file, "readinto") else io.BytesIO(file.read())
    )
    if isinstance(reader, io.RawIOBase):
        reader = io.BufferedReader(reader)
    try:
        return _read_stream(reader, place, make)
    finally:
        if isinstance(file, io.RawIOBase):
            reader.detach()


def _read_stream(reader, place, make):
    def no_storage(saved_id):
        raise pickle.UnpicklingError("a reference to a storage where none can be")

    try:
        magic = make(reader, no_storage)
    except (pickle.UnpicklingError, *_PICKLE_ERRORS) as error:
        raise pickle.UnpicklingError(
            "the file is neither a zip archive nor a pickle stream as PyTorch writes them: it is "
            f"damaged, or no checkpoint ({error})"
        ) from None
    if magic != _MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = make(reader, no_storage)
    if version != _PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = make(reader, no_storage)
    if not isinstance(system, dict) or system.get("little_endian") is not (
        sys.byteorder == "little"
    ):
        raise RuntimeError(f"the file's byte order is not this machine's, {sys.byteorder}")

    start = reader.tell()
    rest = reader.seek(0, 2) - start
    reader.seek(start)
    loaded = {}

    def load_storage(saved_id):
        nonlocal rest
        if saved_id[0] in ("module", b"module"):
            return saved_id[1]  # a class with its source text, which is not compared
        dtype, key, location, count = _described(saved_id)
        if len(saved_id) == 6 and saved_id[5] is not None:
            raise RuntimeError(
                "storages that are views of others, as PyTorch 0.3 wrote them, are not read; save "
                "again with a newer one"
            )
        if key not in loaded:
            rest -= count * dtype.itemsize
            if count < 0 or rest < 0:
                raise RuntimeError("the file is shorter than its storages; corrupt file?")
            memory = storage.UntypedStorage(count * dtype.itemsize)
            # The bytes come after the pickle that builds the tensors, so they have to stay where
            # they are read.
            if place(memory, location) is not memory:
                raise NotImplementedError(
                    "a file of the format before PyTorch 1.6 is only read to the CPU, not to "
                    f"{location}: pass map_location='cpu', then move what was loaded"
                )
            loaded[key] = storage.TypedStorage(wrap_storage=memory, dtype=dtype)
        return loaded[key]

    result = make(reader, load_storage)
    keys = make(reader, no_storage)
    if sorted(keys) != sorted(loaded):
        raise RuntimeError(
            "the list of storages does not match the references to them; corrupt file?"
        )
    for key in keys:
        count = int.from_bytes(reader.read(8), "little")
        view = storage.storage_bytes(loaded[key].untyped())
        if count * loaded[key].dtype.itemsize != len(view) or reader.readinto(view) != len(view):
            raise RuntimeError("a storage is shorter than it should be; corrupt file?")
    return result
