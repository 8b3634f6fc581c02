"""The recorded graph: its nodes, and what happens to the tensors that they save."""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple

from .. import _C, _absent

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
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
