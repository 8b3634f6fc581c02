"""Lets programs written for PyTorch run on this package: `import torch` gives the very modules of
`cnn`.

Installed by `python -m cnn`, or by importing cnn where CNN_AS_TORCH is set in the environment. One
finder, asked before all others, answers for `torch` and everything below it, so that an installed
PyTorch stays unseen. Processes that `multiprocessing` spawns get the finder before they read the
main script.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from types import BuiltinFunctionType, FunctionType

from . import _C

__all__ = ["install", "installed", "TorchVersion"]

VARIABLE = "CNN_AS_TORCH"
TORCH_VERSION = "2.13.0+cnn"
TORCHVISION_VERSION = "0.28.0+cnn"
# A file in packages of PyTorch's names that only lead here (_torch_install).
MARKER = "leads_to_cnn"

# Packages whose names do not begin with "torch" but whose extensions may want PyTorch's own
# library.
_KIN = ("apex", "deepspeed", "detectron2", "flash_attn", "mmcv", "pytorch3d", "xformers")
_ALWAYS_COMPILED = ("torchaudio",)
# Modules in which torchvision tells its compiled library about gradients, shapes and exports, with
# the names that others take from them. Its operators here state what they need themselves.
_REGISTRATIONS = {
    "torchvision._autograd_registrations": (),
    "torchvision._meta_registrations": (),
    "torchvision.ops._register_onnx_ops": ("_register_custom_op",),
}
_PYTORCH_LIBRARIES = (b"libc10.so", b"libtorch", b"c10.dll", b"libc10.dylib")


class TorchVersion(str):
    """A version string that compares by its numbers: with strings, tuples, `packaging` versions."""

    __slots__ = ()

    def __lt__(self, other):
        return _key(self) < _key(other)

    def __le__(self, other):
        return _key(self) <= _key(other)

    def __gt__(self, other):
        return _key(self) > _key(other)

    def __ge__(self, other):
        return _key(self) >= _key(other)

    def __eq__(self, other):
        if type(other) in (str, TorchVersion):
            return str.__eq__(self, other) or _key(self) == _key(other)
        return _key(self) == _key(other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def _key(version):
    """What orders versions: the numbers, pre-releases before releases, then the local label."""
    if isinstance(version, (tuple, list)):
        version = ".".join(map(str, version))
    public, _, local = str(version).strip().lower().removeprefix("v").partition("+")
    numbers, tag = [], ""
    for part in public.split("."):
        digits = len(part) - len(part.lstrip("0123456789"))
        if not digits:
            tag = part
            break
        numbers.append(int(part[:digits]))
        if digits < len(part):
            tag = part[digits:]
            break
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers, tag.startswith("post") or not tag, tag, local


class _SameModule:
    """Loads `torch.x` by handing out the module `cnn.x`."""

    def __init__(self, module):
        self._module = module

    def create_module(self, spec):
        self._own_spec = self._module.__spec__
        return self._module

    def exec_module(self, module):
        module.__spec__ = self._own_spec  # the import system has just put torch's there

    def get_code(self, fullname):
        """The code of the module, for `python -m torch.distributed.run`."""
        spec = self._module.__spec__
        return spec.loader.get_code(spec.name)


class _Patched:
    """Loads a module as ever, then calls `patch(module)`."""

    def __init__(self, loader, patch):
        self._loader, self._patch = loader, patch

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._patch(module)

    def __getattr__(self, name):
        return getattr(self._loader, name)


class _Emptied:
    """Loads a module with functions that do nothing, by these names."""

    def __init__(self, names):
        self._names = names

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        for name in self._names:
            setattr(module, name, lambda *args, **kwargs: None)


class TorchFinder:
    """The meta-path finder behind `install`."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname == "torch" or fullname.startswith("torch."):
            return _spec_of_same(fullname)
        if fullname == "torchvision" or fullname.startswith("torchvision."):
            return _find_torchvision(fullname)
        if fullname.startswith("cnn."):
            return _patched(fullname, path, target, _adopt)
        if fullname in _PATCHES:
            return _patched(fullname, path, target, _PATCHES[fullname])
        if fullname.startswith("torch") or fullname in _KIN:
            _refuse_compiled(fullname)
        return None


def _spec_of_same(fullname):
    before = fullname in sys.modules
    module = _module_for(fullname)
    if not before:
        # Loading it has entered it; were it found there, the import system would load it again.
        sys.modules.pop(fullname, None)
    return ModuleSpec(fullname, _SameModule(module))


def _find_torchvision(fullname):
    """The installed torchvision, with operators of this package; without one, `cnn.vision`."""
    if not _has_torchvision():
        return _spec_of_same(fullname)
    if fullname in _REGISTRATIONS:
        return ModuleSpec(fullname, _Emptied(_REGISTRATIONS[fullname]))
    if fullname == "torchvision":
        from . import _ops

        _ops.own_libraries.update(
            {
                "torchvision/_C": ("cnn.vision._library", "provide_ops"),
                "torchvision/image": ("cnn.vision._library", "provide_image_ops"),
            }
        )
    return None


@cache
def _has_torchvision():
    spec = PathFinder.find_spec("torchvision")
    if spec is None:
        return False
    folders = spec.submodule_search_locations or ()
    return not any(os.path.exists(os.path.join(folder, MARKER)) for folder in folders)


