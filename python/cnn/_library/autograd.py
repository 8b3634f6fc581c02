"""Gradients of operators that programs define."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from .. import _C
from ..autograd.function import Function
from ..autograd.grad_mode import no_grad
from .binding import tensors_of

_below = threading.local()


@contextmanager
def below_autograd():
    """Within it, operators run their kernels as if there were no gradients."""
    depth = getattr(_below, "depth", 0)
    _below.depth = depth + 1
    try:
        with no_grad():
            yield
    finally:
        _below.depth = depth


def is_below_autograd():
    """Whether a `below_autograd` is open in this thread."""
    return getattr(_below, "depth", 0) > 0


def needs_gradient(arguments):
    """Whether a gradient may be asked for."""
    return _C.is_grad_enabled() and any(t.requires_grad for t in tensors_of(arguments))


def make_node(op):
    """The autograd Function of an operator: its forward runs the kernel, its backward the formula.

    `apply(call, *tensors and other leaves)`; `call` knows how arguments and results are built.
    """

    def forward(ctx, call, *leaves):
        args = call.arguments(leaves)
        with below_autograd():
            result = op._run_kernel(args, call.keywords)
        ctx.call = call
        if op._setup_context is not None:
            needs = ctx.needs_input_grad
            ctx.needs_input_grad = tuple(call.arguments(needs[1:]))
            if any(a.kwarg_only for a in op._schema.arguments):
                op._setup_context(
                    ctx=ctx, inputs=tuple(args), keyword_only_inputs=call.keywords, output=result
                )
            else:
                op._setup_context(ctx=ctx, inputs=tuple(args), output=result)
            ctx.needs_input_grad = needs
        return call.flatten_results(result)

    def backward(ctx, *grads):
        if op._backward is None:
            raise RuntimeError(
                f"Trying to backward through {op} but no autograd formula was registered. Please "
                "use register_autograd to add one."
            )
        call, needs = ctx.call, ctx.needs_input_grad
        ctx.needs_input_grad = tuple(call.arguments(needs[1:]))
        try:
            found = op._backward(ctx, *call.group_results(grads))
        finally:
            ctx.needs_input_grad = needs
        return (None, *call.flatten_grads(found, op))

    name = f"{op._overloadpacket._qualified_op_name}_{op._overloadname}".replace("::", "_")
    return type(
        f"GeneratedBackwardFor_{name}",
        (Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )


class Call:
    """How the arguments and the results of one call lie in flat lists."""

    def __init__(self, args, keywords):
        self.keywords = keywords
        # Of each argument: None, or how many items the list of tensors has that it is.
        self._counts = [
            len(a) if isinstance(a, (list, tuple)) and any(True for _ in tensors_of(a)) else None
            for a in args
        ]
        self.leaves = []
        for value, count in zip(args, self._counts):
            self.leaves += [value] if count is None else value

    def arguments(self, leaves):
        """The arguments of these leaves."""
        rest = iter(leaves)
        return [
            next(rest) if count is None else [next(rest) for _ in range(count)]
            for count in self._counts
        ]

    def flatten_results(self, result):
        self._several = isinstance(result, (tuple, list))
        self._as_list = isinstance(result, list)
        results = result if self._several else (result,)
        self._groups = [len(r) if isinstance(r, (tuple, list)) else None for r in results]
        flat = []
        for r, count in zip(results, self._groups):
            flat += [r] if count is None else r
        self._single = not self._several
        return flat[0] if self._single else tuple(flat)

    def results(self, flat):
        """The results as the kernel gave them."""
        if self._single:
            return flat
        grouped = self._grouped(flat)
        return list(grouped) if self._as_list else tuple(grouped)

    def group_results(self, grads):
        """What the formula gets: a gradient for each result, a list for a list."""
        grouped = self._grouped(grads)
        return [grouped] if self._as_list else grouped

    def _grouped(self, flat):
        rest = iter(flat)
        return [
            next(rest) if count is None else [next(rest) for _ in range(count)]
            for count in self._groups
        ]

    def flatten_grads(self, found, op):
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(self._counts):
            raise RuntimeError(
                f"Expected the return from backward to be of the same structure as the inputs of "
                f"{op}: {len(self._counts)} gradients, but got {len(found)}."
            )
        flat = []
        for grad, count in zip(found, self._counts):
            if count is None:
                flat.append(grad)
            else:
                grads = [None] * count if grad is None else list(grad)
                if len(grads) != count:
                    raise RuntimeError(
                        f"{op}: expected {count} gradients for a list of tensors, but got "
                        f"{len(grads)}"
                    )
                flat += grads
        return flat


def call_with_node(op, args, keywords):
    """The results of the operator, with the node that gives their gradients."""
    if op._node is None:
        op._node = make_node(op)
    call = Call(args, keywords)
    return call.results(op._node.apply(call, *call.leaves))
