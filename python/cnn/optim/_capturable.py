"""Steps whose counts lie on the GPU, so that a CUDA graph can record them: each run counts on."""

from __future__ import annotations

import math

from .. import _C
from ..autograd import no_grad


def adam_step(
    params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps,
    *, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay,
):  # fmt: skip
    """Adam's formula by ops on tensors; `lr` may be a tensor on the GPU, read at each run."""
    check_devices(params, state_steps)
    with no_grad():
        for i, (p, g, step) in enumerate(zip(params, grads, state_steps)):
            m, v = exp_avgs[i], exp_avg_sqs[i]
            step += 1
            if maximize:
                g = -g
            if weight_decay and decoupled_weight_decay:
                p *= 1 - lr * weight_decay
            elif weight_decay:
                g = g.add(p, alpha=weight_decay)
            m.lerp_(g, 1 - beta1)
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            if amsgrad:
                v = _C.maximum(max_exp_avg_sqs[i], v, out=max_exp_avg_sqs[i])
            root = v.sqrt() / _missing(beta2, step).sqrt()
            p -= m / root.add_(eps) * (lr / _missing(beta1, step))


def _missing(beta, step):
    """1 - beta ** step, to all digits where the power is close to 1."""
    return _C.ones_like(step) if beta == 0 else -_C.expm1(step * math.log(beta))


def check_devices(params, state_steps):
    """Raises AssertionError where a parameter and its count are not on one GPU."""
    if not all(p.is_cuda and p.device == step.device for p, step in zip(params, state_steps)):
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: ['cuda']."
        )
