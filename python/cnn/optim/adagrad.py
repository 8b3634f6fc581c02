"""Adagrad."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from .optimizer import Optimizer, check_lr, check_range, scalar_tensor


class Adagrad(Optimizer):
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
        check_lr(lr)
        check_range("lr_decay value", lr_decay)
        check_range("weight_decay value", weight_decay)
        check_range("initial_accumulator_value value", initial_accumulator_value)
        check_range("epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
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

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        for group in self.param_groups:
            params, grads, states = self._gather(group)
            if not params:
                continue
            _C._adagrad_step(
                params,
                grads,
                [state["sum"] for state in states],
                [state["step"] for state in states],
                float(group["lr"]),
                float(group["lr_decay"]),
                float(group["eps"]),
                float(group["weight_decay"]),
                bool(group["maximize"]),
            )
        return loss
