"""Optimizers as functions of lists, Adafactor, Muon, and averages of weights."""

import copy
import math

import numpy as np
import pytest

import cnn
from cnn import nn
from cnn.optim import swa_utils

# Of each algorithm: options of the class, the names of its state in the function's order, and the
# function's options that have another name than the class's.
FORMS = {
    "adadelta": ("Adadelta", "square_avg acc_delta step", "lr rho eps weight_decay maximize"),
    "adagrad": ("Adagrad", "sum step", "lr weight_decay lr_decay eps maximize"),
    "adam": ("Adam", "exp_avg exp_avg_sq - step", "lr weight_decay eps maximize amsgrad"),
    "adamw": ("AdamW", "exp_avg exp_avg_sq - step", "lr weight_decay eps maximize amsgrad"),
    "adamax": ("Adamax", "exp_avg exp_inf step", "lr weight_decay eps"),
    "asgd": ("ASGD", "ax mu eta step", "lr lambd t0 alpha weight_decay"),
    "nadam": ("NAdam", "exp_avg exp_avg_sq mu_product step", "lr weight_decay momentum_decay eps"),
    "radam": ("RAdam", "exp_avg exp_avg_sq step", "lr weight_decay eps"),
    "rmsprop": ("RMSprop", "square_avg - - step", "lr alpha eps weight_decay momentum centered"),
    "rprop": ("Rprop", "prev step_size step", ""),
}


def parameters():
    rng = np.random.RandomState(0)
    params = [cnn.tensor(rng.randn(*s), requires_grad=True) for s in ((3, 2), (4,))]
    for p in params:
        p.grad = cnn.tensor(rng.randn(*p.shape))
    return params


@pytest.mark.parametrize("name", FORMS)
def test_a_function_takes_the_step_of_its_class(name):
    cls, state_names, options = FORMS[name]
    module = getattr(cnn.optim, name)
    optimizer = getattr(module, cls)(parameters())
    params = optimizer.param_groups[0]["params"]
    optimizer.step()
    mine = [p.detach().clone() for p in params]
    state = copy.deepcopy([optimizer.state[p] for p in params])
    optimizer.step()

    group = optimizer.param_groups[0]
    given = {option: group[option] for option in options.split()}
    if "betas" in group:
        given["beta1"], given["beta2"] = group["betas"]
    if name == "rprop":
        given["etaminus"], given["etaplus"] = group["etas"]
        given["step_size_min"], given["step_size_max"] = group["step_sizes"]
    columns = [[] if n == "-" else [s[n] for s in state] for n in state_names.split()]
    getattr(module, name)(mine, [p.grad for p in params], *columns, **given)
    for p, q in zip(params, mine):
        assert p.tolist() == q.tolist()
    for p, s in zip(params, state):
        assert {k: v.tolist() for k, v in optimizer.state[p].items()} == {
            k: v.tolist() for k, v in s.items()
        }


def test_sgd_puts_the_first_momentum_into_the_list():
    p, g = cnn.tensor([1.0, 2.0]), cnn.tensor([0.5, -1.0])
    buffers = [None]
    options = {"weight_decay": 0, "momentum": 0.5, "dampening": 0, "nesterov": False}
    for _ in range(2):
        cnn.optim.sgd.sgd([p], [g], buffers, lr=0.1, maximize=False, **options)
    assert buffers[0].tolist() == [0.75, -1.5]
    np.testing.assert_allclose(p.numpy(), [1 - 0.05 - 0.075, 2 + 0.1 + 0.15], rtol=1e-6)


def test_a_scaler_divides_the_gradients_or_leaves_the_step_out():
    options = {"weight_decay": 0, "momentum": 0, "dampening": 0, "nesterov": False}
    p, g = cnn.tensor([1.0]), cnn.tensor([8.0])
    for found, value in ((1.0, 1.0), (0.0, 0.8)):
        cnn.optim.sgd._fused_sgd(
            [p], [g], [None], cnn.tensor(4.0), cnn.tensor(found), has_sparse_grad=False,
            lr=0.1, maximize=False, **options,
        )  # fmt: skip
        assert p.item() == pytest.approx(value)


def test_steps_have_to_be_tensors():
    p = cnn.ones(2)
    with pytest.raises(RuntimeError, match="list of singleton tensors"):
        cnn.optim.adadelta.adadelta(
            [p], [p], [p], [p], [1.0], lr=1, rho=0.9, eps=1e-6, weight_decay=0, maximize=False
        )
    with pytest.raises(AssertionError, match="params and state_steps must be on supported"):
        cnn.optim.adadelta.adadelta(
            [p], [p], [p], [p], [cnn.zeros(())], True,
            lr=1, rho=0.9, eps=1e-6, weight_decay=0, maximize=False,
        )  # fmt: skip
    assert p.tolist() == [1, 1]


def test_adafactor_against_its_formula():
    rng = np.random.RandomState(1)
    w, g = rng.randn(3, 4), rng.randn(3, 4)
    p = cnn.tensor(w, requires_grad=True)
    optimizer = cnn.optim.Adafactor([p], lr=0.5, weight_decay=0.1, eps=(1e-6, 1e-3))
    r, c = np.zeros((3, 1)), np.zeros((1, 4))
    for t in (1, 2, 3):
        p.grad = cnn.tensor(g)
        optimizer.step()
        share = t**-0.8
        size = max(1e-3, np.sqrt(np.mean(w * w))) * min(0.5, 1 / math.sqrt(t))
        w = w * (1 - 0.5 * 0.1)
        r += share * ((g * g).mean(1, keepdims=True) - r)
        c += share * ((g * g).mean(0, keepdims=True) - c)
        v = r @ c / np.maximum(r.mean(0, keepdims=True), 1e-6)
        u = g / np.sqrt(np.maximum(v, 1e-12))
        w = w - size * u / max(1, np.sqrt(np.mean(u * u)))
        np.testing.assert_allclose(p.detach().numpy(), w, rtol=1e-10)
    with pytest.raises(ValueError, match="beta2_decay should be <= 0"):
        cnn.optim.Adafactor([p], beta2_decay=1.0)


