"""`save` and `load`: PyTorch's checkpoint files, both ways.

A file is a zip archive: `data.pkl`, a pickle in which every storage is a reference, and `data/0`,
`data/1`, ..., the storages' bytes. What is written opens with `torch.load`; what PyTorch writes
opens here.
"""

from __future__ import annotations

import os

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "remove_safe_globals",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
]

DEFAULT_PROTOCOL = 2
STORAGE_KEY_SEPARATOR = ","
UNSAFE_MESSAGE = (
    "`weights_only=True` admits tensors and plain values only. `weights_only=False` may run any "
    "code that the file holds: do it only if you got the file from a trusted source."
)

# Names that come at first use, and the files where they are.
_LATER = {
    "_is_zipfile": "archive",
    **dict.fromkeys(
        (
            "_get_restore_location",
            "_package_registry",
            "default_restore_location",
            "location_tag",
            "register_package",
            "validate_cuda_device",
        ),
        "placing",
    ),
    **dict.fromkeys(
        (
            "FileLike",
            "MAP_LOCATION",
            "STORAGE",
            "LoadEndianness",
            "get_crc32_options",
            "set_crc32_options",
            "skip_data",
            "get_default_load_endianness",
            "get_default_mmap_options",
            "set_default_load_endianness",
            "set_default_mmap_options",
        ),
        "settings",
    ),
}

# What begins a file in the format before PyTorch 1.6.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

_safe_globals = []


def add_safe_globals(safe_globals):
    """Lets `load(weights_only=True)` admit classes and functions, or pairs (object, "its.path")."""
    for entry in safe_globals:
        if entry not in _safe_globals:
            _safe_globals.append(entry)


def remove_safe_globals(safe_globals):
    """Undoes `add_safe_globals` for these entries."""
    _safe_globals[:] = [entry for entry in _safe_globals if entry not in safe_globals]


def clear_safe_globals():
    """Undoes every `add_safe_globals`."""
    _safe_globals.clear()


def get_safe_globals():
    """What `add_safe_globals` has added, as a list."""
    return list(_safe_globals)


class safe_globals:
    """Context manager: `add_safe_globals(entries)` inside, gone again afterwards."""

    def __init__(self, safe_globals):
        self._entries = list(safe_globals)

    def __enter__(self):
        self._new = [entry for entry in self._entries if entry not in _safe_globals]
        add_safe_globals(self._new)

    def __exit__(self, *exc_info):
        remove_safe_globals(self._new)


def save(
    obj,
    f,
    pickle_module=None,
    pickle_protocol=DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization=True,
):
    """Writes `obj` to a path or to a file object with `write`, in PyTorch's zip format.

    Tensors that share memory share it after loading. A path is written atomically: whatever
    happens, it holds the whole old file or the whole new one. A file object only needs `write`.
    With a `pickle_module` other than Python's own, classes of this package may be stored under
    their own names, which PyTorch does not know.
    """
    from . import writing

    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "save: the format before PyTorch 1.6 is only read; leave "
            "_use_new_zipfile_serialization=True"
        )
    if _is_path(f):
        writing.save_to_path(obj, os.fspath(f), pickle_module, pickle_protocol)
    elif hasattr(f, "write"):
        writing.save_to_file(obj, f, "archive", pickle_module, pickle_protocol)
    else:
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args
):
    """Reads what `save` or PyTorch wrote, from a path or from a seekable file at its position.

    `map_location`: None, a device, its name, a dict {saved name: name}, or a function (storage,
    saved name) -> storage or None. `weights_only` (default True): admits tensors, plain containers
    and what `add_safe_globals` allows; everything else raises pickle.UnpicklingError. With False
    the file may run any code. `mmap=True` maps a path copy-on-write instead of copying it.
    Checksums are verified before anything is returned: a damaged file raises RuntimeError.
    """
    from . import reading

    weights_only = _weights_only(weights_only, pickle_module)
    if not _is_path(f):
        if mmap:
            raise ValueError("f must be a file path in order to use the mmap argument")
        _check_seekable(f)
        file, path = f, None
    else:
        path = os.fspath(f)
        file = open(path, "rb", buffering=0)
    try:
        return reading.load_from_file(
            file, bool(mmap), map_location, pickle_module, weights_only, pickle_load_args
        )
    finally:
        if path is not None:
            file.close()


def _get_layout(name):
    """The layout whose printed form is `name`: files store it as a call of this."""
    from .. import _C

    if type(name) is not str or name != str(_C.strided):
        raise RuntimeError("there is no such layout here")
    return _C.strided


def _weights_only(given, pickle_module):
    """The mode asked for by argument, environment (the variables that PyTorch reads) or default."""

    def is_set(name):
        return os.environ.get(name, "0").lower() in ("1", "y", "yes", "true")

    forced = is_set("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    forbidden = is_set("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if forced and forbidden:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    if forced:
        given = True
    elif given is None:
        given = not forbidden and pickle_module is None
    if given and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return given


def _check_seekable(file):
    for name in ("seek", "tell", "read"):
        if not hasattr(file, name):
            raise AttributeError(
                f"'{type(file).__name__}' object has no attribute '{name}'. You can only "
                "torch.load from a file that is seekable. Please pre-load the data into a buffer "
                "like io.BytesIO and try to load from it instead."
            )
    file.seek(file.tell())


def get_unsafe_globals_in_checkpoint(f):
    """The classes and functions that a file names and that `load(weights_only=True)` refuses."""
    from . import reading

    if not _is_path(f):
        return reading.unsafe_globals(f)
    with open(f, "rb") as file:
        return reading.unsafe_globals(file)


def _is_path(name_or_buffer):
    return isinstance(name_or_buffer, (str, os.PathLike))


class SourceChangeWarning(Warning):
    """What PyTorch warns with when a class's source is not that of the file; here it is not
    compared.
    """


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether a module's `__version__` is at least that; RuntimeError if it cannot be compared, or
    a warning and True.
    """
    try:
        parts = module.__version__.split(".")
        version = tuple(type(want)(parts[i]) for i, want in enumerate(req_version_tuple))
        return version >= req_version_tuple
    except Exception as error:
        message = (
            f"'{module.__name__}' module version string is malformed '{module.__version__}' and "
            f"cannot be compared with tuple {req_version_tuple}"
        )
        if error_if_malformed:
            raise RuntimeError(message) from error
        import warnings

        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True


def storage_to_tensor_type(storage):
    """The class of tensors of a typed storage's dtype: `cnn.FloatTensor`."""
    from .. import _C

    name = normalize_storage_type(type(storage)).__name__
    return getattr(_C, name.replace("Storage", "Tensor"))


def validate_hpu_device(location):
    """Raises RuntimeError: there is no such device."""
    raise RuntimeError(f"Attempting to deserialize object on {location}: there is no such device")


def normalize_storage_type(storage_type):
    """The class of typed storages that has the name of `storage_type`."""
    from .. import storage

    return getattr(storage, storage_type.__name__)


def __getattr__(name):
    if name in _LATER:
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        globals()[name] = value
        return value
    from .._absent import absent

    raise absent(__name__, name)
