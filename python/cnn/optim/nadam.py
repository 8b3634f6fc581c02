"""NAdam."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_betas, check_lr, check_range, scalar_tensor


class NAdam(Optimizer):
    """Adam with Nesterov momentum.

    With g the gradient plus weight_decay * p, m `exp_avg`, v `exp_avg_sq`, t `step` and c
    `mu_product`, the product of all mu up to t:

        mu(t) = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * g * g
        r = sqrt(v / (1 - beta2^t)) + eps
        p = p - lr * (1 - mu(t)) / (1 - c) * g / r - lr * mu(t + 1) / (1 - c * mu(t + 1)) * m / r

    With `decoupled_weight_decay` the parameter is shrunk instead, as in AdamW.
    Source: Dozat 2016, "Incorporating Nesterov Momentum into Adam".
    """

    _late_options = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    _scalar_state = ("step", "mu_product")

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
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
        check_range("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {
            "step": scalar_tensor(0.0),
            "mu_product": scalar_tensor(1.0),
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
    lr, (beta1, beta2) = float(group["lr"]), group["betas"]
    state["step"] += 1
    t = state["step"].item()
    mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))
    mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * group["momentum_decay"]))
    state["mu_product"] *= mu
    product = state["mu_product"].item()

    m, v = state["exp_avg"], state["exp_avg_sq"]
    m.lerp_(g, 1 - beta1)
    v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
    root = v.div(1 - beta2**t).sqrt_().add_(group["eps"])
    p.addcdiv_(g, root, value=-lr * (1.0 - mu) / (1.0 - product))
    p.addcdiv_(m, root, value=-lr * mu_next / (1.0 - product * mu_next))
