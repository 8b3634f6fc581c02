"""Adamax."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_betas, check_lr, check_range, scalar_tensor


class Adamax(Optimizer):
    """Adam with the infinity norm in place of the second moment.

    With g the gradient plus weight_decay * p, m `exp_avg`, u `exp_inf` and t `step`:

        m = m + (1 - beta1) * (g - m)
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1^t) * m / u

    Source: Kingma and Ba 2014, section 7.1 (arXiv 1412.6980).
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
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ) -> None:
        check_lr(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
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
            "exp_avg": _C.zeros_like(param),
            "exp_inf": _C.zeros_like(param),
        }

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                beta1, beta2 = group["betas"]
                for p, g, state in self._updates(group):
                    state["step"] += 1
                    m, u = state["exp_avg"], state["exp_inf"]
                    m.lerp_(g, 1 - beta1)
                    u.copy_(_C.maximum(u.mul_(beta2), g.abs().add_(group["eps"])))
                    scale = float(group["lr"]) / (1 - beta1 ** state["step"].item())
                    p.addcdiv_(m, u, value=-scale)
        return loss
