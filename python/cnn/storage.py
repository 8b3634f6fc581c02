"""Storages as Python sees them: bytes (`UntypedStorage`) and bytes with a dtype (`FloatStorage` and
its kin).

A tensor needs no typed storage. They exist because PyTorch's files name one for every block of
memory, and because old code asks for `tensor.storage()`.
"""

from __future__ import annotations

import copyreg

from . import _C, _absent
from ._storage_methods import CONVERSIONS, conversion, from_buffer

__all__ = ["UntypedStorage", "TypedStorage", "storage_bytes", "typed_storage"]

UntypedStorage = _C.UntypedStorage

_NAMES = {
    "float64": "Double",
    "float32": "Float",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
    "int32": "Int",
    "int16": "Short",
    "int8": "Char",
    "uint8": "Byte",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


class _StorageBaseMeta(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, UntypedStorage)

    def __subclasscheck__(cls, kind):
        return issubclass(kind, UntypedStorage)


class _StorageBase(metaclass=_StorageBaseMeta):
    """What every untyped storage is an instance of."""


class TypedStorage:
    """A one-dimensional array of one dtype over an untyped storage, which it shares."""

    __slots__ = ("_untyped_storage", "dtype", "__weakref__")

    def __init__(self, *args, wrap_storage=None, dtype=None):
        if len(args) > 1 or (args and wrap_storage is not None):
            raise TypeError(f"{type(self).__name__}: expected a size, a sequence or wrap_storage")
        self.dtype = dtype or getattr(type(self), "_dtype", None) or _C.get_default_dtype()
        if wrap_storage is not None:
            self._untyped_storage = wrap_storage
        elif not args or isinstance(args[0], int):
            self._untyped_storage = UntypedStorage((args or (0,))[0] * self.dtype.itemsize)
        else:
            values = _C.tensor(list(args[0]), dtype=self.dtype)
            self._untyped_storage = values.untyped_storage()

    def untyped(self):
        """The bytes, shared."""
        return self._untyped_storage

    @property
    def device(self):
        return self._untyped_storage.device

    def element_size(self):
        return self.dtype.itemsize

    def nbytes(self):
        return self._untyped_storage.nbytes()

    def size(self):
        return self.nbytes() // self.dtype.itemsize

    __len__ = size

    def data_ptr(self):
        return self._untyped_storage.data_ptr()

    def _wrapped(self, untyped):
        """A storage of its dtype over other bytes."""
        return TypedStorage(wrap_storage=untyped, dtype=self.dtype)

    def _to(self, dtype):
        if not isinstance(dtype, _C.dtype):
            raise TypeError(f"Argument 'dtype' must be torch.dtype, not {type(dtype)}")
        values = self._tensor().to(dtype)
        if values.data_ptr() == self.data_ptr():
            values = values.clone()
        return typed_storage(values)

    def _get_legacy_storage_class(self):
        """The class whose name says its dtype and device; None for meta."""
        kind = STORAGE_OF_DTYPE.get(self.dtype)
        if kind is None or self.device.type == "cpu":
            return kind
        if self.device.type != "cuda":
            return None
        from .cuda import _storage_types

        return getattr(_storage_types, kind.__name__)

    def pickle_storage_type(self):
        """The name of that class."""
        return STORAGE_OF_DTYPE[self.dtype].__name__

    def type(self, dtype=None, non_blocking=False):
        """The name of its type, "torch.FloatStorage"; with a dtype or a class, a copy of that."""
        if dtype is None:
            return f"torch.{self.pickle_storage_type()}"
        return self._to(dtype if isinstance(dtype, _C.dtype) else dtype._dtype)

    @property
    def filename(self):
        """The file it maps and shares, or None."""
        return self._untyped_storage.filename

    @property
    def is_cuda(self):
        return self.device.type == "cuda"

    is_hpu = is_sparse = False

    def get_device(self):
        return self.device.index

    def cpu(self):
        return self._wrapped(self._untyped_storage.cpu())

    def cuda(self, device=None, non_blocking=False):
        return self._wrapped(self._untyped_storage.cuda(device))

    def hpu(self, device=None, non_blocking=False):
        return self._wrapped(self._untyped_storage.hpu(device))

    def to(self, *, device, non_blocking=False):
        """A copy on a device; over the same bytes, if it is there."""
        return self._wrapped(self._untyped_storage.to(device=device))

    def clone(self):
        return self._wrapped(self._untyped_storage.clone())

    __copy__ = clone

    def copy_(self, source, non_blocking=None):
        """Takes over the elements of another storage of its size, converted to its dtype."""
        if isinstance(source, TypedStorage):
            self._tensor().copy_(source._tensor())
        else:
            self._untyped_storage.copy_(source)
        return self

    def is_pinned(self, device="cuda"):
        return self._untyped_storage.is_pinned(device)

    def pin_memory(self, device="cuda"):
        return self._wrapped(self._untyped_storage.pin_memory(device))

    def is_shared(self):
        return self._untyped_storage.is_shared()

    def share_memory_(self):
        self._untyped_storage.share_memory_()
        return self

    def resizable(self):
        return self._untyped_storage.resizable()

    def resize_(self, size):
        self._untyped_storage.resize_(size * self.dtype.itemsize)

    @classmethod
    def from_buffer(cls, *args, dtype=None, device=None, **kwargs):
        """A copy of a buffer's elements; see UntypedStorage.from_buffer."""
        dtype = getattr(cls, "_dtype", None) or dtype or _C.get_default_dtype()
        untyped = from_buffer(*args, dtype=dtype, **kwargs)
        return TypedStorage(wrap_storage=untyped, dtype=dtype)

    @classmethod
    def from_file(cls, filename, shared=False, size=0):
        """`size` elements of a file, mapped; see UntypedStorage.from_file."""
        dtype = getattr(cls, "_dtype", None)
        if dtype is None:
            raise RuntimeError("from_file can only be called on derived classes")
        untyped = UntypedStorage.from_file(filename, shared, size * dtype.itemsize)
        return cls(wrap_storage=untyped)

    def __sizeof__(self):
        return super().__sizeof__() + self.nbytes()

    def _tensor(self):
        return _C._rebuild_tensor(self._untyped_storage, self.dtype, 0, (self.size(),), (1,))

    def __getitem__(self, index):
        if isinstance(index, slice):
            part = self._tensor()[index].untyped_storage()
            return TypedStorage(wrap_storage=part, dtype=self.dtype)
        return self._tensor()[index].item()

    def __setitem__(self, index, value):
        self._tensor()[index] = value

    def fill_(self, value):
        self._tensor().fill_(value)
        return self

    def tolist(self):
        return self._tensor().tolist()

    def __iter__(self):
        return iter(self.tolist())

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.data_ptr() == other.data_ptr()

    __hash__ = None

    def __repr__(self):
        values = "".join(f" {value}\n" for value in self.tolist())
        name = f"{self.__module__.replace('cnn', 'torch', 1)}.{type(self).__name__}"
        return f"{values}[{name}(dtype={self.dtype}, device={self.device}) of size {self.size()}]"

    def __deepcopy__(self, memo):
        return TypedStorage(
            wrap_storage=copy_storage(self._untyped_storage, memo), dtype=self.dtype
        )

    def __reduce__(self):
        return _typed_storage_from_bytes, (str(self.dtype), *_pickled(self._untyped_storage))


for _name in CONVERSIONS:
    setattr(TypedStorage, _name, conversion(_name))


class _LegacyStorageMeta(type):
    def __instancecheck__(cls, obj):
        """A storage of the class's dtype is an instance, whatever class it was made by."""
        if super().__instancecheck__(obj):
            return True
        return type(obj) is TypedStorage and obj.dtype == getattr(cls, "_dtype", None)


class _LegacyStorage(TypedStorage, metaclass=_LegacyStorageMeta):
    """A storage whose class gives its dtype, as `FloatStorage` does."""

    __slots__ = ()


def _make_typed_storages():
    """One class for each dtype there is: {dtype: class}."""
    classes = {}
    for name, prefix in _NAMES.items():
        dtype = getattr(_C, name, None)
        if dtype is None:
            continue
        body = {"__slots__": (), "__module__": "cnn", "_dtype": dtype}
        classes[dtype] = _LegacyStorageMeta(prefix + "Storage", (_LegacyStorage,), body)
    return classes


STORAGE_OF_DTYPE = _make_typed_storages()
globals().update({cls.__name__: cls for cls in STORAGE_OF_DTYPE.values()})
__all__ += [cls.__name__ for cls in STORAGE_OF_DTYPE.values()]


def _dtype_to_storage_type_map():
    """{dtype: the name of its class}"""
    return {dtype: cls.__name__ for dtype, cls in STORAGE_OF_DTYPE.items()}


def _storage_type_to_dtype_map():
    """{the name of a class: its dtype}"""
    return {cls.__name__: dtype for dtype, cls in STORAGE_OF_DTYPE.items()}


def _get_dtype_from_pickle_storage_type(pickle_storage_type):
    """The dtype of a class that a file names; KeyError where there is none."""
    try:
        return _storage_type_to_dtype_map()[pickle_storage_type]
    except KeyError:
        raise KeyError(f'pickle storage type "{pickle_storage_type}" is not recognized') from None


def _get_storage_from_sequence(sequence, dtype, device):
    """An untyped storage of the sequence's values."""
    return _C.tensor(list(sequence), dtype=dtype, device=device).untyped_storage()


def _load_from_bytes(b):
    """What a pickle of a storage made by PyTorch calls; it may run any code, as `load` then may."""
    import io

    from .serialization import load

    return load(io.BytesIO(b), weights_only=False)


_warned = _always_warn = False


def _warn_typed_storage_removal(stacklevel=2):
    """Warn, once or each time, that typed storages are of the past."""
    global _warned
    if _warned and not _always_warn:
        return
    import warnings

    _warned = True
    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be "
        "the only storage class. This should only matter to you if you are using storages "
        "directly. To access UntypedStorage directly, use tensor.untyped_storage() instead of "
        "tensor.storage()",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def _reset_warn_typed_storage_removal():
    global _warned
    _warned = False


def _get_always_warn_typed_storage_removal():
    return _always_warn


def _set_always_warn_typed_storage_removal(always_warn):
    global _always_warn
    if not isinstance(always_warn, bool):
        raise AssertionError(f"always_warn must be bool, got {type(always_warn)}")
    _always_warn = always_warn


def typed_storage(tensor):
    """The storage of `tensor`, shared, with its dtype."""
    return TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype)


