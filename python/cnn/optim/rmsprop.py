"""RMSprop."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from .optimizer import Optimizer, check_lr, check_range, scalar_tensor


class RMSprop(Optimizer):
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

    _late_options = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
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
        check_lr(lr)
        check_range("epsilon value", eps)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_range("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        state = {"step": scalar_tensor(0.0), "square_avg": _C.zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = _C.zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = _C.zeros_like(param)
        return state

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        for group in self.param_groups:
            params, grads, states = self._gather(group)
            if not params:
                continue
            centered, momentum = bool(group["centered"]), group["momentum"]
            _C._rmsprop_step(
                params,
                grads,
                [state["square_avg"] for state in states],
                [state["grad_avg"] for state in states] if centered else [],
                [state["momentum_buffer"] for state in states] if momentum > 0 else [],
                [state["step"] for state in states],
                float(group["lr"]),
                float(group["alpha"]),
                float(group["eps"]),
                float(group["weight_decay"]),
                float(momentum),
                centered,
                bool(group["maximize"]),
            )
        return loss
