"""Adadelta."""

from .. import _C
from ..autograd import no_grad
from ._parts import (
    LATE_OPTIONS,
    check_lr,
    check_range,
    check_steps,
    column,
    options,
    pick,
    rate,
    state_number,
)
from .optimizer import GroupwiseOptimizer

__all__ = ["Adadelta", "adadelta"]


class Adadelta(GroupwiseOptimizer):
    """Steps in the ratio of two moving averages: of squared updates and of squared gradients.

    With g the gradient plus weight_decay * p, v `square_avg` and a `acc_delta`:

        v = rho * v + (1 - rho) * g * g
        d = sqrt(a + eps) / sqrt(v + eps) * g
        a = rho * a + (1 - rho) * d * d
        p = p - lr * d

    Source: Zeiler 2012 (arXiv 1212.5701).
    """

    _late_options = LATE_OPTIONS
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": state_number(group, param),
            "square_avg": _C.zeros_like(param),
            "acc_delta": _C.zeros_like(param),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        _single_tensor_adadelta(
            params,
            grads,
            column(states, "square_avg"),
            column(states, "acc_delta"),
            column(states, "step"),
            **pick(group, "lr rho eps weight_decay maximize capturable"),
        )


def adadelta(
    params, grads, square_avgs, acc_deltas, state_steps,
    capturable=False, foreach=None, differentiable=False, has_complex=False,
    *, lr, rho, eps, weight_decay, maximize,
):  # fmt: skip
    """One step of `Adadelta` on lists of parameters, gradients and their states."""
    _single_tensor_adadelta(
        params, grads, square_avgs, acc_deltas, state_steps,
        lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize,
        differentiable=differentiable, capturable=capturable,
    )  # fmt: skip


def _single_tensor_adadelta(
    params, grads, square_avgs, acc_deltas, state_steps,
    *, lr, rho, eps, weight_decay, maximize,
    differentiable=False, capturable=False, has_complex=False,
):  # fmt: skip
    check_steps("adadelta", params, state_steps, differentiable, capturable)
    number, tensor = rate(lr)
    _C._adadelta_step(
        params, grads, square_avgs, acc_deltas, state_steps,
        number, float(rho), float(eps), float(weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_adadelta = _single_tensor_adadelta