def storage_bytes(storage):
    """The bytes of an untyped storage as a memoryview: the memory itself on the CPU, a copy from
    other devices.
    """
    if storage.nbytes() == 0:
        return memoryview(bytearray())
    if storage.device.type != "cpu":
        whole = _C._rebuild_tensor(storage, _C.uint8, 0, (storage.nbytes(),), (1,))
        storage = whole.cpu().untyped_storage()
    return memoryview(storage).cast("B")


def copy_storage(storage, memo):
    """A copy on the same device; each storage is copied once per `memo`, so that views stay views
    of one copy.
    """
    copies = memo.setdefault("cnn.storage", {})
    if id(storage) not in copies:
        whole = _C._rebuild_tensor(storage, _C.uint8, 0, (storage.nbytes(),), (1,))
        # The source is kept with its copy: its identity must not be taken over while the memo
        # lives.
        copies[id(storage)] = storage, whole.clone().untyped_storage()
    return copies[id(storage)][1]


def dtype_named(name):
    """The dtype whose printed form is `name`; RuntimeError if there is none here."""
    prefix, _, short = name.rpartition(".")
    dtype = getattr(_C, short, None) if prefix == "torch" else None
    if not isinstance(dtype, _C.dtype):
        raise RuntimeError(f"{name}: there is no such dtype here")
    return dtype


def _pickled(storage):
    """What an untyped storage is made of again: its bytes, and where it is if not on the CPU."""
    data = bytes(storage_bytes(storage))
    return (data,) if storage.device.type == "cpu" else (data, str(storage.device))


def _storage_from_bytes(data, device="cpu"):
    storage = UntypedStorage(len(data))
    storage_bytes(storage)[:] = data
    if device == "cpu":
        return storage
    from .serialization import default_restore_location  # raises where there is no such device

    return default_restore_location(storage, device)


def _typed_storage_from_bytes(dtype_name, data, device="cpu"):
    storage = _storage_from_bytes(data, device)
    return TypedStorage(wrap_storage=storage, dtype=dtype_named(dtype_name))


copyreg.pickle(UntypedStorage, lambda s: (_storage_from_bytes, _pickled(s)))

_absent.explain(__name__)