def test_muon_steps_are_nearly_orthogonal():
    p = cnn.zeros(3, 5, requires_grad=True)
    p.grad = cnn.tensor(np.random.RandomState(2).randn(3, 5), dtype=cnn.float32)
    cnn.optim.Muon([p], lr=1.0).step()
    values = np.linalg.svd(p.detach().numpy(), compute_uv=False)
    assert (values > 0.6).all() and (values < 1.3).all()
    assert (p.detach() * p.grad).sum() < 0
    with pytest.raises(ValueError, match="only supports 2D"):
        cnn.optim.Muon([cnn.zeros(3, requires_grad=True)])


def test_foreach_by_its_old_path():
    from cnn.optim import _multi_tensor

    optimizer = _multi_tensor.Adam(parameters(), lr=0.5)
    assert isinstance(optimizer, cnn.optim.Adam) and optimizer.defaults["foreach"]


def test_an_averaged_model_is_the_mean():
    model = nn.Linear(2, 1)
    mean = swa_utils.AveragedModel(model)
    moving = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.75))
    single = swa_utils.AveragedModel(model, avg_fn=swa_utils.get_ema_avg_fn(0.75))
    weights, expected = [], None
    for k in range(4):
        with cnn.no_grad():
            model.weight.copy_(cnn.tensor([[k, k * k]]))
        weights.append(model.weight.detach().clone())
        for averaged in (mean, moving, single):
            averaged.update_parameters(model)
        expected = weights[-1] if k == 0 else 0.75 * expected + 0.25 * weights[-1]
    total = sum(weights) / 4
    np.testing.assert_allclose(mean.module.weight.detach().numpy(), total.numpy(), rtol=1e-6)
    for averaged in (moving, single):
        found = averaged.module.weight.detach().numpy()
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)
    assert mean.n_averaged.item() == 4
    assert list(mean.state_dict()) == ["n_averaged", "module.weight", "module.bias"]
    with pytest.raises(ValueError, match="Invalid decay value"):
        swa_utils.get_ema_avg_fn(1.5)


def test_update_bn_takes_the_mean_of_all_batches():
    model = nn.Sequential(nn.BatchNorm1d(2))
    model.eval()
    batches = [cnn.tensor(np.random.RandomState(i).randn(5, 2)).float() for i in range(3)]
    swa_utils.update_bn([(b, 0) for b in batches], model)
    mean = np.mean([b.numpy().mean(0) for b in batches], axis=0)
    np.testing.assert_allclose(model[0].running_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    assert model[0].momentum == 0.1 and not model.training


def test_swalr_goes_along_a_line_and_stays():
    optimizer = cnn.optim.SGD([cnn.zeros(1, requires_grad=True)], lr=1.0)
    schedule = swa_utils.SWALR(optimizer, 0.2, anneal_epochs=4, anneal_strategy="linear")
    rates = []
    for _ in range(6):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
    assert "anneal_func" not in schedule.state_dict()


def test_swapping_parameters_in_and_back():
    params = parameters()
    optimizer = cnn.optim.Adam(params, lr=0.1)
    optimizer.step()
    others = [p.detach().clone() for p in params]
    saved = copy.deepcopy(optimizer.state_dict())
    saved["param_groups"][0]["lr"] = 0.5
    for p, q in zip(params, others):
        q.grad = p.grad.clone()
    before = [p.tolist() for p in params]
    swapped = {str(i): p for i, p in enumerate(others)}
    with cnn.optim.swap_in_optimizer_params_and_state(optimizer, swapped, saved):
        assert optimizer.param_groups[0]["lr"] == 0.5
        optimizer.step()
    assert [p.tolist() for p in params] == before != [q.tolist() for q in others]
    assert optimizer.param_groups[0]["lr"] == 0.1 and set(optimizer.state) == set(params)
    assert saved["state"][0]["step"].item() == 2
    with pytest.raises(RuntimeError, match="parameter groups"):
        with cnn.optim.swap_in_optimizer_params_and_state(
            optimizer, swapped, {"state": {}, "param_groups": []}
        ):
            pass


def test_helpers_of_optimizers_written_elsewhere():
    from cnn.optim import optimizer as base

    assert base._get_value(cnn.tensor(2.0)) == 2.0 and base._dispatch_sqrt(4) == 2.0
    assert base._to_scalar(cnn.ones(1)).dim() == 0
    params = [cnn.ones(1)]
    assert base._default_to_fused_or_foreach(params, False, True) == (True, False)
    assert base._default_to_fused_or_foreach(params, False) == (False, False)
    assert base._get_scalar_dtype() == cnn.float32

    class Own(cnn.optim.Optimizer):
        @base._use_grad_for_differentiable
        def step(self):
            return cnn.is_grad_enabled()

    made = Own([cnn.ones(1, requires_grad=True)], {"lr": 1, "differentiable": False})
    assert made.step() is False and cnn.is_grad_enabled()
