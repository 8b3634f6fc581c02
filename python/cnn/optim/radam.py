"""RAdam."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_betas, check_lr, check_range, scalar_tensor


class RAdam(Optimizer):
    """Adam that waits with its adaptive step until the second moment's variance is bounded.

    With g the gradient plus weight_decay * p, m `exp_avg`, v `exp_avg_sq`, t `step`:

        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        n = 2 / (1 - beta2) - 1
        k = n - 2 * t * beta2^t / (1 - beta2^t)
        p = p - lr * m / (1 - beta1^t)                                                if k <= 5
        p = p - lr * m / (1 - beta1^t) * sqrt(1 - beta2^t) / (sqrt(v) + eps)
              * sqrt((k - 4) * (k - 2) * n / ((n - 4) * (n - 2) * k))                 otherwise

    With `decoupled_weight_decay` the parameter is shrunk instead, as in AdamW.
    Source: Liu et al. 2019 (arXiv 1908.03265).
    """

    _late_options = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": scalar_tensor(0.0),
            "exp_avg": _C.zeros_like(param),
            "exp_avg_sq": _C.zeros_like(param),
        }

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                for p, g, state in self._updates(group):
                    _move(group, p, g, state)
        return loss


def _move(group, p, g, state):
    beta1, beta2 = group["betas"]
    state["step"] += 1
    t = state["step"].item()
    m, v = state["exp_avg"], state["exp_avg_sq"]
    m.lerp_(g, 1 - beta1)
    v.mul_(beta2).addcmul_(g, g, value=1 - beta2)

    correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    update = m.div(correction1).mul_(float(group["lr"]))
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / correction2
    if length > 5.0:
        rectifier = (
            (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        ) ** 0.5
        adaptive = v.sqrt().add_(group["eps"]).reciprocal_().mul_(correction2**0.5)
        update.mul_(adaptive).mul_(rectifier)
    p.sub_(update)
