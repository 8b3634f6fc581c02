"""A module's tensors and submodules by dotted name: read, set, deleted and swapped."""

from __future__ import annotations

from ... import _C
from ..modules.module import Module

# Stands for an attribute that is not there, among tensors that are swapped.
_MISSING = object()


def _check_module(module):
    if not isinstance(module, Module):
        raise TypeError(f"{module} is not an instance of torch.nn.Module")


def _check_tensor(value, before=""):
    if value is not None and not isinstance(value, _C.Tensor):
        raise TypeError(f"{before}{value} is not an instance of torch.Tensor")


def _check_name(name, kind):
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')


def _table_with(module, name):
    """The parameters or the buffers of a module, whichever have the name; None for neither."""
    for table in (module._parameters, module._buffers):
        if name in table:
            return table
    return None


def set_tensor(module, name, tensor):
    """Puts a tensor or None at `name`; at a parameter's or buffer's, whatever kind it is."""
    _check_module(module)
    _check_tensor(tensor)
    _check_name(name, "tensor")
    table = _table_with(module, name)
    if table is None:
        setattr(module, name, tensor)
    else:
        table[name] = tensor


def swap_tensor(module, name, tensor, allow_missing=False):
    """Puts a tensor at `name` and returns what was there.

    _MISSING stands for nothing: given, it deletes; returned, nothing was there, which is an
    AttributeError unless `allow_missing`.
    """
    _check_module(module)
    if tensor is not _MISSING:
        _check_tensor(tensor)
    _check_name(name, "tensor")
    table = _table_with(module, name)
    if table is not None:
        before = table[name]
        if tensor is _MISSING:
            del table[name]
        else:
            table[name] = tensor
        return before
    before = getattr(module, name, _MISSING)
    if before is not _MISSING:
        _check_tensor(before, f"attribute `{name}`: ")
    elif not allow_missing:
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    if tensor is not _MISSING:
        setattr(module, name, tensor)
    elif hasattr(module, name):
        delattr(module, name)
    return before


def swap_submodule(module, name, submodule):
    """Puts a module in the place of a child, which is returned."""
    _check_module(module)
    _check_module(submodule)
    _check_name(name, "submodule")
    if name not in module._modules:
        raise KeyError(f"submodule {name} does not exist")
    before = module._modules[name]
    if not isinstance(before, Module):
        raise TypeError(f"{name} attribute is not an instance of torch.nn.Module")
    module._modules[name] = submodule
    return before


def _pairs(names, values):
    names, values = list(names), list(values)
    if len(names) != len(values):
        raise AssertionError(
            f"names and values must have the same length, got {len(names)} names and "
            f"{len(values)} values"
        )
    return zip(names, values)


class NamedMemberAccessor:
    """The tensors and submodules of a module and all below it, by dotted name.

    It remembers the submodules on the way: they must stay where they are.
    """

    def __init__(self, module) -> None:
        self.module = module
        self.memo = {}

    def get_submodule(self, name):
        """The module at `name`; '' is the whole. AttributeError where there is none."""
        if not name:
            return self.module
        if name in self.memo:
            return self.memo[name]
        path, _, last = name.rpartition(".")
        parent = self.get_submodule(path)
        try:
            module = getattr(parent, last)
        except AttributeError as error:
            raise AttributeError(f"{parent._get_name()} has no attribute `{last}`") from error
        if not isinstance(module, Module):
            raise TypeError(f"submodule `{name}`: {module} is not an instance of torch.nn.Module")
        self.memo[name] = module
        return module

    def _owner(self, name):
        path, _, last = name.rpartition(".")
        return self.get_submodule(path), last

    def swap_submodule(self, path, value):
        """Puts a module at `path` and returns the one before."""
        return swap_submodule(*self._owner(path), value)

    def get_tensor(self, name):
        """The tensor, or None, at `name`. AttributeError where nothing is."""
        owner, last = self._owner(name)
        try:
            tensor = getattr(owner, last)
        except AttributeError as error:
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`") from error
        _check_tensor(tensor)
        return tensor

    def set_tensor(self, name, value):
        """Puts a tensor or None at `name`."""
        set_tensor(*self._owner(name), value)

    def del_tensor(self, name):
        """Takes the tensor at `name` out. AttributeError where nothing is."""
        owner, last = self._owner(name)
        try:
            delattr(owner, last)
        except AttributeError as error:
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`") from error

    def swap_tensor(self, name, value, allow_missing=False):
        """Puts a tensor at `name` and returns what was there."""
        return swap_tensor(*self._owner(name), value, allow_missing=allow_missing)

    def get_tensors(self, names):
        """The tensors at the names, as a list."""
        return [self.get_tensor(name) for name in names]

    def set_tensors(self, names, values):
        """Puts each value at its name."""
        for name, value in _pairs(names, values):
            self.set_tensor(name, value)

    def set_tensors_dict(self, named_tensors):
        """Puts each value at its key."""
        for name, value in named_tensors.items():
            self.set_tensor(name, value)

    def del_tensors(self, names):
        """Takes the tensors at the names out."""
        for name in names:
            self.del_tensor(name)

    def swap_tensors(self, names, values, allow_missing=False):
        """Puts each value at its name and returns what was there, as a list."""
        return [
            self.swap_tensor(name, value, allow_missing=allow_missing)
            for name, value in _pairs(names, values)
        ]

    def swap_tensors_dict(self, named_tensors, allow_missing=False):
        """(what was there by name, the names where nothing was), after each value is at its key.

        An error puts everything back. Nothing at a name is one unless `allow_missing`.
        """
        before = {}
        try:
            for name, tensor in named_tensors.items():
                before[name] = self.swap_tensor(name, tensor, allow_missing=True)
            missing = [name for name, tensor in before.items() if tensor is _MISSING]
            if missing and not allow_missing:
                raise RuntimeError(f"Missing key(s): {', '.join(map(repr, missing))}.")
        except Exception:
            for name, tensor in before.items():
                self.swap_tensor(name, tensor, allow_missing=True)
            raise
        return before, missing

    def check_keys(self, keys):
        """(the module's tensors not in keys, the keys that are none of its tensors), sorted."""
        keys = set(keys)
        own = {name for name, _ in self.named_tensors(remove_duplicate=False)}
        return sorted(own - keys), sorted(keys - own)

    def named_parameters(self, remove_duplicate=True):
        """Yields (name, parameter)."""
        yield from self.module.named_parameters(remove_duplicate=remove_duplicate)

    def named_buffers(self, remove_duplicate=True):
        """Yields (name, buffer)."""
        yield from self.module.named_buffers(remove_duplicate=remove_duplicate)

    def named_tensors(self, remove_duplicate=True):
        """Yields (name, tensor) of the parameters, then of the buffers."""
        yield from self.named_parameters(remove_duplicate)
        yield from self.named_buffers(remove_duplicate)

    def named_modules(self, remove_duplicate=True):
        """Yields (name, module)."""
        yield from self.module.named_modules(remove_duplicate=remove_duplicate)
