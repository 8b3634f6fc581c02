"""Resilient backpropagation."""

from .. import _C
from ..autograd import no_grad
from ._parts import LATE_OPTIONS, check_lr, check_steps, column, options, state_number
from .optimizer import GroupwiseOptimizer

__all__ = ["Rprop", "rprop"]


class Rprop(GroupwiseOptimizer):
    """Step sizes of their own per element, steered by the sign of the gradient alone.

    With g the gradient (negated if `maximize`), h `prev` and s `step_size`, which starts at lr:

        s = clamp(s * etas[1], *step_sizes) where g * h > 0
        s = clamp(s * etas[0], *step_sizes), and g = 0, where g * h < 0
        p = p - sign(g) * s;  h = g

    Meant for full batches. Source: Riedmiller and Braun 1993.
    """

    _late_options = LATE_OPTIONS
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        size = float(group["lr"])
        return {
            "step": state_number(group, param),
            "prev": _C.zeros_like(param),
            "step_size": _C.full_like(param, complex(size, size) if param.is_complex() else size),
        }

    @no_grad()
    def _move(self, group, params, grads, states):
        etaminus, etaplus = group["etas"]
        step_size_min, step_size_max = group["step_sizes"]
        _single_tensor_rprop(
            params,
            grads,
            column(states, "prev"),
            column(states, "step_size"),
            column(states, "step"),
            step_size_min=step_size_min,
            step_size_max=step_size_max,
            etaminus=etaminus,
            etaplus=etaplus,
            maximize=group["maximize"],
            capturable=group["capturable"],
        )


def rprop(
    params, grads, prevs, step_sizes, state_steps,
    foreach=None, capturable=False, maximize=False, differentiable=False, has_complex=False,
    *, step_size_min, step_size_max, etaminus, etaplus,
):  # fmt: skip
    """One step of `Rprop` on lists of parameters, gradients and their states."""
    _single_tensor_rprop(
        params, grads, prevs, step_sizes, state_steps,
        step_size_min=step_size_min, step_size_max=step_size_max,
        etaminus=etaminus, etaplus=etaplus, maximize=maximize,
        capturable=capturable, differentiable=differentiable,
    )  # fmt: skip


def _single_tensor_rprop(
    params, grads, prevs, step_sizes, state_steps,
    *, step_size_min, step_size_max, etaminus, etaplus, maximize,
    capturable=False, differentiable=False, has_complex=False,
):  # fmt: skip
    check_steps("rprop", params, state_steps, differentiable, capturable)
    _C._rprop_step(
        params, grads, prevs, step_sizes, state_steps,
        float(etaminus), float(etaplus), float(step_size_min), float(step_size_max),
        bool(maximize),
    )  # fmt: skip


_multi_tensor_rprop = _single_tensor_rprop
