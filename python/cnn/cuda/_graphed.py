"""Functions and modules whose calls run recorded work: `make_graphed_callables`."""

from __future__ import annotations

from .. import _C
from ..autograd import grad as gradients_of
from ..autograd.function import Function, once_differentiable
from ..nn.modules.module import Module
from ..utils import _pytree

__all__ = ["make_graphed_callables"]


def make_graphed_callables(
    callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None
):
    """A function or module, or a tuple of them, whose calls run recorded work, backward too.

    Each is run `num_warmup_iters` times and recorded with its tuple of `sample_args`: tensors with
    the shapes, places and requires_grad of later arguments, which are copied into them. Results lie
    in the graph's memory: the next call overwrites them. Several share their memory and have to be
    called in the order of the tuple, and their gradients in the opposite one. A module is given its
    new `forward`, which is used in the mode, training or not, that it was recorded in. There are no
    second derivatives. `allow_unused_input` lets some inputs have no gradient.
    """
    if _C.is_autocast_enabled("cuda") and _C.is_autocast_cache_enabled():
        raise RuntimeError(
            "make_graphed_callables does not support the autocast caching. Please set "
            "`cache_enabled=False`."
        )
    from .graphs import graph_pool_handle

    alone = not isinstance(callables, tuple)
    if alone:
        callables, sample_args = (callables,), (sample_args,)
    if len(callables) != len(sample_args):
        raise ValueError(
            f"make_graphed_callables: got {len(callables)} callables and {len(sample_args)} "
            "sample_args"
        )
    pool = graph_pool_handle() if pool is None else pool
    parts = [_Part(*pair) for pair in zip(callables, sample_args)]
    _warm_up(parts, num_warmup_iters, allow_unused_input)
    for part in parts:
        part.record_forward(pool)
    for part in reversed(parts):
        part.record_backward(pool, allow_unused_input)
    made = tuple(part.face() for part in parts)
    return made[0] if alone else made


def _warm_up(parts, times, allow_unused_input):
    """Runs everything, on the stream of captures, so that whatever is made at first use exists."""
    from . import synchronize
    from .graphs import graph
    from .streams import stream

    synchronize()
    with stream(graph._default_stream()):
        for part in parts:
            for _ in range(times):
                outputs = _pytree.tree_leaves(part.function(*part.sample_args))
                outputs = [y for y in outputs if y.requires_grad]
                if outputs and part.wanted:
                    part.gradients(outputs, [_C.zeros_like(y) for y in outputs], allow_unused_input)
    synchronize()


class _Part:
    """One of the functions: its static tensors and its two graphs."""

    def __init__(self, function, sample_args):
        self.function, self.sample_args = function, sample_args
        if isinstance(function, Module):
            _check_module(function)
        self.inputs = _pytree.tree_leaves(sample_args)
        if not all(isinstance(x, _C.Tensor) for x in self.inputs):
            raise TypeError(
                "make_graphed_callables: sample_args for each callable must contain only Tensors. "
                "Other types are not allowed."
            )
        self.arguments = len(self.inputs)
        if isinstance(function, Module):
            self.inputs = [*self.inputs, *function.parameters()]
        self.wanted = [x for x in self.inputs if x.requires_grad]

    def gradients(self, outputs, grads, allow_unused_input):
        return gradients_of(
            outputs, self.wanted, grads, only_inputs=True, allow_unused=allow_unused_input
        )

    def check(self, leaves):
        """Raises where a call's tensors are not like those that were recorded."""
        if len(leaves) != self.arguments or not all(isinstance(x, _C.Tensor) for x in leaves):
            raise TypeError(
                f"expected {self.arguments} tensors, as many as sample_args had, got "
                f"({', '.join(type(x).__name__ for x in leaves)})"
            )
        for x, static in zip(leaves, self.inputs):
            if x.shape != static.shape:
                raise RuntimeError(
                    f"expected a tensor of shape {list(static.shape)}, as in sample_args, got "
                    f"{list(x.shape)}"
                )

    def record_forward(self, pool):
        from .graphs import CUDAGraph, graph

        self.forward = CUDAGraph()
        with graph(self.forward, pool=pool):
            results = self.function(*self.sample_args)
        self.outputs, self.structure = _pytree.tree_flatten(results)

    def record_backward(self, pool, allow_unused_input):
        from .graphs import CUDAGraph, graph

        self.grad_outputs = [_C.empty_like(y) if y.requires_grad else None for y in self.outputs]
        outputs = [y for y in self.outputs if y.requires_grad]
        grads = iter(())
        self.backward = None
        if outputs and self.wanted:
            self.backward = CUDAGraph()
            given = [g for g in self.grad_outputs if g is not None]
            with graph(self.backward, pool=pool):
                grads = iter(self.gradients(outputs, given, allow_unused_input))
        self.grad_inputs = [next(grads, None) if x.requires_grad else None for x in self.inputs]
        # What backward needs lies in the pool, which the graphs keep.
        self.outputs = [y.detach() for y in self.outputs]

    def face(self):
        """What is called in place of the function."""
        part, module = self, self.function

        class Graphed(Function):
            @staticmethod
            def forward(ctx, *inputs):
                for static, given in zip(part.inputs[: part.arguments], inputs):
                    if static.data_ptr() != given.data_ptr():
                        static.detach().copy_(given)
                part.forward.replay()
                outputs = tuple(y.detach() for y in part.outputs)
                ctx.mark_non_differentiable(
                    *[y for y, g in zip(outputs, part.grad_outputs) if g is None]
                )
                return outputs

            @staticmethod
            @once_differentiable
            def backward(ctx, *grads):
                for static, grad in zip(part.grad_outputs, grads):
                    if static is not None and static.data_ptr() != grad.data_ptr():
                        static.copy_(grad)
                if part.backward is not None:
                    part.backward.replay()
                return tuple(None if g is None else g.detach() for g in part.grad_inputs)

        def call(*args):
            leaves = _pytree.tree_leaves(args)
            part.check(leaves)
            outputs = Graphed.apply(*leaves, *part.inputs[part.arguments :])
            return _pytree.tree_unflatten(list(outputs), part.structure)

        if not isinstance(module, Module):
            return call
        recorded_in, former = module.training, module.forward

        def forward(*args):
            return (call if module.training == recorded_in else former)(*args)

        module.forward = forward
        return module


def _check_module(module):
    if module._backward_hooks or module._forward_hooks or module._forward_pre_hooks:
        raise RuntimeError(
            "Modules must not have hooks registered at the time they are passed. However, "
            "registering hooks on modules after passing them through make_graphed_callables is "
            "allowed."
        )
    if any(buffer.requires_grad for buffer in module.buffers()):
        raise RuntimeError(
            "In any :class:`~torch.nn.Module` passed to :func:`~make_graphed_callables`, only "
            "parameters may be trainable. All buffers must have ``requires_grad=False``."
        )