def _leads_here(package):
    """Whether it is the package that `python -m cnn --install` lays, which is importing cnn now."""
    folders = getattr(package, "__path__", ())
    return any(os.path.exists(os.path.join(folder, MARKER)) for folder in folders)


def _patched(fullname, path, target, patch):
    spec = PathFinder.find_spec(fullname, path, target)
    if spec is not None:
        spec.loader = _Patched(spec.loader, patch)
    return spec


def _adopt(module):
    """Enters a module of cnn under PyTorch's name as soon as it is loaded.

    Importing it by that name later would set it as an attribute of its package, over a function of
    the same name (nn.utils.weight_norm).
    """
    sys.modules[_torch_name(module.__name__)] = module
    _rename(module)


def _rename(module):
    """Lets a module of cnn, its classes and its functions say that they are PyTorch's.

    Packages dispatch on `type(layer).__module__`. What pickles a name writes PyTorch's, which every
    process below this one understands.
    """
    module.__name__ = _torch_name(module.__name__)
    for value in list(vars(module).values()):
        _rename_object(value)


def _torch_name(name):
    if (name == "cnn.vision" or name.startswith("cnn.vision.")) and not _has_torchvision():
        return "torchvision" + name[len("cnn.vision") :]
    ours = name == "cnn" or name.startswith("cnn.")
    return "torch" + name[len("cnn") :] if ours else name


def _rename_object(value):
    value = getattr(value, "__func__", value)  # of a class method or a static one
    if not isinstance(value, (type, FunctionType, BuiltinFunctionType, _C._overridable)):
        return
    module = value.__module__
    if not isinstance(module, str) or _torch_name(module) == module:
        return
    if isinstance(value, type):
        _C._set_module(value, _torch_name(module))
        for part in list(vars(value).values()):
            _rename_object(part)
    else:
        value.__module__ = _torch_name(module)


def _module_for(fullname):
    import importlib

    name = f"cnn.{fullname[len('torch') :].lstrip('.')}" if fullname != "torch" else "cnn"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # the module exists, but needs one that does not
        raise ModuleNotFoundError(
            f"No module named {fullname!r}: cnn, which stands in for PyTorch here, has no {name}",
            name=fullname,
        ) from None


def _refuse_compiled(name):
    """Raises ImportError for an installed package with extensions made for PyTorch's library."""
    if "." in name:
        return
    spec = PathFinder.find_spec(name)
    if spec is None:
        return
    library = _linked_to_pytorch(spec)
    if library is None and name not in _ALWAYS_COMPILED:
        return
    tried = "" if library is None else f" ({library} asks for libtorch or libc10)"
    raise ImportError(
        f"{name} has extensions that are compiled against PyTorch's own C++ library{tried}, and "
        "cannot be used here: `torch` is cnn in this process, which has no such library",
        name=name,
        path=library,
    )


def _linked_to_pytorch(spec):
    """The path of an extension in a package that is linked to PyTorch's library; None without."""
    for folder in spec.submodule_search_locations or ():
        for root, _, files in os.walk(folder):
            for file in files:
                if file.endswith((*EXTENSION_SUFFIXES, ".so", ".pyd")):
                    path = os.path.join(root, file)
                    with open(path, "rb") as library:
                        data = library.read()
                    if any(needed in data for needed in _PYTORCH_LIBRARIES):
                        return path
    return None


class _InstallInChild:
    """Unpickles by installing the finder: a passenger in the data that a spawned process reads
    first.
    """

    def __reduce__(self):
        return install, ()


def _patch_spawn(spawn):
    original = spawn.get_preparation_data

    def get_preparation_data(name):
        return {"cnn": _InstallInChild(), **original(name)}

    spawn.get_preparation_data = get_preparation_data


def _patch_forkserver(forkserver):
    # By default the server imports the main script at once, before anything could be installed in
    # it.
    forkserver.set_forkserver_preload([__name__])


_PATCHES = {
    "multiprocessing.spawn": _patch_spawn,
    "multiprocessing.forkserver": _patch_forkserver,
}


def installed():
    """True if `torch` is cnn in this process."""
    return any(finder is TorchFinder for finder in sys.meta_path)


def install():
    """Makes `torch` a second name of `cnn`, here and in processes spawned from here.

    RuntimeError if PyTorch is loaded already."""
    if installed():
        return
    import cnn

    loaded = sys.modules.get("torch", cnn)
    if loaded is not cnn and not _leads_here(loaded):
        raise RuntimeError(
            "PyTorch is already imported in this process, so `torch` cannot become cnn; start the "
            "program with `python -m cnn`"
        )
    os.environ[VARIABLE] = "1"
    sys.meta_path.insert(0, TorchFinder)
    cnn.__version__ = TorchVersion(TORCH_VERSION)
    cnn.torch = cnn  # programs write torch.torch.Tensor, and PyTorch has it
    # So with what is loaded already.
    for name, module in list(sys.modules.items()):
        if name == "cnn" or name.startswith("cnn."):
            sys.modules[_torch_name(name)] = module
            if name != __name__:  # a process spawned from here calls `install` by cnn's name
                _rename(module)
    for name, patch in _PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
