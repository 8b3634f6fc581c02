"""Module: a tree of parameters, buffers and submodules with a forward."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator

from ... import _C, _faces
from ..parameter import Buffer, Parameter
from ._module import hooks as _hooks
from ._module.calling import Calling, note_path
from ._module.calling import _forward_unimplemented as _forward_unimplemented
from ._module.converting import Converting
from ._module.hooks import _WrappedHook as _WrappedHook
from ._module.hooks import global_backward_hooks as _global_backward_hooks
from ._module.hooks import global_backward_pre_hooks as _global_backward_pre_hooks
from ._module.hooks import global_buffer_registration_hooks as _global_buffer_registration_hooks
from ._module.hooks import global_forward_hooks as _global_forward_hooks
from ._module.hooks import global_forward_hooks_always_called as _global_forward_hooks_always_called
from ._module.hooks import global_forward_hooks_with_kwargs as _global_forward_hooks_with_kwargs
from ._module.hooks import global_forward_pre_hooks as _global_forward_pre_hooks
from ._module.hooks import global_module_registration_hooks as _global_module_registration_hooks
from ._module.hooks import (
    global_parameter_registration_hooks as _global_parameter_registration_hooks,
)
from ._module.hooks import (
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._module.state_dict import _EXTRA_STATE_KEY_SUFFIX as _EXTRA_STATE_KEY_SUFFIX
from ._module.state_dict import Stateful
from ._module.state_dict import _IncompatibleKeys as _IncompatibleKeys
from ._module.typename import typename

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _M = TypeVar("_M", bound="Module")


_grad_t = tuple[_C.Tensor, ...] | _C.Tensor


def _has_any_global_hook():
    """A true value if a hook of every module runs around a call."""
    return (
        _global_backward_pre_hooks
        or _global_backward_hooks
        or _global_forward_pre_hooks
        or _global_forward_hooks
        or _global_forward_hooks_always_called
        or _global_forward_hooks_with_kwargs
    )


def __getattr__(name):
    if name == "_global_is_full_backward_hook":  # which changes with the first such hook
        return _hooks.global_backward_hooks_are_full
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _addindent(text, spaces):
    """Indents every line but the first; blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


def _is_tensor_like(value):
    return isinstance(value, _C.Tensor) or hasattr(value, "__torch_function__")


def _empty_state():
    """The attributes of a new module.

    The names are PyTorch's, so that pickled modules fit both ways.
    """
    return {
        "training": True,
        "_parameters": {},
        "_buffers": {},
        "_non_persistent_buffers_set": set(),
        "_backward_pre_hooks": OrderedDict(),
        "_backward_hooks": OrderedDict(),
        "_is_full_backward_hook": None,
        "_forward_hooks": OrderedDict(),
        "_forward_hooks_with_kwargs": OrderedDict(),
        "_forward_hooks_always_called": OrderedDict(),
        "_forward_pre_hooks": OrderedDict(),
        "_forward_pre_hooks_with_kwargs": OrderedDict(),
        "_state_dict_hooks": OrderedDict(),
        "_state_dict_pre_hooks": OrderedDict(),
        "_load_state_dict_pre_hooks": OrderedDict(),
        "_load_state_dict_post_hooks": OrderedDict(),
        "_modules": {},
    }


