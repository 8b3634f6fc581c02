"""Stochastic gradient descent with momentum."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from .optimizer import Optimizer, check_lr, check_range


class SGD(Optimizer):
    """Gradient descent, with momentum where that is not 0.

    Per element, with g the gradient (negated if `maximize`) and b the `momentum_buffer`:

        g = g + weight_decay * p
        b = g at a parameter's first step, else momentum * b + (1 - dampening) * g
        g = g + momentum * b if nesterov, else b           (these two only if momentum != 0)
        p = p - lr * g

    `foreach` and `fused` are accepted: a step is one call for all parameters of a group anyhow.
    """

    _late_options = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }
    _sparse_advice = "; call grad.to_dense() before the step"

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ) -> None:
        check_lr(lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        return {}

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        for group in self.param_groups:
            if group["momentum"] == 0:
                params, grads, _ = self._gather(group, with_state=False)
                _move(group, params, grads, [], first=False)
            else:
                self._step_with_momentum(group)
        return loss

    def _step_with_momentum(self, group):
        params, grads, states = self._gather(group)
        buffers = [state.get("momentum_buffer") for state in states]
        fresh = [i for i, b in enumerate(buffers) if b is None]
        if not fresh:
            _move(group, params, grads, buffers, first=False)
            return
        moving = [i for i, b in enumerate(buffers) if b is not None]
        for i in fresh:
            buffers[i] = _C.empty_like(params[i])
        for chosen, first in ((fresh, True), (moving, False)):
            pick = [[column[i] for i in chosen] for column in (params, grads, buffers)]
            _move(group, *pick, first=first)
        # Only now: a step that raised leaves no buffer without contents.
        for i in fresh:
            states[i]["momentum_buffer"] = buffers[i]


def _move(group, params, grads, buffers, first):
    if params:
        _C._sgd_step(
            params,
            grads,
            buffers,
            float(group["lr"]),
            float(group["momentum"]),
            float(group["dampening"]),
            float(group["weight_decay"]),
            bool(group["nesterov"]),
            bool(group["maximize"]),
            first,
        )
