"""The handle that every registration of a hook hands out, and the backward hooks of a Module."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict

from .. import _C, _absent

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """Takes a hook out again: by `remove()`, or at the end of a `with` block.

    The dictionaries of hooks are held weakly, so that a handle keeps no owner alive.
    """

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        if extra_dict is None:
            extra_dict = ()
        elif isinstance(extra_dict, dict):
            extra_dict = (extra_dict,)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra_dict)

    def remove(self):
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state):
        hooks, self.id, *rest = state
        extra = rest[0] if rest and rest[0] is not None else ()
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(OrderedDict() if d is None else d) for d in extra)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self.remove()


def unserializable_hook(f):
    """Decorates a hook of which a saved tensor need not warn that it is not saved."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor):
    """Warn of each hook of a tensor that is about to be saved, unless it is marked."""
    for hook in (tensor._backward_hooks or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


# A Module's backward hooks sit on an identity node around its inputs and one around its outputs.

_identity_node = None


def _identity(*tensors):
    """The same tensors behind one autograd node, on which a hook can sit."""
    global _identity_node
    if _identity_node is None:
        from ..autograd import Function

        class BackwardHookFunction(Function):
            @staticmethod
            def forward(ctx, *args):
                ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
                return args

            @staticmethod
            def backward(ctx, *grads):
                return grads

        _identity_node = BackwardHookFunction
    return _identity_node.apply(*tensors)


def _spread(indices, values, size):
    """A tuple of `size` with the values at their indices and None elsewhere."""
    row = [None] * size
    for index, value in zip(indices, values):
        row[index] = value
    return tuple(row)


class BackwardHook:
    """One call's full backward hooks.

    The node around the outputs catches grad_output and runs the pre-hooks; the node around the
    inputs has grad_input and runs the hooks. Without an input that needs a gradient, the hooks run
    at the outputs.
    """

    def __init__(self, module, user_hooks, user_pre_hooks) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs = None
        self.input_indices = None
        self.output_indices = None
        self.n_inputs = -1
        self.n_outputs = -1

    def setup_input_hook(self, args):
        """The arguments to call forward with."""
        self.n_inputs = len(args)
        args, self.input_indices = self._wrap(args, self._at_inputs)
        return args

    def setup_output_hook(self, result):
        """The result to hand to the caller."""
        values = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(values)
        values, self.output_indices = self._wrap(values, self._at_outputs)
        return values if isinstance(result, tuple) else values[0]

    def _wrap(self, values, hook):
        indices = [i for i, value in enumerate(values) if isinstance(value, _C.Tensor)]
        tensors = [values[i] for i in indices]
        if not _C.is_grad_enabled() or not any(t.requires_grad for t in tensors):
            return values, None
        wrapped = _identity(*tensors)
        node = next(t.grad_fn for t in wrapped if t.requires_grad)
        node.register_hook(hook)
        row = list(values)
        for index, tensor in zip(indices, wrapped):
            row[index] = tensor
        # Named tuples take their fields one by one.
        return (tuple(row) if type(values) is tuple else type(values)(*row)), indices

    def _at_outputs(self, _, grad_output):
        self.grad_outputs = _spread(self.output_indices, grad_output, self.n_outputs)
        for pre_hook in self.user_pre_hooks:
            changed = pre_hook(self.module, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != self.n_outputs:
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {self.n_outputs}"
                )
            self.grad_outputs = changed
        changed = tuple(self.grad_outputs[i] for i in self.output_indices)
        if self.input_indices is None:
            self._run_without_inputs()
        return changed

    def _run_without_inputs(self):
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients.",
            stacklevel=5,
        )
        for hook in self.user_hooks:
            result = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if result is not None and not (
                isinstance(result, tuple) and all(grad is None for grad in result)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None

    def _at_inputs(self, grad_input, _):
        if self.grad_outputs is None:  # the gradient came by a way around this module's outputs
            return None
        grads = _spread(self.input_indices, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(grads):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(grads)}"
                )
            grads = changed
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_indices)


def attach_old_style_hooks(hooks, result):
    """Hangs bound hooks(grad_input, grad_output) on the last autograd node of the output."""
    output = result
    while not isinstance(output, _C.Tensor):
        if isinstance(output, dict):
            output = next(value for value in output.values() if isinstance(value, _C.Tensor))
        else:
            output = output[0]
    node = output.grad_fn
    if node is not None:
        for hook in hooks:
            node.register_hook(hook)
    return node


def warn_of_partial_gradients(inputs, result, node):
    """Says where an old-style backward hook will not see all gradients."""
    full = "Please use register_full_backward_hook to get the documented behavior."
    outputs = (result,) if isinstance(result, _C.Tensor) else result
    if not isinstance(outputs, tuple) or not all(isinstance(t, _C.Tensor) for t in outputs):
        message = (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a "
            "tuple of Tensors is deprecated and will be removed in future versions. This hook "
            f"will be missing some of the grad_output. {full}"
        )
    elif not all(isinstance(t, _C.Tensor) for t in inputs):
        message = (
            "Using non-full backward hooks on a Module that does not take as input a single "
            "Tensor or a tuple of Tensors is deprecated and will be removed in future versions. "
            f"This hook will be missing some of the grad_input. {full}"
        )
    else:
        nodes = {t.grad_fn for t in outputs if t.grad_fn is not None}
        sources = {t.grad_fn for t in inputs if t.grad_fn is not None}
        if len(nodes) > 1:
            message = (
                "Using a non-full backward hook when outputs are generated by different autograd "
                "Nodes is deprecated and will be removed in future versions. This hook will be "
                f"missing some grad_output. {full}"
            )
        elif node not in nodes:
            message = (
                "Using a non-full backward hook when outputs are nested in python data structure "
                "is deprecated and will be removed in future versions. This hook will be missing "
                "some grad_output."
            )
        elif sources != {edge[0] for edge in node.next_functions}:
            message = (
                "Using a non-full backward hook when the forward contains multiple autograd Nodes "
                "is deprecated and will be removed in future versions. This hook will be missing "
                f"some grad_input. {full}"
            )
        else:
            return
    warnings.warn(message, FutureWarning, stacklevel=4)


_absent.explain(__name__)
