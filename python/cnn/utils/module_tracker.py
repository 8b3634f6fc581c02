"""Which modules are at work: `ModuleTracker`."""

from __future__ import annotations

import weakref

from .. import _C
from ..autograd.graph import register_multi_grad_hook
from ..nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """Context in which `parents` is the set of names of modules that are at work.

    In a forward pass they are those whose `forward` runs, in a backward pass those whose gradients
    are computed. "Global" is always there; the outermost module is named by its class, the others
    by their path below it. `is_bw` is true in a backward pass.
    """

    def __init__(self) -> None:
        self.parents = {"Global"}
        self._names = weakref.WeakKeyDictionary()
        self._handles = []

    @property
    def is_bw(self):
        """Whether a backward pass runs in this thread."""
        return _C._current_graph_task_id() != -1

    def _name(self, module):
        """The module's name; those below it get theirs with it."""
        if module not in self._names:
            root = type(module).__name__
            for path, below in module.named_modules():
                self._names.setdefault(below, f"{root}.{path}" if path else root)
        return self._names[module]

    def _enter(self, module, args):
        name = self._name(module)
        self.parents.add(name)
        self._when_graded(args, lambda *grads: self.parents.discard(name))

    def _leave(self, module, args, output):
        name = self._name(module)
        self.parents.discard(name)
        self._when_graded(output, lambda *grads: self.parents.add(name))

    def _when_graded(self, value, act):
        values = value if isinstance(value, (tuple, list)) else (value,)
        tensors = [t for t in values if isinstance(t, _C.Tensor) and t.requires_grad]
        if tensors:
            self._handles.append(register_multi_grad_hook(tensors, act))

    def __enter__(self):
        self._handles += [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave),
        ]
        return self

    def __exit__(self, *error):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.parents = {"Global"}
