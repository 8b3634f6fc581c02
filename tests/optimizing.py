"""Parameters, steps and all optimizers, for the tests of optim."""

import pytest

import cnn
from cnn import optim


def param(*values):
    return cnn.tensor(list(values), requires_grad=True)


def step_with(opt, p, *grads):
    """One step for each gradient."""
    for grad in grads:
        p.grad = cnn.tensor(list(grad))
        opt.step()


def close(tensor, *values):
    assert tensor.tolist() == pytest.approx(list(values), rel=1e-6, abs=1e-9)


ALL = [
    optim.SGD,
    optim.Adam,
    optim.AdamW,
    optim.Adagrad,
    optim.RMSprop,
    optim.Adadelta,
    optim.Adamax,
    optim.NAdam,
    optim.RAdam,
    optim.ASGD,
    optim.Rprop,
]
each = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
