"""Adadelta."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_lr, check_range, scalar_tensor


class Adadelta(Optimizer):
    """Steps in the ratio of two moving averages: of squared updates and of squared gradients.

    With g the gradient plus weight_decay * p, v `square_avg` and a `acc_delta`:

        v = rho * v + (1 - rho) * g * g
        d = sqrt(a + eps) / sqrt(v + eps) * g
        a = rho * a + (1 - rho) * d * d
        p = p - lr * d

    Source: Zeiler 2012 (arXiv 1212.5701).
    """

    _late_options = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": scalar_tensor(0.0),
            "square_avg": _C.zeros_like(param),
            "acc_delta": _C.zeros_like(param),
        }

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                rho, eps = group["rho"], group["eps"]
                for p, g, state in self._updates(group):
                    state["step"] += 1
                    v, a = state["square_avg"], state["acc_delta"]
                    v.mul_(rho).addcmul_(g, g, value=1 - rho)
                    delta = a.add(eps).sqrt_().div_(v.add(eps).sqrt_()).mul_(g)
                    a.mul_(rho).addcmul_(delta, delta, value=1 - rho)
                    p.add_(delta, alpha=-float(group["lr"]))
        return loss
