"""The picklers behind `cnn.save` and `cnn.load`.

Both are Python's own pickle machine. The writer names this package's classes as PyTorch does. The
reader for weights admits only what `names.admitted` lists: every opcode that could call, build or
change something else is replaced.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from types import BuiltinFunctionType, FunctionType

from .. import _C, storage
from . import _get_layout, names
from .arguments import Arguments, check_key, check_state
from .placing import location_tag

__all__ = ["Pickler", "Unpickler", "WeightsUnpickler", "pickler_for", "unpickler_for"]

_BLOCKED_MODULES = ("sys", "os", "posix", "nt")


class Pickler(pickle._Pickler):
    """Writes globals under PyTorch's names; `storages` collects {key: untyped storage}."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self._numbers = _StorageNumbers()
        self.storages = self._numbers.storages

    def persistent_id(self, obj):
        return self._numbers.persistent_id(obj)

    def save_global(self, obj, name=None):
        path = names.torch_path(obj, name)
        if path is None:
            super().save_global(obj, name)
            return
        module, name = path
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    def _save_device(self, device):
        args = (device.type,) if device.index is None else (device.type, device.index)
        self.save_reduce(_C.device, args, obj=device)

    def _save_size(self, size):
        self.save_reduce(_C.Size, (tuple(size),), obj=size)

    def _save_layout(self, layout):
        self.save_reduce(_get_layout, (str(layout),), obj=layout)

    # The base class's table holds its functions, not method names.
    dispatch[FunctionType] = save_global
    dispatch[BuiltinFunctionType] = save_global
    dispatch[_C.dtype] = save_global
    dispatch[_C.device] = _save_device
    dispatch[_C.Size] = _save_size
    dispatch[_C.layout] = _save_layout


class _StorageNumbers:
    """Numbers storages in the order of their first appearance."""

    def __init__(self):
        self.storages = {}
        self._seen = {}

    def persistent_id(self, obj):
        if isinstance(obj, storage.TypedStorage):
            untyped, dtype = obj._untyped_storage, obj.dtype
            kind = storage.STORAGE_OF_DTYPE[dtype]
        elif isinstance(obj, storage.UntypedStorage):
            untyped, dtype, kind = obj, None, storage.UntypedStorage
        else:
            return None
        key, former = self._seen.get(id(untyped), (None, None))
        if key is None:
            key = str(len(self.storages))
            # Held until the file is written, which keeps its identity its own.
            self.storages[key] = untyped
            self._seen[id(untyped)] = key, dtype
        elif former != dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        count = untyped.nbytes() // (dtype.itemsize if dtype else 1)
        return ("storage", kind, key, location_tag(untyped), count)


def pickler_for(pickle_module):
    """The class that writes with `pickle_module`, with PyTorch's names if that can be taught."""
    if pickle_module is None or pickle_module is pickle:
        return Pickler

    class ForeignPickler(pickle_module.Pickler):
        def __init__(self, file, protocol):
            super().__init__(file, protocol=protocol)
            self._numbers = _StorageNumbers()
            self.storages = self._numbers.storages

        def persistent_id(self, obj):
            return self._numbers.persistent_id(obj)

    return ForeignPickler


class Unpickler(pickle.Unpickler):
    """Reads anything, running whatever code the file names: for files whose source is trusted."""

    def __init__(self, file, load_storage, **options):
        super().__init__(file, **options)
        self._load_storage = load_storage

    def persistent_load(self, saved_id):
        return self._load_storage(saved_id)

    def find_class(self, module, name):
        return _find_class(super().find_class, module, name)


def _find_class(find, module, name):
    if module != "torch" and not module.startswith("torch."):
        return find(module, name)
    try:
        return names.resolve(module, name)
    except AttributeError as error:
        raise pickle.UnpicklingError(f"the file needs {module}.{name}: {error}") from None


