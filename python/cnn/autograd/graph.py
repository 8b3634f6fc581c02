"""The recorded graph: its nodes, and what happens to the tensors that they save."""

from __future__ import annotations

from typing import NamedTuple

from cnn import _C, _absent

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
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


_absent.explain(__name__)
