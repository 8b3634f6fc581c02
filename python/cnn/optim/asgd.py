"""Averaged stochastic gradient descent."""

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

__all__ = ["ASGD", "asgd"]


class ASGD(GroupwiseOptimizer):
    """Gradient descent that also keeps, in `ax`, an average of the parameters.

    With g the gradient plus weight_decay * p and t `step` (counted from 1):

        p = p * (1 - lambd * eta) - eta * g
        ax = p while mu is 1, else ax + mu * (p - ax)
        eta = lr / (1 + lambd * lr * t)^alpha,   mu = 1 / max(1, t - t0)        for the next step

    Source: Polyak and Juditsky 1992; the step sizes are Bottou's.
    """

    _late_options = LATE_OPTIONS
    _scalar_state = ("step", "eta", "mu")

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        check_range("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": state_number(group, param),
            "eta": state_number(group, param, group["lr"]),
            "mu": state_number(group, param, 1.0),
            "ax": _C.zeros_like(param),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        _single_tensor_asgd(
            params,
            grads,
            column(states, "ax"),
            column(states, "mu"),
            column(states, "eta"),
            column(states, "step"),
            **pick(group, "lambd lr t0 alpha weight_decay maximize capturable"),
        )


def asgd(
    params, grads, axs, mus, etas, state_steps,
    foreach=None, maximize=False, differentiable=False, capturable=False, has_complex=False,
    *, lambd, lr, t0, alpha, weight_decay,
):  # fmt: skip
    """One step of `ASGD` on lists of parameters, gradients and their states."""
    _single_tensor_asgd(
        params, grads, axs, mus, etas, state_steps,
        lambd=lambd, lr=lr, t0=t0, alpha=alpha, weight_decay=weight_decay, maximize=maximize,
        differentiable=differentiable, capturable=capturable,
    )  # fmt: skip


def _single_tensor_asgd(
    params, grads, axs, mus, etas, state_steps,
    *, lambd, lr, t0, alpha, weight_decay, maximize,
    differentiable=False, capturable=False, has_complex=False,
):  # fmt: skip
    check_steps("asgd", params, state_steps, differentiable, capturable, mus=mus, etas=etas)
    number, tensor = rate(lr)
    _C._asgd_step(
        params, grads, axs, mus, etas, state_steps,
        number, float(lambd), float(alpha), float(t0), float(weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_asgd = _single_tensor_asgd
