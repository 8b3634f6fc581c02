"""The recorded graph: its nodes, and what happens to the tensors that they save."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

from .. import _C, _absent

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class _NodeMeta(type):
    def __instancecheck__(cls, obj):
        return isinstance(obj, (_C.Node, _C._FunctionBase))

    def __subclasscheck__(cls, kind):
        return issubclass(kind, (_C.Node, _C._FunctionBase))


class Node(metaclass=_NodeMeta):
    """The type of `tensor.grad_fn`, with `name()`, `next_functions`, `register_hook`, ..."""


class GradientEdge(NamedTuple):
    """A place in the graph: the `output_nr`-th output of `node`."""

    node: object
    output_nr: int


def get_gradient_edge(tensor):
    """Where the gradient of `tensor` is computed; RuntimeError if it does not require grad."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if tensor.grad_fn is not None:
        return GradientEdge(tensor.grad_fn, tensor.output_nr)
    with_history = _recorded_view(tensor)
    return GradientEdge(*with_history.grad_fn.next_functions[0])


def _recorded_view(leaf):
    former = _C.is_grad_enabled()
    _C._set_grad_enabled(True)
    try:
        return leaf.view_as(leaf)
    finally:
        _C._set_grad_enabled(former)


class _AllGradients:
    """Calls `function` with the gradients of all `tensors` once the last of them is there that a
    backward computes.
    """

    def __init__(self, tensors, function):
        self._tensors, self._function = tensors, function
        self._lock = Lock()
        self._runs = {}  # of each backward: how many are still to come, and those that have

    def hook(self, index):
        def hook(grad):
            run = _C._current_graph_task_id()
            with self._lock:
                if run not in self._runs:
                    expected = sum(map(_C._computes_gradient_of, self._tensors))
                    self._runs[run] = [expected, [None] * len(self._tensors)]
                state = self._runs[run]
                state[0] -= 1
                state[1][index] = grad
                if state[0]:
                    return
                del self._runs[run]
            self._function(state[1])

        return hook


class _FirstGradient:
    """Calls `function` with the first gradient that each backward computes."""

    def __init__(self, function):
        self._function = function
        self._lock = Lock()
        self._seen = set()

    def hook(self, grad):
        run = _C._current_graph_task_id()
        with self._lock:
            if run in self._seen:
                return
            self._seen.add(run)
        self._function(grad)


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """A hook for the gradients of several tensors in one backward. Returns a handle; its `remove`
    takes the hook away.

    `mode="all"`: fn(grads) is called when all of the gradients are there that this backward
    computes, with None for the others. `mode="any"`: fn(grad), with the first of them.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        first = _FirstGradient(fn)
        return _MultiHandle(t.register_hook(first.hook) for t in tensors if t.requires_grad)
    tensors = tuple(tensors)
    gradients = _AllGradients(tensors, fn)
    return _MultiHandle(t.register_hook(gradients.hook(i)) for i, t in enumerate(tensors))


class _MultiHandle:
    """The handles of several hooks as one; a `with` block removes them at its end."""

    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        for handle in self.handles:
            handle.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.remove()


class saved_tensors_hooks:
    """Context manager: ops keep `pack_hook(tensor)`; backward calls `unpack_hook` of that.

    `unpack_hook(pack_hook(x))` must equal x in values, shape, dtype and device; `pack_hook` may not
    change x in place.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        _C._push_saved_tensors_default_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc_info):
        _C._pop_saved_tensors_default_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Context manager: what is saved inside waits in CPU memory for its backward."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        def pack(tensor):
            if not pin_memory:
                return tensor.device, tensor.cpu()
            packed = _C.empty(tensor.size(), dtype=tensor.dtype, pin_memory=True)
            packed.copy_(tensor)
            return tensor.device, packed

        def unpack(packed):
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:
    """Context manager: `saved_tensors_hooks` inside it raises RuntimeError(error_message)."""

    def __init__(self, error_message):
        self._message = error_message

    def __enter__(self):
        self._former = _C._saved_tensors_hooks_get_disabled_error_message()
        _C._saved_tensors_hooks_disable(self._message)

    def __exit__(self, *exc_info):
        if self._former is None:
            _C._saved_tensors_hooks_enable()
        else:
            _C._saved_tensors_hooks_disable(self._former)


class _AllowMutationOnSavedContext:
    """What `allow_mutation_on_saved_tensors` keeps: the values of saved tensors, until the end."""

    def __init__(self):
        self._values = {}

    def save(self, tensor):
        self._values[len(self._values)] = tensor.detach().clone()
        return self, len(self._values) - 1

    def value(self, number):
        if number not in self._values:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in "
                "which the graph was originally recorded."
            )
        return self._values[number]

    def clear(self):
        """Let go of all values: what was recorded inside has no backward any more."""
        self._values.clear()


_mutation_allowed = False


@contextmanager
def allow_mutation_on_saved_tensors():
    """Context manager: what is saved inside for backward may be written to; backward, which has to
    run inside, too, sees the values of before. Each saved tensor is copied.
    """
    global _mutation_allowed
    if _mutation_allowed:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = _AllowMutationOnSavedContext()
    with saved_tensors_hooks(context.save, lambda packed: packed[0].value(packed[1])):
        _mutation_allowed = True
        try:
            yield context
        finally:
            context.clear()
            _mutation_allowed = False


def increment_version(tensor):
    """Count a write to a tensor, or to each of several, that autograd could not see."""
    for t in (tensor,) if isinstance(tensor, _C.Tensor) else tensor:
        # A write to none of its elements, by a view that shares the count.
        t.detach().unsqueeze(0)[:0].zero_()


_absent.explain(__name__)
