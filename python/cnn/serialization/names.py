"""Whose name is whose: the paths under which PyTorch's files name classes and functions, and what
they are here.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict
from functools import cache

from .. import _C, storage

__all__ = ["torch_path", "resolve", "admitted"]

# The functions by which files bring tensors and parameters back.
_REBUILDING = (
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2",
)

_DTYPES = (
    "float64 float32 float16 bfloat16 complex64 complex128 int64 int32 int16 int8 uint8 bool "
    "uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu"
)


@cache
def _core_objects():
    """Objects of the compiled core and storage classes by PyTorch's path."""
    objects = {f"torch.{cls.__name__}": cls for cls in storage.STORAGE_OF_DTYPE.values()}
    objects["torch.storage.TypedStorage"] = storage.TypedStorage
    objects["torch.storage.UntypedStorage"] = storage.UntypedStorage
    objects.update({f"torch.{name}": getattr(_C, name) for name in ("Tensor", "Size", "device")})
    for name in _DTYPES.split():
        if hasattr(_C, name):
            objects[f"torch.{name}"] = getattr(_C, name)
    return objects


@cache
def _core_paths():
    """Inverse of `_core_objects`, by identity; the objects live as long as the process."""
    return {id(obj): path for path, obj in _core_objects().items()}


def torch_path(obj, name=None):
    """PyTorch's (module, name) of a class or function of this package; None for all else."""
    path = _core_paths().get(id(obj))
    if path is not None:
        module, _, name = path.rpartition(".")
        return module, name
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str) or not (module == "cnn" or module.startswith("cnn.")):
        return None
    module = "torch" if module == "cnn._C" else "torch" + module[len("cnn") :]
    return module, name or getattr(obj, "__qualname__", None) or obj.__name__


def resolve(module, name):
    """What PyTorch's `module.name` is here; AttributeError if there is no such thing."""
    path = f"{module}.{name}"
    found = _core_objects().get(path)
    if found is not None:
        return found
    target = _import("cnn" + module[len("torch") :])
    for part in name.split("."):
        target = getattr(target, part, None)
    if target is None:
        raise AttributeError(f"there is no {path} in cnn")
    return target


def _import(module):
    if module not in sys.modules:
        import importlib

        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not module.startswith(error.name or "?"):
                raise  # a module that exists, but needs one that does not
            return None
    return sys.modules[module]


def _bytes_from_text(text, encoding="latin1"):
    """`codecs.encode` as protocol 2 uses it for bytes; no other codec."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("only text in latin1 is admitted as bytes")
    return text.encode("latin1")


def _bytearray_from(*args):
    """`bytearray` of given bytes, never of a number that a file could make as large as it likes."""
    if not args:
        return bytearray()
    if type(args[0]) is str:
        return bytearray(_bytes_from_text(*args))
    return bytearray(memoryview(args[0]))


def _bytes_from(*args):
    """`bytes` of given bytes; protocol 2 calls it for empty ones."""
    return bytes(_bytearray_from(*args))


@cache
def admitted():
    """{path: object} of what a file of weights may name: nothing that runs code of its choice."""
    paths = {
        "collections.OrderedDict": OrderedDict,
        "collections.Counter": Counter,
        "_codecs.encode": _bytes_from_text,
        "builtins.bytearray": _bytearray_from,
        "builtins.bytes": _bytes_from,
        "builtins.set": set,
        "builtins.complex": complex,
        **_core_objects(),
    }
    for path in (
        *_REBUILDING,
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
    ):
        module, _, name = path.rpartition(".")
        paths[path] = resolve(module, name)
    return paths
