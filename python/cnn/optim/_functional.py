"""The steps of optimizers on lists of tensors: those of the others, and `SparseAdam`'s."""

from .adadelta import adadelta
from .adagrad import adagrad
from .adam import adam
from .adamax import adamax
from .adamw import adamw
from .asgd import asgd
from .nadam import nadam
from .radam import radam
from .rmsprop import rmsprop
from .rprop import rprop
from .sgd import sgd

__all__ = [
    "adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "nadam", "radam", "rmsprop", "rprop",
    "sgd", "sparse_adam",
]  # fmt: skip


def sparse_adam(
    params, grads, exp_avgs, exp_avg_sqs, state_steps, *, eps, beta1, beta2, lr, maximize
):
    """One step of `SparseAdam`: the steps are numbers, counted already; call under no_grad."""
    for p, grad, exp_avg, exp_avg_sq, t in zip(
        params, grads, exp_avgs, exp_avg_sqs, state_steps, strict=True
    ):
        grad = grad.coalesce()  # the update is not linear: each entry once
        if grad._values().numel() == 0:
            continue
        where = tuple(grad._indices())
        g = -grad._values() if maximize else grad._values()
        m = exp_avg[where].lerp_(g, 1 - beta1)
        v = exp_avg_sq[where].lerp_(g * g, 1 - beta2)
        exp_avg[where], exp_avg_sq[where] = m, v
        size = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        p[where] = p[where].addcdiv_(m, v.sqrt().add_(eps), value=-size)
