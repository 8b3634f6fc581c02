"""Adam, and its variant AMSGrad."""

from .. import _C
from .._C import Tensor
from ._parts import (
    LATE_OPTIONS,
    check_betas,
    check_capturable,
    check_range,
    options,
    rate,
    refuse,
    scaled_away,
    state_number,
)
from .optimizer import GroupwiseOptimizer

__all__ = ["Adam", "adam"]


class Adam(GroupwiseOptimizer):
    """Adaptive moment estimation.

    Per element, with g the gradient (negated if `maximize`), m `exp_avg`, v `exp_avg_sq`, t `step`:

        p = p * (1 - lr * weight_decay) if decoupled_weight_decay, else g = g + weight_decay * p
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        w = v, or with amsgrad the largest v so far (`max_exp_avg_sq`)
        p = p - lr / (1 - beta1^t) * m / (sqrt(w) / sqrt(1 - beta2^t) + eps)

    `foreach` and `fused` are accepted: a step is one call for all parameters of a group anyhow.
    With `capturable` the counts lie on the GPU, for steps that a CUDA graph records; a tensor `lr`
    there is read by each of them.
    Source: Kingma and Ba 2014 (arXiv 1412.6980); Reddi, Kale and Kumar 2018 for amsgrad.
    """

    _late_options = {
        **LATE_OPTIONS,
        "amsgrad": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }
    _scalar_state = ("step",)
    _sparse_advice = ", please consider SparseAdam instead"

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ) -> None:
        defaults = options(locals())
        _check_one_element("lr", lr, foreach, capturable)
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        kinds = [Tensor if isinstance(b, Tensor) else type(b) for b in betas]
        if kinds not in ([float, float], [Tensor, Tensor]):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            _check_one_element(f"betas[{i}]", beta, foreach, capturable)
        defaults["betas"] = tuple(float(b) for b in betas)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        state = {
            "step": state_number(group, param),
            "exp_avg": _C.zeros_like(param),
            "exp_avg_sq": _C.zeros_like(param),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = _C.zeros_like(param)
        return state

    def _move(self, group, params, grads, states):
        if not params:
            return
        beta1, beta2 = group["betas"]
        _move(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
            [state["step"] for state in states],
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["amsgrad"],
            group["maximize"],
            group["decoupled_weight_decay"],
            group["capturable"],
        )


def _move(
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, lr, beta1, beta2, eps,
    weight_decay, amsgrad, maximize, decoupled_weight_decay, capturable,
):  # fmt: skip
    check_capturable(params, state_steps, capturable)
    number, tensor = rate(lr)
    _C._adam_step(
        params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps,
        number, float(beta1), float(beta2), float(eps), float(weight_decay),
        bool(amsgrad), bool(maximize), bool(decoupled_weight_decay), tensor,
    )  # fmt: skip


def adam(
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps,
    foreach=None, capturable=False, differentiable=False, fused=None,
    grad_scale=None, found_inf=None, has_complex=False, decoupled_weight_decay=False,
    *, amsgrad, beta1, beta2, lr, weight_decay, eps, maximize,
):  # fmt: skip
    """One step of `Adam` on lists of parameters, gradients and their states."""
    _single_tensor_adam(
        params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, grad_scale, found_inf,
        amsgrad=amsgrad, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay, eps=eps,
        maximize=maximize, decoupled_weight_decay=decoupled_weight_decay,
        capturable=capturable, differentiable=differentiable,
    )  # fmt: skip


def _single_tensor_adam(
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps,
    grad_scale=None, found_inf=None,
    *, amsgrad, beta1, beta2, lr, weight_decay, eps, maximize, decoupled_weight_decay,
    has_complex=False, capturable=False, differentiable=False,
):  # fmt: skip
    refuse("adam", differentiable)
    if not params or scaled_away(grads, grad_scale, found_inf):
        return
    _move(
        params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else [], state_steps,
        lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay, capturable,
    )  # fmt: skip


_multi_tensor_adam = _fused_adam = _single_tensor_adam


def _check_one_element(name, value, foreach, capturable):
    if not isinstance(value, Tensor):
        return
    if foreach and not capturable:
        raise ValueError(
            f"{name} as a Tensor is not supported for capturable=False and foreach=True"
        )
    if value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")