def unpickler_for(pickle_module):
    """The class that reads with `pickle_module`, whatever the file names."""
    if pickle_module is None or pickle_module is pickle:
        return Unpickler

    class ForeignUnpickler(pickle_module.Unpickler):
        def __init__(self, file, load_storage, **options):
            super().__init__(file, **options)
            self._load_storage = load_storage

        def persistent_load(self, saved_id):
            return self._load_storage(saved_id)

        def find_class(self, module, name):
            return _find_class(super().find_class, module, name)

    return ForeignUnpickler


class CallerCode:
    """Calls what the caller of `load` has brought; keeps what it raised, which is no fault of the
    file.
    """

    error = None

    def __call__(self, func, *args, **kwargs):
        try:
            return func(*args, **kwargs)
        except Exception as error:
            self.error = error
            raise


class WeightsUnpickler(pickle._Unpickler):
    """Reads tensors and plain containers. A file can name, call and build only what was admitted.

    An admitted callable is recognised by identity, so nothing that a file made on the way can be
    called. Attributes are set on dictionaries with attributes and on instances of classes that the
    caller admitted, never on a class, a function or a tensor, and no dunder name is set: those
    would change what code does. Messages name types, not values: the printed form of a small pickle
    can be endless.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, load_storage, safe_globals, size, caller_code, **options):
        super().__init__(file, **options)
        self._load_storage = load_storage
        self._safe = safe_globals
        self._callables = set()
        self._arguments = Arguments(size)
        self._caller_code = caller_code
        self._user_objects = {id(obj) for obj in safe_globals.values()}
        self._user_classes = {id(obj) for obj in safe_globals.values() if isinstance(obj, type)}

    def persistent_load(self, saved_id):
        return self._load_storage(saved_id)

    def find_class(self, module, name):
        if self.proto < 3:
            # Protocol 2 may carry Python 2's names for modules and builtins.
            from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

            module = IMPORT_MAPPING.get(module, module)
            module, name = NAME_MAPPING.get((module, name), (module, name))
        path = f"{module}.{name}"
        if module in _BLOCKED_MODULES:
            raise pickle.UnpicklingError(
                f"Trying to load unsupported GLOBAL {path} whose module {module} is blocked."
            )
        found = names.admitted().get(path)
        if found is None:
            found = self._safe.get(path)
        if found is None:
            shown = path.removeprefix("builtins.")
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please "
                f"use `torch.serialization.add_safe_globals([{shown}])` or the "
                f"`torch.serialization.safe_globals([{shown}])` context manager to allowlist this "
                "global if you trust this class/function."
            )
        if id(found) in self._user_classes or id(found) not in _NEVER_CALLED:
            self._callables.add(id(found))
        return found

    def _check_callable(self, func):
        if id(func) not in self._callables:
            raise pickle.UnpicklingError(
                f"Trying to call reduce for unrecognized function {_name_of(func)}"
            )

    def _load_reduce(self):
        args = self.stack.pop()
        func = self.stack[-1]
        self._check_callable(func)
        if type(args) is not tuple:
            raise pickle.UnpicklingError(f"arguments of {_name_of(func)} are not a tuple")
        if not self._arguments.check(func, args) and id(func) in self._user_objects:
            self.stack[-1] = self._caller_code(func, *args)
        else:
            self.stack[-1] = func(*args)

    def _load_newobj(self):
        args = self.stack.pop()
        self._new_object(self.stack.pop(), args, {})

    def _load_newobj_ex(self):
        kwargs = self.stack.pop()
        args = self.stack.pop()
        self._new_object(self.stack.pop(), args, kwargs)

    def _new_object(self, cls, args, kwargs):
        if id(cls) not in self._user_classes and cls is not OrderedDict:
            raise pickle.UnpicklingError(
                "Can only create new object for nn.Parameter or classes allowlisted via "
                f"`add_safe_globals` but got {_name_of(cls)}"
            )
        if type(args) is not tuple or type(kwargs) is not dict:
            raise pickle.UnpicklingError(f"arguments of {_name_of(cls)} are not a tuple and a dict")
        self.append(self._caller_code(cls.__new__, cls, *args, **kwargs))

    def _load_build(self):
        state = self.stack.pop()
        target = self.stack[-1]
        kind = type(target)
        if kind is not OrderedDict and id(kind) not in self._user_classes:
            raise pickle.UnpicklingError(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via "
                f"`add_safe_globals`, but got {kind.__name__}"
            )
        if kind is not OrderedDict and hasattr(kind, "__setstate__"):
            self._caller_code(target.__setstate__, state)
            return
        check_state(state)
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        if attributes:
            target.__dict__.update(attributes)
        for name, value in (slots or {}).items():
            setattr(target, name, value)

    def _top(self, kinds, what):
        """The top of the stack, which must be of one of `kinds`; subclasses need the caller's
        trust.
        """
        target = self.stack[-1]
        exact = type(target)
        if exact not in kinds and not (
            id(exact) in self._user_classes and isinstance(target, kinds[0])
        ):
            raise pickle.UnpicklingError(
                f"Can only {what} {kinds[0].__name__}s, but got {exact.__name__}"
            )
        return target

    def _load_append(self):
        value = self.stack.pop()
        self._top((list,), "append to").append(value)

    def _load_appends(self):
        values = self.pop_mark()
        self._top((list,), "extend").extend(values)

    def _load_additems(self):
        values = self.pop_mark()
        target = self._top((set,), "add to")
        for value in values:
            check_key(value)
            target.add(value)

    def _load_setitem(self):
        value = self.stack.pop()
        self._set_items([self.stack.pop(), value])

    def _load_setitems(self):
        self._set_items(self.pop_mark())

    def _set_items(self, flat):
        target = self._top((dict, OrderedDict, Counter), "set items of")
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            check_key(key)
            target[key] = value

    def _load_persid(self):
        saved_id = self.stack.pop()
        named = type(saved_id) is tuple and saved_id and type(saved_id[0]) is str
        if not named or saved_id[0] != "storage":
            raise pickle.UnpicklingError("Only persistent_load of storage is allowed")
        self.append(self.persistent_load(saved_id))

    def _load_bytearray8(self):
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))

    def _refuse(self):
        raise pickle.UnpicklingError(
            "the pickle uses an instruction that is not allowed in weights"
        )

    for opcode, method in (
        (pickle.REDUCE, _load_reduce),
        (pickle.NEWOBJ, _load_newobj),
        (pickle.NEWOBJ_EX, _load_newobj_ex),
        (pickle.BUILD, _load_build),
        (pickle.APPEND, _load_append),
        (pickle.APPENDS, _load_appends),
        (pickle.ADDITEMS, _load_additems),
        (pickle.SETITEM, _load_setitem),
        (pickle.SETITEMS, _load_setitems),
        (pickle.BINPERSID, _load_persid),
        (pickle.BYTEARRAY8, _load_bytearray8),
        (pickle.DICT, _refuse),
        (pickle.FROZENSET, _refuse),
        (pickle.INST, _refuse),
        (pickle.OBJ, _refuse),
        (pickle.PERSID, _refuse),
        (pickle.EXT1, _refuse),
        (pickle.EXT2, _refuse),
        (pickle.EXT4, _refuse),
        (pickle.NEXT_BUFFER, _refuse),
        (pickle.READONLY_BUFFER, _refuse),
    ):
        dispatch[opcode[0]] = method
    del opcode, method


# Named by files, but only as types; calling them would allocate whatever a file asks for.
_NEVER_CALLED = {
    id(kind)
    for kind in names.admitted().values()
    if isinstance(kind, type)
    and issubclass(kind, (storage.TypedStorage, storage.UntypedStorage, _C.Tensor))
}


def _name_of(obj):
    return getattr(obj, "__qualname__", None) or f"an object of type {type(obj).__name__}"
