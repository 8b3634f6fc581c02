"""How hooks are entered, and the hooks that apply to every Module in the process."""

from __future__ import annotations

import weakref
from collections import OrderedDict

from ....utils.hooks import RemovableHandle


class _WrappedHook:
    """A hook that is called with its module first, without keeping the module alive."""

    def __init__(self, hook, module=None) -> None:
        self.hook = hook
        self.with_module = module is not None
        if self.with_module:
            self.module = weakref.ref(module)

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state):
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


def add_hook(hooks, hook, *, flags=(), prepend=False):
    """Puts `hook` into `hooks` and returns its handle.

    `flags` are pairs (dictionary, set?): the hook's number is entered where set, and leaves all of
    them with it.
    """
    handle = RemovableHandle(hooks, extra_dict=[flag for flag, _ in flags])
    hooks[handle.id] = hook
    for flag, is_set in flags:
        if is_set:
            flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# The hooks of every module. They are read at each call: empty dictionaries cost next to nothing.
global_forward_pre_hooks: OrderedDict = OrderedDict()
global_forward_hooks: OrderedDict = OrderedDict()
global_forward_hooks_with_kwargs: OrderedDict = OrderedDict()
global_forward_hooks_always_called: OrderedDict = OrderedDict()
global_backward_pre_hooks: OrderedDict = OrderedDict()
global_backward_hooks: OrderedDict = OrderedDict()
global_parameter_registration_hooks: OrderedDict = OrderedDict()
global_buffer_registration_hooks: OrderedDict = OrderedDict()
global_module_registration_hooks: OrderedDict = OrderedDict()

# None until the first backward hook: full and old-style ones do not mix.
global_backward_hooks_are_full = None


def run_registration_hooks(hooks, module, name, value):
    """Lets each hook(module, name, value) replace the value that is being registered."""
    for hook in hooks.values():
        replacement = hook(module, name, value)
        if replacement is not None:
            value = replacement
    return value


def register_module_parameter_registration_hook(hook):
    """Calls hook(module, name, param) before any module registers a parameter."""
    return add_hook(global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook):
    """Calls hook(module, name, buffer) before any module registers a buffer."""
    return add_hook(global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Calls hook(module, name, submodule) before any module registers a submodule."""
    return add_hook(global_module_registration_hooks, hook)


def register_module_forward_pre_hook(hook):
    """Calls hook(module, args) before the forward of every module."""
    return add_hook(global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Calls hook(module, args, output) after the forward of every module."""
    flags = (
        (global_forward_hooks_with_kwargs, with_kwargs),
        (global_forward_hooks_always_called, always_call),
    )
    return add_hook(global_forward_hooks, hook, flags=flags)


def register_module_full_backward_pre_hook(hook):
    """Calls hook(module, grad_output) before the backward of every module."""
    return add_hook(global_backward_pre_hooks, hook)


def _choose_backward_style(full):
    global global_backward_hooks_are_full
    if global_backward_hooks_are_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    global_backward_hooks_are_full = full


def register_module_full_backward_hook(hook):
    """Calls hook(module, grad_input, grad_output) after the backward of every module."""
    _choose_backward_style(full=True)
    return add_hook(global_backward_hooks, hook)


def register_module_backward_hook(hook):
    """Old style: hook sees the gradients of the last autograd node of the output only."""
    _choose_backward_style(full=False)
    return add_hook(global_backward_hooks, hook)
