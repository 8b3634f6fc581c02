"""Adamax."""

from .. import _C
from ..autograd import no_grad
from ._parts import (
    LATE_OPTIONS,
    check_betas,
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

__all__ = ["Adamax", "adamax"]


class Adamax(GroupwiseOptimizer):
    """Adam with the infinity norm in place of the second moment.

    With g the gradient plus weight_decay * p, m `exp_avg`, u `exp_inf` and t `step`:

        m = m + (1 - beta1) * (g - m)
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1^t) * m / u

    Source: Kingma and Ba 2014, section 7.1 (arXiv 1412.6980).
    """

    _late_options = LATE_OPTIONS
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": state_number(group, param),
            "exp_avg": _C.zeros_like(param),
            "exp_inf": _C.zeros_like(param),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _single_tensor_adamax(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_inf"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **pick(group, "eps lr weight_decay maximize capturable"),
        )


def adamax(
    params, grads, exp_avgs, exp_infs, state_steps,
    foreach=None, maximize=False, differentiable=False, capturable=False, has_complex=False,
    *, eps, beta1, beta2, lr, weight_decay,
):  # fmt: skip
    """One step of `Adamax` on lists of parameters, gradients and their states."""
    _single_tensor_adamax(
        params, grads, exp_avgs, exp_infs, state_steps,
        eps=eps, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, maximize=maximize,
        differentiable=differentiable, capturable=capturable,
    )  # fmt: skip


def _single_tensor_adamax(
    params, grads, exp_avgs, exp_infs, state_steps,
    *, eps, beta1, beta2, lr, weight_decay, maximize,
    differentiable=False, capturable=False, has_complex=False,
):  # fmt: skip
    check_steps("adamax", params, state_steps, differentiable, capturable)
    number, tensor = rate(lr)
    _C._adamax_step(
        params, grads, exp_avgs, exp_infs, state_steps,
        number, float(beta1), float(beta2), float(eps), float(weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_adamax = _single_tensor_adamax
