"""Optimizers on a GPU: the CPU's steps, in one launch for all parameters."""

import numpy as np
import pytest

import cnn
from emulation import counted

pytestmark = pytest.mark.cuda
optim = cnn.optim

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, 0.1),
    "SGD momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, 0.1, weight_decay=0.01),
    "Adam amsgrad": lambda p: optim.Adam(p, 0.1, amsgrad=True, maximize=True),
    "AdamW": lambda p: optim.AdamW(p, 0.1),
    "Adagrad": lambda p: optim.Adagrad(p, 0.1, lr_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "Adadelta": lambda p: optim.Adadelta(p, 1.0, weight_decay=0.1),
    "Adamax": lambda p: optim.Adamax(p, 0.1, maximize=True),
    "NAdam": lambda p: optim.NAdam(p, 0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "RAdam": lambda p: optim.RAdam(p, 0.1, weight_decay=0.1),
    "Rprop": lambda p: optim.Rprop(p, 0.1),
    "ASGD": lambda p: optim.ASGD(p, 0.1, t0=2, weight_decay=0.1),
}
SHAPES = [(3,), (4, 5), (), (1, 2, 3), (1030,), (0,), (2, 2), (7,), (1,), (5, 1)]


def parameters(device, dtype=cnn.float32):
    cnn.manual_seed(0)
    return [cnn.randn(shape).to(device, dtype).requires_grad_() for shape in SHAPES]


def set_gradients(params, step):
    for i, p in enumerate(params):
        base = cnn.arange(p.numel(), dtype=cnn.float32).add(i + 7 * step).sin()
        p.grad = base.view(p.shape).to(p.device, p.dtype)


def steps(make, device, dtype=cnn.float32, n=8):
    params = parameters(device, dtype)
    optimizer = make(params)
    for step in range(n):
        set_gradients(params, step)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize("dtype", (cnn.float32, cnn.float64, cnn.bfloat16))
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_are_the_cpus(make, dtype):
    got, _ = steps(make, "cuda", dtype)
    expected, _ = steps(make, "cpu", dtype)
    tolerance = {cnn.float32: 2e-5, cnn.float64: 1e-12, cnn.bfloat16: 5e-2}[dtype]
    for a, b in zip(got, expected):
        assert a.device.type == "cuda" and a.dtype == dtype
        np.testing.assert_allclose(
            a.detach().cpu().double().numpy(), b.detach().double().numpy(), tolerance, tolerance
        )


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_is_one_launch(make):
    params, optimizer = steps(make, "cuda")
    set_gradients(params, 9)
    counts = counted(optimizer.step)
    assert (counts.launches, counts.copies, counts.waits, counts.blocks) == (1, 0, 0, 0)


def test_more_parameters_than_arguments_hold():
    for make in (OPTIMIZERS["SGD momentum"], OPTIMIZERS["AdamW"]):

        def train(device):
            params = [cnn.full((i % 5,), float(i), device=device) for i in range(700)]
            optimizer = make(params)
            for _ in range(2):
                for p in params:
                    p.grad = p.cos()
                optimizer.step()
            return params, optimizer

        got, optimizer = train("cuda")
        for a, b in zip(got, train("cpu")[0]):
            assert cnn.allclose(a.cpu(), b, 1e-5, 1e-5)
        assert counted(optimizer.step).launches <= 8


def test_parameters_of_several_kinds():
    def train(device):
        cnn.manual_seed(0)
        wide = cnn.randn(4, 6).to(device)
        params = [
            cnn.randn(5).to(device), cnn.randn(3, dtype=cnn.float64).to(device),
            wide.t(), cnn.randn(4).to(device).half(), wide.new_zeros(6)[::2],
        ]  # fmt: skip
        # One parameter that is there two times moves two times.
        twice = [*params, params[0], params[3], params[2]]
        optimizer = optim.SGD(params, 0.1, momentum=0.9)
        for _ in range(3):
            for p in params:
                p.grad = (p.float().sin() + 1).to(p.dtype)
            optimizer.step()
        with cnn.no_grad():
            grads = [p.grad for p in twice]
            cnn._C._sgd_step(twice, grads, [], 0.5, 0.0, 0.0, 0.0, False, False, False)
        return params

    for a, b in zip(train("cuda"), train("cpu")):
        assert cnn.allclose(a.cpu().float(), b.float(), 1e-3 if a.dtype == cnn.float16 else 1e-5)


@pytest.mark.parametrize("norm_type", (2.0, 1.0, 0.5, float("inf")))
def test_gradients_are_clipped_together(norm_type):
    def clipped(device, dtypes=(cnn.float32,)):
        params = parameters(device)
        params = [p for p in params if p.numel()]
        params = [p.detach().to(dtypes[i % len(dtypes)]) for i, p in enumerate(params)]
        set_gradients(params, 0)
        params[1].grad = params[1].grad.t().contiguous().t()
        total = cnn.nn.utils.clip_grad_norm_(params, 0.5, norm_type)
        return [total] + [p.grad for p in params]

    for dtypes in ((cnn.float32,), (cnn.float32, cnn.float64), (cnn.float16,)):
        for a, b in zip(clipped("cuda", dtypes), clipped("cpu", dtypes)):
            assert a.dtype == b.dtype and a.device.type == "cuda"
            assert cnn.allclose(
                a.cpu().double(), b.double(), 3e-3 if cnn.float16 in dtypes else 1e-5
            )


def test_clipping_is_a_launch_for_all():
    params = [p for p in parameters("cuda") if p.numel()]
    set_gradients(params, 0)
    counts = counted(lambda: cnn.nn.utils.clip_grad_norm_(params, 0.5))
    assert counts.launches <= 7 and counts.copies == counts.waits == 0
    with pytest.raises(RuntimeError, match="non-finite"):
        params[0].grad.fill_(float("nan"))
        cnn.nn.utils.clip_grad_norm_(params, 0.5, error_if_nonfinite=True)
    with pytest.raises(RuntimeError, match="more than one element"):
        params[4].grad = cnn.ones(1, device="cuda").expand(1030)
        cnn.nn.utils.clip_grad_norm_(params, 0.5)
