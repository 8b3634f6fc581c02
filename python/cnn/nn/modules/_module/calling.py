"""Calling a Module: hooks around forward, and the module's path on an error."""

from __future__ import annotations

import warnings

from .... import _C
from ....utils.hooks import BackwardHook, attach_old_style_hooks, warn_of_partial_gradients
from . import hooks as _hooks
from .hooks import _WrappedHook, add_hook


class _PathNote(str):
    """The note 'in features.3 (Conv2d)' on an error; grows by one name per enclosing module."""

    def __new__(cls, path, leaf, module):
        note = super().__new__(cls, f"in {path} ({leaf})" if path else f"in {leaf}")
        note.path, note.leaf, note.module = path, leaf, module
        return note

    def __reduce__(self):
        return str, (str(self),)


def note_path(error, module):
    """Writes on `error` where in `module` it came from. Python 3.10 has no notes."""
    if not hasattr(error, "add_note"):
        return
    notes = getattr(error, "__notes__", None)
    last = notes[-1] if notes else None
    if not isinstance(last, _PathNote):
        error.add_note(_PathNote("", module._get_name(), module))
    elif last.module is not module:
        for name, child in module.named_modules():
            if child is last.module:
                path = f"{name}.{last.path}" if last.path else name
                notes[-1] = _PathNote(path, last.leaf, module)
                break


def _forward_unimplemented(self, *input):
    """Computes the module's result; every subclass writes its own."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Calling:
    """The part of Module that is called: `__call__`, and everything registered to run around it."""

    def __call__(self, *args, **kwargs):
        try:
            if (
                self._backward_hooks
                or self._backward_pre_hooks
                or self._forward_hooks
                or self._forward_pre_hooks
                or _hooks.global_backward_pre_hooks
                or _hooks.global_backward_hooks
                or _hooks.global_forward_hooks
                or _hooks.global_forward_pre_hooks
            ):
                return _HookedCall(self, args, kwargs).run()
            return self.forward(*args, **kwargs)
        except Exception as error:
            note_path(error, self)
            raise

    _call_impl = __call__

    forward = _forward_unimplemented

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Calls hook(module, args) before forward; it may return new arguments.

        With `with_kwargs`, hook(module, args, kwargs) may return (new_args, new_kwargs).
        """
        flags = ((self._forward_pre_hooks_with_kwargs, with_kwargs),)
        return add_hook(self._forward_pre_hooks, hook, flags=flags, prepend=prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Calls hook(module, args, output) after forward; it may return a new output.

        With `with_kwargs`, hook(module, args, kwargs, output). With `always_call`, also when
        forward raised.
        """
        flags = (
            (self._forward_hooks_with_kwargs, with_kwargs),
            (self._forward_hooks_always_called, always_call),
        )
        return add_hook(self._forward_hooks, hook, flags=flags, prepend=prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Calls hook(module, grad_output) before the module's backward.

        It may return a new grad_output.
        """
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Calls hook(module, grad_input, grad_output); it may return a new grad_input."""
        self._choose_backward_style(full=True)
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """Old style: the hook sees the gradients of the output's last autograd node only."""
        self._choose_backward_style(full=False)
        return add_hook(self._backward_hooks, hook)

    def _choose_backward_style(self, full):
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = full


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module, args, kwargs) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result = None
        self.always_called = set()

    def run(self):
        try:
            return self._run()
        except Exception:
            self._run_always_called_hooks()
            raise

    def _run(self):
        module = self.module
        self._run_pre_hooks()
        full, old_style = self._backward_hooks()
        pre = [*_hooks.global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        backward = None
        if full or pre:
            backward = BackwardHook(module, full, pre)
            self.args = backward.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key, hook in self._forward_hooks():
            if self._is_always_called(key):
                self.always_called.add(key)
            self._run_forward_hook(key, hook)
        if backward is not None:
            self.result = self._wrap_result(backward)
        if old_style:
            bound = [_WrappedHook(hook, module) for hook in old_style]
            node = attach_old_style_hooks(bound, self.result)
            if node is not None:
                warn_of_partial_gradients(self.args, self.result, node)
        return self.result

    def _run_pre_hooks(self):
        module = self.module
        with_kwargs = module._forward_pre_hooks_with_kwargs
        for key, hook in (
            *_hooks.global_forward_pre_hooks.items(),
            *module._forward_pre_hooks.items(),
        ):
            if key in with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def _backward_hooks(self):
        """(full, old-style) backward hooks, the process-wide ones first."""
        module = self.module
        split = {True: [], False: []}
        for style, found in (
            (_hooks.global_backward_hooks_are_full, _hooks.global_backward_hooks),
            (module._is_full_backward_hook, module._backward_hooks),
        ):
            if style is not None:
                split[style] += found.values()
        return split[True], split[False]

    def _wrap_result(self, backward):
        result = self.result
        # Tensors inside lists and dictionaries are not looked for.
        if not isinstance(result, (_C.Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=5,
            )
        return backward.setup_output_hook(result)

    def _forward_hooks(self):
        return (*_hooks.global_forward_hooks.items(), *self.module._forward_hooks.items())

    def _is_always_called(self, key):
        return (
            key in self.module._forward_hooks_always_called
            or key in _hooks.global_forward_hooks_always_called
        )

    def _run_forward_hook(self, key, hook):
        module = self.module
        if (
            key in module._forward_hooks_with_kwargs
            or key in _hooks.global_forward_hooks_with_kwargs
        ):
            changed = hook(module, self.args, self.kwargs, self.result)
        else:
            changed = hook(module, self.args, self.result)
        if changed is not None:
            self.result = changed

    def _run_always_called_hooks(self):
        """After an error: the hooks that wanted to run all the same, and have not."""
        for key, hook in self._forward_hooks():
            if not self._is_always_called(key) or key in self.always_called:
                continue
            try:
                self._run_forward_hook(key, hook)
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )
