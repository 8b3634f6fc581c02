"""Reading checkpoints: the zip format, and the pickle stream that PyTorch wrote before 1.6."""

from __future__ import annotations

import io
import pickle
import sys

from .. import _C, serialization, storage
from . import names, settings
from .archive import ArchiveReader, _is_zipfile, fill, length_of
from .pickling import CallerCode, WeightsUnpickler, unpickler_for
from .placing import _get_restore_location

__all__ = ["load_from_file"]

_MOST_ELEMENTS = 2**63 - 1
_NEWEST_VERSION = 10  # of the archive format, in its member `version`

_ADVICE = (
    "Weights only load failed. {cause}\n"
    "If you trust where the file came from, either admit what it needs (see above), or load it "
    "with "
    "`weights_only=False`, which lets the file run any code."
)


def load_from_file(file, mapped, map_location, pickle_module, weights_only, options):
    """The object in `file`. `mapped`: its storages are maps of the file, which has a descriptor."""
    caller_code = CallerCode()
    place = _Placement(map_location, caller_code)
    size = length_of(file)
    make = _unpickler_maker(pickle_module, weights_only, options, size, caller_code)
    if _is_zipfile(file):
        return _load_archive(file, mapped, place, make)
    if mapped:
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True)`, please torch.save your checkpoint "
            "with this option in order to use mmap."
        )
    return _load_stream(file, place, make)


def _unpickler_maker(pickle_module, weights_only, options, size, caller_code):
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
        reader = WeightsUnpickler(file, load_storage, safe, size, caller_code, encoding="utf-8")
        try:
            return reader.load()
        except Exception as error:
            if error is caller_code.error or not _is_of_the_pickle(error):
                raise
            if isinstance(error, pickle.UnpicklingError):
                raise pickle.UnpicklingError(_ADVICE.format(cause=error)) from None
            what = f"{type(error).__name__}: {error}"
            cause = f"The pickle is damaged, or is not one of weights ({what})."
            raise pickle.UnpicklingError(_ADVICE.format(cause=cause)) from error

    return load_weights


def _is_of_the_pickle(error):
    """Whether it tells of a damaged or hostile pickle, not of the file or what it refers to."""
    if isinstance(error, RecursionError):
        return True
    return not isinstance(error, (RuntimeError, OSError))


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
            path = ".".join(names.torch_path(entry) or (entry.__module__, entry.__qualname__))
        paths[path] = entry
    return paths


class _Placement:
    """`map_location` as one function: where a storage that was saved at some place goes."""

    def __init__(self, map_location, caller_code):
        plain = map_location is None or isinstance(map_location, (str, dict, _C.device))
        if not plain and not callable(map_location):
            raise TypeError(
                "map_location: expected None, a device, a string, a dict or a function, got "
                f"{type(map_location).__name__}"
            )
        if not plain:  # a device can be called, too
            function = map_location

            def map_location(untyped, location):
                return caller_code(function, untyped, location)

        self._restore = _get_restore_location(map_location)

    def __call__(self, untyped, location):
        placed = self._restore(untyped, location)
        return placed._untyped_storage if isinstance(placed, storage.TypedStorage) else placed


def _described(saved_id):
    """(dtype, key, place, number of elements) of a reference to a storage, each checked."""
    if type(saved_id) is not tuple or len(saved_id) not in (5, 6) or not _is_word(saved_id[0]):
        raise pickle.UnpicklingError("a reference that is not to a storage")
    _, kind, key, location, count = saved_id[:5]
    key, location = (
        part.decode("latin1") if type(part) is bytes else part for part in (key, location)
    )
    if kind is storage.UntypedStorage:
        dtype = _C.uint8
    elif isinstance(kind, type) and issubclass(kind, storage.TypedStorage):
        dtype = getattr(kind, "_dtype", None)
    else:
        dtype = None
    if dtype is None or type(key) is not str or type(location) is not str or type(count) is not int:
        raise pickle.UnpicklingError("a damaged reference to a storage")
    if count < 0 or count > _MOST_ELEMENTS:
        raise RuntimeError("a storage of a size that none can have")
    return dtype, key, location, count


def _is_word(part, word="storage"):
    return type(part) in (str, bytes) and part in (word, word.encode())


class _Storages(dict):
    """{key: storage, number of elements} of what has been referred to."""

    def find(self, key, dtype, count):
        """The storage; None before the first reference. Every reference must describe it alike."""
        found, size = self.get(key, (None, None))
        if found is not None and (found.dtype != dtype or size != count):
            raise pickle.UnpicklingError(
                f"storage {key[:20]} is referred to with two dtypes or two sizes"
            )
        return found

    def keep(self, key, memory, dtype, count):
        """`memory` as the storage of that key."""
        self[key] = storage.TypedStorage(wrap_storage=memory, dtype=dtype), count
        return self[key][0]


def _load_archive(file, mapped, place, make):
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise RuntimeError(
            "the file is a TorchScript archive, which holds code; save the model's state_dict() "
            "with PyTorch instead"
        )
    version = archive.read("version").strip()
    if not version.isdigit() or len(version) > 9 or int(version) > _NEWEST_VERSION:
        raise RuntimeError(
            f"the file's format version is {version[:20]!r}, newer than {_NEWEST_VERSION}, which "
            "is read here"
        )
    if _byte_order(archive) != sys.byteorder:
        raise RuntimeError(f"the file's byte order is not this machine's, {sys.byteorder}")
    whole = _mapped(file) if mapped else None
    loaded = _Storages()

    def load_storage(saved_id):
        dtype, key, location, count = _described(saved_id)
        found = loaded.find(key, dtype, count)
        if found is not None:
            return found
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
        return loaded.keep(key, place(memory, location), dtype, count)

    return make(io.BytesIO(archive.read("data.pkl")), load_storage)


def _byte_order(archive):
    if "byteorder" in archive:
        return archive.read("byteorder").decode("latin1")
    presumed = settings.get_default_load_endianness()
    if presumed in (None, settings.LoadEndianness.NATIVE):
        return sys.byteorder
    return presumed.name.lower()


def _mapped(file):
    """The file's bytes, copy-on-write: tensors may be written to, the file never changes."""
    import mmap

    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def unsafe_globals(file):
    """The paths that a checkpoint names and that reading weights does not admit."""
    import pickletools

    if not _is_zipfile(file):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise ValueError(
            "Expected input to be a checkpoint returned by torch.save but got a torchscript "
            "checkpoint"
        )
    admitted = names.admitted().keys() | _safe_globals_by_path().keys()
    found, texts, memo = {}, [], {}
    for opcode, value, _ in pickletools.genops(archive.read("data.pkl")):
        if opcode.name == "GLOBAL":
            found[value.replace(" ", ".")] = None
        elif opcode.name == "STACK_GLOBAL":
            found[".".join(texts[-2:])] = None
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else None
        elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[value] = texts[-1] if texts else None
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET") and memo.get(value) is not None:
            texts.append(memo[value])
        elif isinstance(value, str):
            texts.append(value)
    return [path for path in found if path not in admitted]


def _mapped_storage(whole, start, size):
    """A storage over `size` bytes of the map, which stays open as long as the storage."""
    import numpy

    part = numpy.frombuffer(whole, numpy.uint8, size, start)
    return _C.from_numpy(part).untyped_storage()


class _Within:
    """A file, whose reads ask for no more than it has left: a pickle can claim any length."""

    def __init__(self, file):
        self._file = file
        self._end = file.tell() + length_of(file)
        for name in ("tell", "seek", "readline", "readinto"):
            setattr(self, name, getattr(file, name))

    def read(self, size):
        return self._file.read(max(0, min(size, self._end - self._file.tell())))


def _load_stream(file, place, make):
    """The older format: pickles in a row, then counts and bytes of storages, without checksums."""
    reader = (
        file if hasattr(file, "readline") and hasattr(file, "readinto") else io.BytesIO(file.read())
    )
    if isinstance(reader, io.RawIOBase):
        reader = io.BufferedReader(reader)
    try:
        return _read_stream(_Within(reader), place, make)
    finally:
        if isinstance(file, io.RawIOBase):
            reader.detach()


def _read_stream(reader, place, make):
    def no_storage(saved_id):
        raise pickle.UnpicklingError("a reference to a storage where none can be")

    try:
        magic = make(reader, no_storage)
    except Exception as error:
        if isinstance(error, (RuntimeError, OSError)):
            raise
        raise pickle.UnpicklingError(
            "the file is neither a zip archive nor a pickle stream as PyTorch writes them: it is "
            f"damaged, or no checkpoint ({error})"
        ) from None
    if magic != serialization.MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = make(reader, no_storage)
    if version != serialization.PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version}")
    system = make(reader, no_storage)
    if not isinstance(system, dict) or system.get("little_endian") is not (
        sys.byteorder == "little"
    ):
        raise RuntimeError(f"the file's byte order is not this machine's, {sys.byteorder}")

    rest = length_of(reader)
    loaded = _Storages()

    def load_storage(saved_id):
        nonlocal rest
        if type(saved_id) is tuple and len(saved_id) > 1 and _is_word(saved_id[0], "module"):
            return saved_id[1]  # a class with its source text, which is not compared
        dtype, key, location, count = _described(saved_id)
        if len(saved_id) == 6 and saved_id[5] is not None:
            raise RuntimeError(
                "storages that are views of others, as PyTorch 0.3 wrote them, are not read; save "
                "again with a newer one"
            )
        found = loaded.find(key, dtype, count)
        if found is not None:
            return found
        rest -= count * dtype.itemsize
        if rest < 0:
            raise RuntimeError("the file is shorter than its storages; corrupt file?")
        memory = storage.UntypedStorage(count * dtype.itemsize)
        # The bytes come after the pickle that builds the tensors, so they have to stay where they
        # are read.
        if place(memory, location) is not memory:
            raise NotImplementedError(
                "a file of the format before PyTorch 1.6 is only read to the CPU, not to "
                f"{location}: pass map_location='cpu', then move what was loaded"
            )
        return loaded.keep(key, memory, dtype, count)

    result = make(reader, load_storage)
    keys = make(reader, no_storage)
    if type(keys) is list:
        keys = [part.decode("latin1") if type(part) is bytes else part for part in keys]
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise RuntimeError("the list of storages is no list of names; corrupt file?")
    if sorted(keys) != sorted(loaded):
        raise RuntimeError(
            "the list of storages does not match the references to them; corrupt file?"
        )
    for key in keys:
        count = int.from_bytes(reader.read(8), "little")
        held, expected = loaded[key]
        if count != expected or not fill(reader, storage.storage_bytes(held.untyped())):
            raise RuntimeError("a storage is shorter than it should be; corrupt file?")
    return result