class Module(Calling, Converting, Stateful):
    """Base class of all layers and models.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it; everything else is a
    plain attribute. Subclasses call super().__init__() first and define forward().
    """

    dump_patches = False
    # Whether __init__ passes its arguments on, for classes with several bases.
    call_super_init = False

    def __init__(self, *args, **kwargs) -> None:
        if not self.call_super_init and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        if not self.call_super_init and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} "
                "were given"
            )
        self.__dict__.update(_empty_state())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        _C._shorten_module_slots(cls)

    # Registering ------------------------------------------------------------------------------

    def register_parameter(self, name, param):
        """Adds a parameter, or None to keep the name free for one.

        Raises TypeError for anything but a Parameter, KeyError for a bad or taken name, ValueError
        for a non-leaf.
        """
        self._check_name("parameter", "_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must "
                    f"be created explicitly. To express '{name}' as a function of another Tensor, "
                    "compute the value in the forward() method."
                )
            hooks = _hooks.global_parameter_registration_hooks
            param = _hooks.run_registration_hooks(hooks, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Adds a tensor that is state but no parameter; in state_dict if `persistent`."""
        self._check_name("buffer", "_buffers", name)
        if tensor is not None and not _is_tensor_like(tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        hooks = _hooks.global_buffer_registration_hooks
        self._buffers[name] = _hooks.run_registration_hooks(hooks, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Adds a submodule, or None to keep the name free for one."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", "_modules", name)
        self._set_module(name, module)

    def register_module(self, name, module):
        """The same as add_module."""
        self.add_module(name, module)

    def _set_module(self, name, module):
        hooks = _hooks.global_module_registration_hooks
        self._modules[name] = _hooks.run_registration_hooks(hooks, self, name, module)

    def _check_name(self, kind, table, name):
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in self.__dict__[table] and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # Attributes -------------------------------------------------------------------------------

    def __getattr__(self, name):
        # Reached only for what is not in __dict__; a module that is being built lacks the tables.
        state = self.__dict__
        if "_parameters" in state:
            table = state["_parameters"]
            if name in table:
                return table[name]
        if "_buffers" in state:
            table = state["_buffers"]
            if name in table:
                return table[name]
        if "_modules" in state:
            table = state["_modules"]
            if name in table:
                return table[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        state = self.__dict__
        params = state.get("_parameters")
        modules = state.get("_modules")
        buffers = state.get("_buffers")
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, but="_parameters")
            self.register_parameter(name, value)
        elif params is not None and name in params:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, but="_modules")
            self._set_module(name, value)
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
            self._set_module(name, value)
        elif isinstance(value, Buffer) or (buffers is not None and name in buffers):
            self._assign_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name, but):
        """Takes a name out of wherever else it stands."""
        state = self.__dict__
        state.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != but:
                state[table].pop(name, None)
        state["_non_persistent_buffers_set"].discard(name)

    def _assign_buffer(self, name, value):
        if value is not None and not _is_tensor_like(value):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            persistent = value.persistent
        else:
            persistent = name not in self._non_persistent_buffers_set
        self.register_buffer(name, value, persistent)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self):
        names = [
            *dir(type(self)),
            *self.__dict__,
            *self._parameters,
            *self._modules,
            *self._buffers,
        ]
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, state):
        # Modules pickled by older versions lack some of the tables.
        self.__dict__.update(_empty_state())
        self.__dict__.update(state)

    # Walking ----------------------------------------------------------------------------------

    def named_modules(
        self, memo=None, prefix="", remove_duplicate=True
    ) -> Iterator[tuple[str, Module]]:
        """Yields (dotted name, module): this one, named `prefix`, and all below it, each once."""
        if memo is None:
            memo = set()
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self
            for name, module in self._modules.items():
                if module is not None:
                    child_prefix = f"{prefix}.{name}" if prefix else name
                    yield from module.named_modules(memo, child_prefix, remove_duplicate)

    def modules(self, remove_duplicate=True) -> Iterator[Module]:
        """Yields this module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yields (name, module) of the direct children, each once."""
        memo = set()
        for name, module in self._modules.items():
            if module is not None and module not in memo:
                memo.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yields the direct children, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        memo = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = [(prefix, self)]
        for module_prefix, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in memo:
                    continue
                if remove_duplicate:
                    memo.add(value)
                yield (f"{module_prefix}.{name}" if module_prefix else name), value

    def named_parameters(
        self, prefix="", recurse=True, remove_duplicate=True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yields (dotted name, parameter), each parameter once."""
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse=True) -> Iterator[Parameter]:
        """Yields the parameters, each once; this is what an optimizer is given."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix="", recurse=True, remove_duplicate=True
    ) -> Iterator[tuple[str, _C.Tensor]]:
        """Yields (dotted name, buffer), each buffer once."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse=True) -> Iterator[_C.Tensor]:
        """Yields the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target):
        """The module at a dotted name ('' is this one).

        Raises AttributeError where there is none.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Puts `module` at a dotted name; `strict` allows replacing only."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if hasattr(parent, name):
            if not isinstance(getattr(parent, name), Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        elif strict:
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        setattr(parent, name, module)

    def _get_member(self, target):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name, getattr(module, name)

    def get_parameter(self, target):
        """The parameter at a dotted name. Raises AttributeError where there is none."""
        _, name, param = self._get_member(target)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target):
        """The buffer at a dotted name. Raises AttributeError where there is none."""
        module, name, buffer = self._get_member(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    # Changing everything at once --------------------------------------------------------------

    def apply(self: _M, fn) -> _M:
        """Calls fn(module) on every module, children first; returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: _M, mode=True) -> _M:
        """Sets training mode here and below; returns self."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: _M) -> _M:
        """Sets evaluation mode: train(False)."""
        return self.train(False)

    def requires_grad_(self: _M, requires_grad=True) -> _M:
        """Freezes or thaws all parameters; returns self."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True) -> None:
        """Forgets all gradients, or fills them with zeros."""
        if "_is_replica" in self.__dict__:
            warnings.warn(
                "Calling .zero_grad() from a module created with nn.DataParallel() has no effect. "
                "The parameters are copied (in a differentiable manner) from the original module. "
                "This means they are not leaf nodes in autograd and so don't accumulate gradients. "
                "If you need gradients in your forward method, consider using autograd.grad "
                "instead.",
                stacklevel=2,
            )
        for param in self.parameters():
            grad = param.grad
            if grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def _replicate_for_data_parallel(self):
        """A copy that shares everything but its tables, to be filled with a device's tensors."""
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        # Its tensors are the results of copying, plain attributes and no parameters of its own.
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica._is_replica = True
        return replica

    def compile(self, *args, **kwargs):
        """Looks at the arguments of `cnn.compile`; the module goes on as it is."""
        from ..._compile import compile

        compile(self, *args, **kwargs)

    # Printing ---------------------------------------------------------------------------------

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What a subclass prints between the parentheses."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()
        ]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({lines[0]})"
        lines += children
        body = "\n  " + "\n  ".join(lines) + "\n" if lines else ""
        return f"{self._get_name()}({body})"


_C._set_module_methods(
    Module.__getattr__,
    Module.__call__,
    note_path,
    (
        _hooks.global_backward_pre_hooks,
        _hooks.global_backward_hooks,
        _hooks.global_forward_hooks,
        _hooks.global_forward_pre_hooks,
    ),
)
_C._shorten_module_slots(Module)


_faces.adopt(__name__, f"{__package__}._module.")
