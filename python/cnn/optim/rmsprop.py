"""RMSprop."""

from .. import _C
from ._parts import (
    LATE_OPTIONS,
    check_capturable,
    check_lr,
    check_range,
    options,
    rate,
    refuse,
    state_number,
)
from .optimizer import GroupwiseOptimizer

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(GroupwiseOptimizer):
    """Steps divided by the root of a moving average of squared gradients.

    Per element, with g the gradient (negated if `maximize`), v `square_avg`, a `grad_avg`, b
    `momentum_buffer`:

        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g * g
        a = a + (1 - alpha) * (g - a)                                  if centered
        r = sqrt(v - a * a) + eps if centered, else sqrt(v) + eps
        b = momentum * b + g / r;  p = p - lr * b                      if momentum > 0
        p = p - lr * g / r                                             otherwise

    `foreach` is accepted: a step is one call for all parameters of a group anyhow.
    Source: Tieleman and Hinton 2012, lecture 6.5; the centered form is from Graves 2013
    (arXiv 1308.0850).
    """

    _late_options = {**LATE_OPTIONS, "momentum": 0, "centered": False}
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        check_range("epsilon value", eps)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_range("alpha value", alpha)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        state = {"step": state_number(group, param), "square_avg": _C.zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = _C.zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = _C.zeros_like(param)
        return state

    def _move(self, group, params, grads, states):
        if not params:
            return
        _move(
            params,
            grads,
            [state["square_avg"] for state in states],
            [state["grad_avg"] for state in states] if group["centered"] else [],
            [state["momentum_buffer"] for state in states] if group["momentum"] > 0 else [],
            [state["step"] for state in states],
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["centered"],
            group["maximize"],
            group["capturable"],
        )


def _move(
    params, grads, square_avgs, grad_avgs, momentum_buffers, state_steps,
    lr, alpha, eps, weight_decay, momentum, centered, maximize, capturable,
):  # fmt: skip
    check_capturable(params, state_steps, capturable)
    number, tensor = rate(lr)
    _C._rmsprop_step(
        params, grads, square_avgs, grad_avgs, momentum_buffers, state_steps,
        number, float(alpha), float(eps), float(weight_decay), float(momentum),
        bool(centered), bool(maximize), tensor,
    )  # fmt: skip


def rmsprop(
    params, grads, square_avgs, grad_avgs, momentum_buffer_list, state_steps,
    foreach=None, maximize=False, differentiable=False, capturable=False, has_complex=False,
    *, lr, alpha, eps, weight_decay, momentum, centered,
):  # fmt: skip
    """One step of `RMSprop` on lists of parameters, gradients and their states."""
    _single_tensor_rmsprop(
        params, grads, square_avgs, grad_avgs, momentum_buffer_list, state_steps,
        lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum,
        centered=centered, maximize=maximize,
        differentiable=differentiable, capturable=capturable,
    )  # fmt: skip


def _single_tensor_rmsprop(
    params, grads, square_avgs, grad_avgs, momentum_buffer_list, state_steps,
    *, lr, alpha, eps, weight_decay, momentum, centered, maximize,
    differentiable=False, capturable=False, has_complex=False,
):  # fmt: skip
    refuse("rmsprop", differentiable)
    if not params:
        return
    _move(
        params, grads, square_avgs,
        grad_avgs if centered else [],
        momentum_buffer_list if momentum > 0 else [],
        state_steps, lr, alpha, eps, weight_decay, momentum, centered, maximize, capturable,
    )  # fmt: skip


_multi_tensor_rmsprop = _single_tensor_rmsprop
