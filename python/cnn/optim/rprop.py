"""Resilient backpropagation."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from .optimizer import Optimizer, check_lr, scalar_tensor


class Rprop(Optimizer):
    """Step sizes of their own per element, steered by the sign of the gradient alone.

    With g the gradient (negated if `maximize`), h `prev` and s `step_size`, which starts at lr:

        s = clamp(s * etas[1], *step_sizes) where g * h > 0
        s = clamp(s * etas[0], *step_sizes), and g = 0, where g * h < 0
        p = p - sign(g) * s;  h = g

    Meant for full batches. Source: Riedmiller and Braun 1993.
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
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        size = float(group["lr"])
        return {
            "step": scalar_tensor(0.0),
            "prev": _C.zeros_like(param),
            "step_size": _C.full_like(param, complex(size, size) if param.is_complex() else size),
        }

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                shrink, grow = group["etas"]
                smallest, largest = group["step_sizes"]
                for p, g, state in self._updates(group):
                    state["step"] += 1
                    agreement = g * state["prev"]
                    turned = agreement < 0
                    factor = _C.ones_like(g)
                    factor.masked_fill_(agreement > 0, grow).masked_fill_(turned, shrink)
                    size = state["step_size"]
                    size.mul_(factor).clamp_(smallest, largest)
                    g = g.masked_fill(turned, 0)
                    p.addcmul_(g.sign(), size, value=-1)
                    state["prev"].copy_(g)
        return loss
