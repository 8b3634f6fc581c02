"""Adagrad."""

from .. import _C
from ._parts import check_lr, check_range, options, rate, refuse, scalar_tensor, scaled_away
from .optimizer import GroupwiseOptimizer

__all__ = ["Adagrad", "adagrad"]


class Adagrad(GroupwiseOptimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    Per element, with g the gradient (negated if `maximize`), s `sum` and t `step`:

        g = g + weight_decay * p
        s = s + g * g
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    The state exists from construction on. `foreach` and `fused` are accepted: a step is one call
    for all parameters of a group anyhow. Source: Duchi, Hazan and Singer 2011.
    """

    _late_options = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}
    _scalar_state = ("step",)
    _sparse_advice = "; call grad.to_dense() before the step"

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ) -> None:
        defaults = options(locals())
        check_lr(lr)
        check_range("lr_decay value", lr_decay)
        check_range("weight_decay value", weight_decay)
        check_range("initial_accumulator_value value", initial_accumulator_value)
        check_range("epsilon value", eps)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self._initial_state(group, p)

    def _initial_state(self, group, param):
        start = self.defaults["initial_accumulator_value"]
        if param.is_complex():
            start = complex(start, start)
        return {"step": scalar_tensor(0.0), "sum": _C.full_like(param, start)}

    def share_memory(self):
        """Move the sums into memory that forked processes share."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _move(self, group, params, grads, states):
        if not params:
            return
        number, tensor = rate(group["lr"])
        _C._adagrad_step(
            params,
            grads,
            [state["sum"] for state in states],
            [state["step"] for state in states],
            number,
            float(group["lr_decay"]),
            float(group["eps"]),
            float(group["weight_decay"]),
            bool(group["maximize"]),
            tensor,
        )


def adagrad(
    params, grads, state_sums, state_steps,
    fused=None, grad_scale=None, found_inf=None, has_sparse_grad=False, foreach=None,
    differentiable=False, has_complex=False,
    *, lr, weight_decay, lr_decay, eps, maximize,
):  # fmt: skip
    """One step of `Adagrad` on lists of parameters, gradients and their states."""
    _single_tensor_adagrad(
        params, grads, state_sums, state_steps, grad_scale, found_inf,
        lr=lr, weight_decay=weight_decay, lr_decay=lr_decay, eps=eps, maximize=maximize,
        has_sparse_grad=has_sparse_grad, differentiable=differentiable,
    )  # fmt: skip


def _single_tensor_adagrad(
    params, grads, state_sums, state_steps, grad_scale=None, found_inf=None,
    *, lr, weight_decay, lr_decay, eps, maximize,
    has_sparse_grad=False, differentiable=False, has_complex=False,
):  # fmt: skip
    refuse("adagrad", differentiable, sparse=has_sparse_grad)
    if not params or scaled_away(grads, grad_scale, found_inf):
        return
    number, tensor = rate(lr)
    _C._adagrad_step(
        params, grads, state_sums, state_steps,
        number, float(lr_decay), float(eps), float(weight_decay), bool(maximize), tensor,
    )  # fmt: skip


_multi_tensor_adagrad = _fused_adagrad = _single_tensor_adagrad
