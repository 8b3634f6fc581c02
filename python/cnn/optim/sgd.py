"""Stochastic gradient descent with momentum."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ._parts import check_lr, check_range, options, rate, refuse, scaled_away
from .optimizer import Optimizer

__all__ = ["SGD", "sgd"]


class SGD(Optimizer):
    """Gradient descent, with momentum where that is not 0.

    Per element, with g the gradient (negated if `maximize`) and b the `momentum_buffer`:

        g = g + weight_decay * p
        b = g at a parameter's first step, else momentum * b + (1 - dampening) * g
        g = g + momentum * b if nesterov, else b           (these two only if momentum != 0)
        p = p - lr * g

    `foreach` and `fused` are accepted: a step is one call for all parameters of a group anyhow.
    """

    _late_options = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }
    _sparse_advice = "; call grad.to_dense() before the step"

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {}

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        for group in self.param_groups:
            momentum = float(group["momentum"])
            params, grads, states = self._gather(group, with_state=momentum != 0)
            buffers = fresh = ()
            if states:
                buffers = [state.get("momentum_buffer") for state in states]
                fresh = [i for i, b in enumerate(buffers) if b is None]
                for i in fresh:
                    self._refuse_recording(params[i])
            _move(
                params,
                grads,
                buffers,
                fresh,
                group["lr"],
                momentum,
                float(group["dampening"]),
                float(group["weight_decay"]),
                bool(group["nesterov"]),
                bool(group["maximize"]),
            )
            # Only now: a step that raised leaves no buffer without contents.
            for i in fresh:
                states[i]["momentum_buffer"] = buffers[i]
        return loss


def sgd(
    params, d_p_list, momentum_buffer_list,
    has_sparse_grad=False, foreach=None, fused=None, grad_scale=None, found_inf=None,
    *, weight_decay, momentum, lr, dampening, nesterov, maximize,
):  # fmt: skip
    """One step of `SGD` on lists of parameters, gradients and momentum buffers.

    Where a buffer is None it is the parameter's first step; the new buffer is put in its place.
    """
    _single_tensor_sgd(
        params, d_p_list, momentum_buffer_list, grad_scale, found_inf,
        weight_decay=weight_decay, momentum=momentum, lr=lr, dampening=dampening,
        nesterov=nesterov, maximize=maximize, has_sparse_grad=has_sparse_grad,
    )  # fmt: skip


def _single_tensor_sgd(
    params, grads, momentum_buffer_list, grad_scale=None, found_inf=None,
    *, weight_decay, momentum, lr, dampening, nesterov, maximize, has_sparse_grad=False,
):  # fmt: skip
    if has_sparse_grad:
        refuse("sgd", sparse=True)
    if scaled_away(grads, grad_scale, found_inf):
        return
    buffers = momentum_buffer_list if momentum != 0 else []
    fresh = [i for i, b in enumerate(buffers) if b is None]
    numbers = lr, float(momentum), float(dampening), float(weight_decay)
    _move(params, grads, buffers, fresh, *numbers, bool(nesterov), bool(maximize))


_multi_tensor_sgd = _fused_sgd = _single_tensor_sgd


def _move(params, grads, buffers, fresh, lr, *options):
    """The step; where `fresh` says that there is no buffer yet, one is made, of the gradient."""
    if not params:
        return
    number, tensor = rate(lr)
    if not fresh:
        _C._sgd_step(params, grads, buffers, number, *options, False, tensor)
        return
    made = list(buffers)
    for i in fresh:
        made[i] = _C.zeros_like(params[i])  # copies may be made of it before it is written
    moving = [i for i, b in enumerate(buffers) if b is not None]
    for chosen, first in ((fresh, True), (moving, False)):
        if chosen:
            lists = [[column[i] for i in chosen] for column in (params, grads, made)]
            _C._sgd_step(*lists, number, *options, first, tensor)
    buffers[:] = made
