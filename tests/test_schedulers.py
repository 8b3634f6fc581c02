"""Schedules of learning rates."""

import pickle

import pytest

import cnn
from cnn import optim
from cnn.optim import lr_scheduler
from optimizing import param

# Schedules.


def make_schedule(cls, *args, lr=1.0, **kwargs):
    opt = optim.SGD([param(1.0)], lr=lr, momentum=0.9)
    return opt, cls(opt, *args, **kwargs)


def rates(opt, schedule, steps):
    result = [opt.param_groups[0]["lr"]]
    for _ in range(steps):
        opt.step()
        schedule.step()
        result.append(opt.param_groups[0]["lr"])
        assert schedule.get_last_lr() == [result[-1]]
    return result


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("StepLR", {"step_size": 2, "gamma": 0.5}, [1, 1, 0.5, 0.5, 0.25]),
        ("MultiStepLR", {"milestones": [1, 3, 3], "gamma": 0.5}, [1, 0.5, 0.5, 0.125, 0.125]),
        ("ExponentialLR", {"gamma": 0.5}, [1, 0.5, 0.25, 0.125]),
        ("LambdaLR", {"lr_lambda": lambda e: 1 / (1 + e)}, [1, 1 / 2, 1 / 3, 1 / 4]),
        ("MultiplicativeLR", {"lr_lambda": lambda e: e / 4}, [1, 0.25, 0.125, 0.09375]),
        ("ConstantLR", {"factor": 0.5, "total_iters": 2}, [0.5, 0.5, 1, 1]),
        ("LinearLR", {"start_factor": 0.5, "total_iters": 2}, [0.5, 0.75, 1, 1]),
        ("PolynomialLR", {"total_iters": 4, "power": 2.0}, [1, 0.5625, 0.25, 0.0625, 0, 0]),
        ("CosineAnnealingLR", {"T_max": 2, "eta_min": 0.5}, [1, 0.75, 0.5, 0.75, 1]),
        ("CosineAnnealingWarmRestarts", {"T_0": 2}, [1, 0.5, 1, 0.5, 1]),
        (
            "CyclicLR",
            {"base_lr": 1.0, "max_lr": 2.0, "step_size_up": 2},
            [1, 1.5, 2, 1.5, 1, 1.5],
        ),
        (
            "OneCycleLR",
            {"max_lr": 1.0, "total_steps": 5, "pct_start": 0.4, "anneal_strategy": "linear"},
            [0.04, 1.0, 1.0 - (1.0 - 4e-6) / 3, 1.0 - 2 * (1.0 - 4e-6) / 3, 4e-6],
        ),
    ],
)
def test_rates(name, kwargs, expected):
    opt, schedule = make_schedule(getattr(lr_scheduler, name), **kwargs)
    assert rates(opt, schedule, len(expected) - 1) == pytest.approx(expected, abs=1e-12)


def test_plateau():
    opt, schedule = make_schedule(lr_scheduler.ReduceLROnPlateau, patience=1, factor=0.5)
    seen = []
    for metric in [3.0, 2.0, 2.0, 2.0, 1.0, cnn.tensor(1.0), 1.0]:
        schedule.step(metric)
        seen.append(opt.param_groups[0]["lr"])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_sequential_and_chained():
    opt = optim.SGD([param(1.0)], lr=1.0)
    parts = [lr_scheduler.ConstantLR(opt, 0.5, 10), lr_scheduler.ExponentialLR(opt, 0.1)]
    schedule = lr_scheduler.SequentialLR(opt, parts, milestones=[2])
    assert rates(opt, schedule, 4) == pytest.approx([0.5, 0.5, 1.0, 0.1, 0.01])
    opt = optim.SGD([param(1.0)], lr=1.0)
    parts = [lr_scheduler.ConstantLR(opt, 0.5, 2), lr_scheduler.ExponentialLR(opt, 0.1)]
    schedule = lr_scheduler.ChainedScheduler(parts)
    assert rates(opt, schedule, 3) == pytest.approx([0.5, 0.05, 0.01, 0.001])


def test_cycles_move_momentum_the_other_way():
    opt, schedule = make_schedule(
        lr_scheduler.CyclicLR, 1.0, 2.0, 2, base_momentum=0.5, max_momentum=0.9
    )
    seen = [opt.param_groups[0]["momentum"]]
    for _ in range(2):
        opt.step()
        schedule.step()
        seen.append(opt.param_groups[0]["momentum"])
    assert seen == pytest.approx([0.9, 0.7, 0.5])
    adam = optim.Adam([param(1.0)], lr=0.1)
    lr_scheduler.OneCycleLR(adam, max_lr=0.1, total_steps=10)
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)


def test_order_of_calls_is_watched():
    _, schedule = make_schedule(lr_scheduler.StepLR, 2)
    with pytest.warns(UserWarning, match=r"call of `lr_scheduler.step\(\)` before"):
        schedule.step()


def test_resume_needs_initial_lr():
    opt = optim.SGD([param(1.0)], lr=0.1)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(opt, 2, last_epoch=3)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, 2)


def test_schedule_state_dict_skips_functions_but_not_objects():
    class Factor:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base**epoch

    opt, schedule = make_schedule(lr_scheduler.LambdaLR, [Factor(0.5)])
    opt.step()
    schedule.step()
    state = pickle.loads(pickle.dumps(schedule.state_dict()))
    assert state["lr_lambdas"] == [{"base": 0.5}]
    _, other = make_schedule(lr_scheduler.LambdaLR, [Factor(0.1)])
    other.load_state_dict(state)
    assert other.lr_lambdas[0].base == 0.5 and other.last_epoch == 1
    assert state["lr_lambdas"] == [{"base": 0.5}]  # loading takes nothing out of the caller's dict
