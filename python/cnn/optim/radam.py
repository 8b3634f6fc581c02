"""RAdam."""

from .. import _C
from ..autograd import no_grad
from ._parts import (
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

__all__ = ["RAdam", "radam"]


class RAdam(GroupwiseOptimizer):
    """Adam that waits with its adaptive step until the second moment's variance is bounded.

    With g the gradient plus weight_decay * p, m `exp_avg`, v `exp_avg_sq`, t `step`:

        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        n = 2 / (1 - beta2) - 1
        k = n - 2 * t * beta2^t / (1 - beta2^t)
        p = p - lr * m / (1 - beta1^t)                                                if k <= 5
        p = p - lr * m / (1 - beta1^t) * sqrt(1 - beta2^t) / (sqrt(v) + eps)
              * sqrt((k - 4) * (k - 2) * n / ((n - 4) * (n - 2) * k))                 otherwise

    With `decoupled_weight_decay` the parameter is shrunk instead, as in AdamW.
    Source: Liu et al. 2019 (arXiv 1908.03265).
    """

    _late_options = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
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
            "exp_avg_sq": _C.zeros_like(param),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _single_tensor_radam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **pick(group, "lr weight_decay eps decoupled_weight_decay maximize capturable"),
        )


def radam(
    params, grads, exp_avgs, exp_avg_sqs, state_steps,
    decoupled_weight_decay=False, foreach=None, differentiable=False, capturable=False,
    has_complex=False, maximize=False,
    *, beta1, beta2, lr, weight_decay, eps,
):  # fmt: skip
    """One step of `RAdam` on lists of parameters, gradients and their states."""
    _single_tensor_radam(
        params, grads, exp_avgs, exp_avg_sqs, state_steps,
        beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, eps=eps,
        decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        differentiable=differentiable, capturable=capturable,
    )  # fmt: skip


def _single_tensor_radam(
    params, grads, exp_avgs, exp_avg_sqs, state_steps,
    *, beta1, beta2, lr, weight_decay, eps, decoupled_weight_decay, maximize,
    differentiable=False, capturable=False, has_complex=False,
):  # fmt: skip
    check_steps("radam", params, state_steps, differentiable, capturable)
    number, tensor = rate(lr)
    _C._radam_step(
        params, grads, exp_avgs, exp_avg_sqs, state_steps,
        number, float(beta1), float(beta2), float(eps), float(weight_decay),
        bool(decoupled_weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_radam = _single_tensor_radam
