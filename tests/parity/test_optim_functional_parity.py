"""The functional forms' signatures, Muon, and averages of weights, against PyTorch."""

import importlib
import inspect

import numpy as np
import pytest

import cnn
from cnn.optim import swa_utils

torch = pytest.importorskip("torch")

FILES = (
    "adam adamw adadelta adagrad adamax asgd nadam radam rmsprop rprop sgd _adafactor _muon "
    "_functional"
).split()


@pytest.mark.parametrize("file", FILES)
def test_signatures(file):
    theirs = importlib.import_module(f"torch.optim.{file}")
    ours = importlib.import_module(f"cnn.optim.{file}")
    for name, function in vars(theirs).items():
        if not inspect.isfunction(function) or function.__module__ != theirs.__name__:
            continue
        if name in ("_make_sparse", "_group_tensors_by_device_dtype_and_is_multidim"):
            continue
        expected = inspect.signature(function).parameters
        found = inspect.signature(getattr(ours, name)).parameters
        if name.startswith("_"):  # these may have defaults where PyTorch has none
            assert set(found) == set(expected), name
        else:
            assert [(p.name, p.kind, p.default) for p in found.values()] == [
                (p.name, p.kind, p.default) for p in expected.values()
            ], name


@pytest.mark.parametrize(
    "options", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.5}]
)
def test_muon(options):
    rng = np.random.RandomState(0)
    starts = [rng.randn(4, 6).astype("f"), rng.randn(9, 3).astype("f")]
    grads = [[rng.randn(*a.shape).astype("f") for a in starts] for _ in range(4)]

    def run(lib):
        params = [lib.tensor(a, requires_grad=True) for a in starts]
        optimizer = lib.optim.Muon(params, lr=0.1, **options)
        for row in grads:
            for p, g in zip(params, row):
                p.grad = lib.tensor(g)
            optimizer.step()
        return [p.detach().numpy() for p in params]

    for ours, theirs in zip(run(cnn), run(torch)):
        # Products are rounded to bfloat16 on the way.
        np.testing.assert_allclose(ours, theirs, atol=0.1 * 2**-6)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_swalr(strategy, epochs):
    def run(lib, utils):
        groups = [{"params": [lib.zeros(1, requires_grad=True)], "lr": r} for r in (1.0, 0.3)]
        optimizer = lib.optim.SGD(groups)
        schedule = utils.SWALR(optimizer, [0.2, 0.05], epochs, strategy)
        rates = []
        for _ in range(8):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        return rates, set(schedule.state_dict())

    ours, theirs = run(cnn, swa_utils), run(torch, torch.optim.swa_utils)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
    assert ours[1] == theirs[1]


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", [None, "swa", "ema", "multi_swa", "multi_ema"])
def test_averaged_model(kind, use_buffers):
    if use_buffers and kind == "multi_swa":
        pytest.skip("PyTorch refuses to average the integer buffer")

    def run(lib, utils):
        functions = {
            "swa": {"avg_fn": utils.get_swa_avg_fn()},
            "ema": {"avg_fn": utils.get_ema_avg_fn(0.6)},
            "multi_swa": {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
            "multi_ema": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.6)},
        }
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(3, 2), lib.nn.BatchNorm1d(2))
        averaged = utils.AveragedModel(model, use_buffers=use_buffers, **functions.get(kind, {}))
        for step in range(3):
            with lib.no_grad():
                for p in model.parameters():
                    p.add_(step + 0.5)
            model(lib.arange(12.0).reshape(4, 3) * (step + 1))
            averaged.update_parameters(model)
        return {name: value.numpy() for name, value in averaged.state_dict().items()}

    ours, theirs = run(cnn, swa_utils), run(torch, torch.optim.swa_utils)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=2e-5, err_msg=name)
