"""Averaged stochastic gradient descent."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_lr, check_range, scalar_tensor


class ASGD(Optimizer):
    """Gradient descent that also keeps, in `ax`, an average of the parameters.

    With g the gradient plus weight_decay * p and t `step` (counted from 1):

        p = p * (1 - lambd * eta) - eta * g
        ax = p while mu is 1, else ax + mu * (p - ax)
        eta = lr / (1 + lambd * lr * t)^alpha,   mu = 1 / max(1, t - t0)        for the next step

    Source: Polyak and Juditsky 1992; the step sizes are Bottou's.
    """

    _late_options = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
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
        check_lr(lr)
        check_range("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": scalar_tensor(0.0),
            "eta": scalar_tensor(group["lr"]),
            "mu": scalar_tensor(1.0),
            "ax": _C.zeros_like(param),
        }

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                lr, lambd = float(group["lr"]), group["lambd"]
                for p, g, state in self._updates(group):
                    state["step"] += 1
                    t = state["step"].item()
                    eta, mu, ax = state["eta"].item(), state["mu"].item(), state["ax"]
                    p.mul_(1 - lambd * eta).add_(g, alpha=-eta)
                    if mu == 1:
                        ax.copy_(p)
                    else:
                        ax.add_(p.sub(ax).mul_(mu))
                    state["eta"].fill_(lr / (1 + lambd * lr * t) ** group["alpha"])
                    state["mu"].fill_(1 / max(1, t - group["t0"]))
        return loss
