"""NAdam."""

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

__all__ = ["NAdam", "nadam"]


class NAdam(GroupwiseOptimizer):
    """Adam with Nesterov momentum.

    With g the gradient plus weight_decay * p, m `exp_avg`, v `exp_avg_sq`, t `step` and c
    `mu_product`, the product of all mu up to t:

        mu(t) = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        r = sqrt(v / (1 - beta2^t)) + eps
        p = p - lr * (1 - mu(t)) / (1 - c) * g / r - lr * mu(t + 1) / (1 - c * mu(t + 1)) * m / r

    With `decoupled_weight_decay` the parameter is shrunk instead, as in AdamW.
    Source: Dozat 2016, "Incorporating Nesterov Momentum into Adam".
    """

    _late_options = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    _scalar_state = ("step", "mu_product")

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        check_range("momentum_decay value", momentum_decay)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": state_number(group, param),
            "mu_product": state_number(group, param, 1.0),
            "exp_avg": _C.zeros_like(param),
            "exp_avg_sq": _C.zeros_like(param),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _single_tensor_nadam(
            params,
            grads,
            column(states, "exp_avg"),
            column(states, "exp_avg_sq"),
            column(states, "mu_product"),
            column(states, "step"),
            beta1=beta1,
            beta2=beta2,
            **pick(
                group,
                "lr weight_decay momentum_decay eps decoupled_weight_decay maximize capturable",
            ),
        )


def nadam(
    params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps,
    decoupled_weight_decay=False, foreach=None, capturable=False, differentiable=False,
    has_complex=False, maximize=False,
    *, beta1, beta2, lr, weight_decay, momentum_decay, eps,
):  # fmt: skip
    """One step of `NAdam` on lists of parameters, gradients and their states."""
    _single_tensor_nadam(
        params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps,
        beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay,
        momentum_decay=momentum_decay, eps=eps, decoupled_weight_decay=decoupled_weight_decay,
        maximize=maximize, capturable=capturable, differentiable=differentiable,
    )  # fmt: skip


def _single_tensor_nadam(
    params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps,
    *, beta1, beta2, lr, weight_decay, momentum_decay, eps, decoupled_weight_decay, maximize,
    capturable=False, differentiable=False, has_complex=False,
):  # fmt: skip
    check_steps("nadam", params, state_steps, differentiable, capturable, mu_products=mu_products)
    number, tensor = rate(lr)
    _C._nadam_step(
        params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps,
        number, float(beta1), float(beta2), float(eps), float(weight_decay),
        float(momentum_decay), bool(decoupled_weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_nadam = _single_tensor_nadam
