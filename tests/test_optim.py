"""Optimizers and schedules: formulas worked out by hand, groups, state dicts, hooks, errors."""

import copy
import pickle

import pytest

import cnn
from cnn import optim
from cnn.optim import lr_scheduler


def param(*values):
    return cnn.tensor(list(values), requires_grad=True)


def step_with(opt, p, *grads):
    """One step for each gradient."""
    for grad in grads:
        p.grad = cnn.tensor(list(grad))
        opt.step()


def close(tensor, *values):
    assert tensor.tolist() == pytest.approx(list(values), rel=1e-6, abs=1e-9)


# Formulas, by hand.


def test_sgd_plain():
    p = param(1.0, -2.0)
    step_with(optim.SGD([p], lr=0.1), p, (0.5, 1.0), (0.5, 1.0))
    close(p, 0.9, -2.2)


def test_sgd_momentum_and_dampening():
    p = param(1.0)
    opt = optim.SGD([p], lr=0.1, momentum=0.9, dampening=0.5)
    step_with(opt, p, (1.0,))
    # The first step takes the gradient as it is, without dampening.
    close(p, 0.9)
    step_with(opt, p, (2.0,))
    close(opt.state[p]["momentum_buffer"], 0.9 * 1.0 + 0.5 * 2.0)
    close(p, 0.9 - 0.1 * 1.9)


def test_sgd_nesterov_weight_decay_maximize():
    p = param(2.0)
    opt = optim.SGD([p], lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.1, maximize=True)
    step_with(opt, p, (1.0,))
    g = -1.0 + 0.1 * 2.0
    close(opt.state[p]["momentum_buffer"], g)
    close(p, 2.0 - 0.1 * (g + 0.5 * g))


def test_adam_first_steps():
    p = param(1.0, 1.0)
    opt = optim.Adam([p], lr=0.1)
    step_with(opt, p, (3.0, -0.25))
    # The first step has the length lr, whatever the gradient.
    close(p, 0.9, 1.1)
    state = opt.state[p]
    close(state["exp_avg"], 0.3, -0.025)
    close(state["exp_avg_sq"], 0.009, 0.0000625)
    assert state["step"].shape == () and state["step"].item() == 1.0
    assert state["step"].dtype == cnn.float32


def test_adam_decay_goes_through_the_moments_and_adamw_past_them():
    p, q = param(2.0), param(2.0)
    adam = optim.Adam([p], lr=0.1, weight_decay=0.5)
    adamw = optim.AdamW([q], lr=0.1, weight_decay=0.5)
    step_with(adam, p, (1.0,))
    step_with(adamw, q, (1.0,))
    close(adam.state[p]["exp_avg"], 0.2)
    close(adamw.state[q]["exp_avg"], 0.1)
    close(p, 1.9)
    close(q, 2.0 * (1 - 0.1 * 0.5) - 0.1)


def test_amsgrad_keeps_the_largest_second_moment():
    p = param(0.0)
    opt = optim.Adam([p], lr=0.1, betas=(0.5, 0.5), amsgrad=True)
    step_with(opt, p, (4.0,), (0.0,))
    close(opt.state[p]["exp_avg_sq"], 4.0)
    close(opt.state[p]["max_exp_avg_sq"], 8.0)
    second = 0.1 / 0.75 * 1.0 / (8.0**0.5 / 0.75**0.5)
    close(p, -0.1 - second)


def test_adagrad():
    p = param(1.0)
    opt = optim.Adagrad([p], lr=0.5, lr_decay=1.0, initial_accumulator_value=5.0)
    assert opt.state[p]["sum"].tolist() == [5.0]  # before any step
    step_with(opt, p, (2.0,))
    close(p, 1.0 - 0.5 * 2.0 / 3.0)
    step_with(opt, p, (4.0,))
    close(p, 1.0 - 1.0 / 3.0 - 0.25 * 4.0 / 5.0)


def test_rmsprop_centered_with_momentum():
    p = param(1.0)
    opt = optim.RMSprop([p], lr=0.1, alpha=0.75, momentum=0.5, centered=True, eps=0.0)
    step_with(opt, p, (2.0,))
    state = opt.state[p]
    close(state["square_avg"], 1.0)
    close(state["grad_avg"], 0.5)
    b = 2.0 / 0.75**0.5
    close(state["momentum_buffer"], b)
    close(p, 1.0 - 0.1 * b)


def test_adadelta():
    p = param(1.0)
    step_with(optim.Adadelta([p], lr=1.0, rho=0.5, eps=0.25), p, (2.0,))
    close(p, 1.0 - 0.5 / 2.25**0.5 * 2.0)


def test_adamax():
    p = param(1.0)
    opt = optim.Adamax([p], lr=0.1, betas=(0.5, 0.5), eps=0.0)
    step_with(opt, p, (2.0,), (0.0,))
    close(opt.state[p]["exp_inf"], 1.0)
    close(p, 1.0 - 0.1 - 0.1 / 0.75 * 0.5)


def test_nadam_first_step():
    p = param(1.0)
    step_with(optim.NAdam([p], lr=0.1, momentum_decay=0.0), p, (3.0,))
    mu = 0.9 * 0.5  # 0.96^0 = 1
    direct = 0.1 * (1 - mu) / (1 - mu)
    ahead = 0.1 * mu / (1 - mu * mu) * 0.1
    close(p, 1.0 - direct - ahead)


def test_radam_starts_without_adaptation():
    p = param(1.0)
    step_with(optim.RAdam([p], lr=0.1), p, (3.0,))
    close(p, 1.0 - 0.1 * 3.0)


def test_asgd_averages_after_t0():
    p = param(1.0)
    opt = optim.ASGD([p], lr=0.1, lambd=0.0, t0=0.0)
    step_with(opt, p, (1.0,), (1.0,), (1.0,))
    close(p, 0.7)
    # mu was 1, 1 and 1/2: 0.8, then halfway from there to 0.7.
    close(opt.state[p]["ax"], 0.75)


def test_rprop_grows_and_shrinks():
    p = param(0.0, 0.0)
    opt = optim.Rprop([p], lr=0.1)
    step_with(opt, p, (1.0, 1.0), (5.0, -5.0))
    close(opt.state[p]["step_size"], 0.12, 0.05)
    # Where the sign has turned, the step is left out.
    close(p, -0.22, -0.1)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_minimizes_rosenbrock(search):
    p = cnn.tensor([-1.2, 1.0], dtype=cnn.float64, requires_grad=True)
    opt = optim.LBFGS([p], lr=1 if search else 1e-1, max_iter=100, line_search_fn=search)

    def closure():
        opt.zero_grad()
        a, b = p[0], p[1]
        loss = (1 - a) * (1 - a) + 100 * (b - a * a) * (b - a * a)
        loss.backward()
        return loss

    first = opt.step(closure).item()
    assert first == pytest.approx(24.2)
    for _ in range(20):
        last = opt.step(closure)
    assert last.item() < 1e-8
    assert p.tolist() == pytest.approx([1.0, 1.0], abs=1e-3)


def test_sparse_adam_wants_sparse_gradients():
    p = param(1.0)
    opt = optim.SparseAdam([p])
    p.grad = cnn.ones(1)
    with pytest.raises(RuntimeError, match="does not support dense gradients"):
        opt.step()


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


@each
def test_lowers_a_loss(cls):
    p = param(3.0, -2.0)
    opt = cls([p], lr=0.05)
    losses = []
    for _ in range(50):
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@each
def test_a_parameter_without_gradient_stays(cls):
    p, q = param(1.0), param(1.0)
    opt = cls([p, q], lr=0.1)
    step_with(opt, p, (1.0,))
    assert q.tolist() == [1.0] and p.tolist() != [1.0]


@each
def test_a_step_records_nothing_and_bumps_the_version(cls):
    p = param(1.0)
    opt = cls([p], lr=0.1)
    version = p._version
    step_with(opt, p, (1.0,))
    assert p.is_leaf and p.requires_grad and p.grad_fn is None
    assert p._version > version
    for value in opt.state[p].values():
        assert not value.requires_grad


def test_momentum_that_dies_out_ends_at_zero():
    p = param(1.0, 1.0)
    opt = optim.SGD([p], lr=0.1, momentum=0.9)
    step_with(opt, p, (1e-30, 1.0))
    step_with(opt, p, *[(0.0, 0.0)] * 200)
    dead, alive = opt.state[p]["momentum_buffer"].tolist()
    assert dead == 0.0 and alive > 0.0


@pytest.mark.parametrize("eps", (0, 1e-30, 1e-20))
def test_roots_of_subnormal_numbers_count_beside_a_small_eps(eps):
    p = param(1.0)
    opt = optim.Adam([p], lr=0.1, eps=eps)
    step_with(opt, p, (1e-20,))
    assert 0 < opt.state[p]["exp_avg_sq"].item() < 1e-38
    assert 0.89 < p.item() < 1.0


@each
def test_closure_runs_with_gradients_enabled(cls):
    p = param(1.0)
    opt = cls([p], lr=0.1)

    def closure():
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with cnn.no_grad():
        assert opt.step(closure).item() == 1.0
    assert p.item() < 1.0


@each
def test_unsupported_modes_are_refused(cls):
    with pytest.raises(NotImplementedError, match="differentiable"):
        cls([param(1.0)], lr=0.1, differentiable=True)
    if cls not in (optim.SGD, optim.Adagrad):
        with pytest.raises(NotImplementedError, match="capturable"):
            cls([param(1.0)], lr=0.1, capturable=True)


def test_steps_check_everything_before_they_write():
    p, q = cnn.ones(2), cnn.ones(3)
    grads = [cnn.ones(2), cnn.ones(4)]
    zeros = [cnn.zeros(2), cnn.zeros(3)]
    steps = [cnn.zeros(()), cnn.zeros(())]
    with pytest.raises(RuntimeError, match="_sgd_step.*4.*3"):
        cnn._C._sgd_step([p, q], grads, [], 0.1, 0.0, 0.0, 0.0, False, False, False)
    with pytest.raises(RuntimeError, match="_adagrad_step.*4.*3"):
        cnn._C._adagrad_step([p, q], grads, zeros, steps, 0.1, 0.0, 1e-8, 0.0, False)
    with pytest.raises(RuntimeError, match="_sgd_step.*2.*1"):
        cnn._C._sgd_step([p, q], grads[:1], [], 0.1, 0.0, 0.0, 0.0, False, False, False)
    assert p.tolist() == [1.0, 1.0] and q.tolist() == [1.0, 1.0, 1.0]
    assert zeros[0].tolist() == [0.0, 0.0] and steps[0].item() == 0.0


def test_strided_parameters_and_gradients():
    base = cnn.zeros(4, 6)
    p = base.t()[::2].requires_grad_()
    dense = cnn.zeros(3, 4, requires_grad=True)
    grad = cnn.arange(12.0).reshape(3, 4)
    for q in (p, dense):
        opt = optim.Adam([q], lr=0.1, weight_decay=0.1)
        for scale in (1.0, -0.5):
            q.grad = (grad * scale).t().contiguous().t()
            opt.step()
    assert p.tolist() == dense.tolist()
    assert base[:, 1].tolist() == [0.0] * 4  # between the rows nothing is touched


@pytest.mark.parametrize("cls", [optim.SGD, optim.Adam, optim.Adagrad, optim.RMSprop])
def test_half_precision_parameters(cls):
    p = cnn.ones(5, dtype=cnn.bfloat16).requires_grad_()
    opt = cls([p], lr=0.5)
    p.grad = cnn.ones(5, dtype=cnn.bfloat16)
    opt.step()
    assert p.dtype == cnn.bfloat16 and p[0].item() < 1.0
    for name, value in opt.state[p].items():
        assert value.dtype == (cnn.float32 if name == "step" else cnn.bfloat16)


def test_tensor_learning_rate():
    p = param(1.0)
    step_with(optim.SGD([p], lr=cnn.tensor(0.5)), p, (1.0,))
    close(p, 0.5)
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        optim.SGD([p], lr=cnn.tensor([0.1, 0.2]))
    with pytest.raises(ValueError, match="lr as a Tensor is not supported"):
        optim.Adam([p], lr=cnn.tensor(0.1), foreach=True)


# Groups.


def test_groups_take_defaults_and_overrides():
    p, q = param(1.0), param(1.0)
    opt = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1, momentum=0.9)
    assert [g["lr"] for g in opt.param_groups] == [0.1, 0.5]
    assert [g["momentum"] for g in opt.param_groups] == [0.9, 0.9]
    assert opt.param_groups[1]["params"] == [q]
    for each_p in (p, q):
        each_p.grad = cnn.ones(1)
    opt.step()
    close(p, 0.9)
    close(q, 0.5)
    r = param(2.0)
    opt.add_param_group({"params": [r], "lr": 1.0})
    r.grad = cnn.ones(1)
    opt.step()
    close(r, 1.0)


def test_groups_are_checked():
    p, q = param(1.0), param(2.0)
    with pytest.raises(TypeError, match="should be an iterable of Tensors or dicts, but got"):
        optim.SGD(p, lr=0.1)
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.SGD([], lr=0.1)
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([p * 2], lr=0.1)
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {p, q}}], lr=0.1)
    with pytest.raises(TypeError, match="optimizer can only optimize Tensors, but one of the"):
        optim.SGD([1.0], lr=0.1)
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": [p]}, {"params": [q, p]}], lr=0.1)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p], lr=0.1)
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([{"params": [p]}, q], lr=0.1)


def test_named_parameters():
    p, q = param(1.0), param(2.0)
    opt = optim.SGD([("first", p), ("second", q)], lr=0.1)
    assert opt.param_groups[0]["params"] == [p, q]
    state = opt.state_dict()
    assert state["param_groups"][0]["param_names"] == ["first", "second"]
    plain = optim.SGD([p, q], lr=0.1).state_dict()
    opt.load_state_dict(plain)
    assert opt.param_groups[0]["param_names"] == ["first", "second"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("first", p), q], lr=0.1)
    with pytest.raises(ValueError, match="with/without names"):
        opt.add_param_group({"params": [param(3.0)]})


def test_required_options():
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        optim.Optimizer([param(1.0)], {"lr": optim.optimizer.required})


def test_zero_grad():
    p = param(1.0)
    opt = optim.SGD([p], lr=0.1)
    (p * p).sum().backward()
    grad = p.grad
    opt.zero_grad(set_to_none=False)
    assert p.grad is grad and grad.tolist() == [0.0]
    opt.zero_grad()
    assert p.grad is None


# State dicts, pickling, printing.


def test_state_dict_layout():
    p, q = param(1.0), param(2.0)
    opt = optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1, momentum=0.9)
    assert opt.state_dict()["state"] == {}
    step_with(opt, q, (1.0,))
    state = opt.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [1]
    assert state["state"][1]["momentum_buffer"].tolist() == [1.0]
    assert state["param_groups"][0] == {
        "lr": 0.1,
        "momentum": 0.9,
        "dampening": 0,
        "weight_decay": 0,
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
        "params": [0],
    }
    assert state["param_groups"][1]["params"] == [1]


@each
def test_resumed_training_goes_on_as_if_uninterrupted(cls):
    grads = [(1.0, -2.0), (0.5, 0.25), (-1.0, 3.0), (2.0, 2.0)]
    p = param(1.0, 2.0)
    opt = cls([p], lr=0.1)
    step_with(opt, p, *grads)

    q = param(1.0, 2.0)
    first = cls([q], lr=0.1)
    step_with(first, q, *grads[:2])
    saved = pickle.loads(pickle.dumps(first.state_dict()))
    second = cls([q], lr=0.7)
    second.load_state_dict(saved)
    step_with(second, q, *grads[2:])
    assert q.tolist() == p.tolist()
    assert second.param_groups[0]["lr"] == 0.1


def test_load_casts_to_the_parameter_but_not_the_count():
    p = param(1.0)
    opt = optim.Adam([p], lr=0.1)
    step_with(opt, p, (1.0,))
    wide = cnn.tensor([1.0], dtype=cnn.float64, requires_grad=True)
    other = optim.Adam([wide], lr=0.1)
    other.load_state_dict(opt.state_dict())
    assert other.state[wide]["exp_avg"].dtype == cnn.float64
    assert other.state[wide]["step"].dtype == cnn.float32


def test_load_checks_the_groups():
    p, q = param(1.0), param(2.0)
    opt = optim.SGD([p, q], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        opt.load_state_dict(optim.SGD([{"params": [p]}, {"params": [q]}], lr=0.1).state_dict())
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        opt.load_state_dict(optim.SGD([p], lr=0.1).state_dict())


def test_states_of_old_files_are_completed():
    p = param(1.0)
    opt = optim.Adam([p], lr=0.1)
    group = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "params": [0]}
    zeros = cnn.zeros(1)
    opt.load_state_dict(
        {
            "state": {0: {"step": 3, "exp_avg": zeros, "exp_avg_sq": zeros.clone()}},
            "param_groups": [group],
        }
    )
    assert opt.state[p]["step"].item() == 3.0
    assert opt.param_groups[0]["amsgrad"] is False
    step_with(opt, p, (1.0,))
    assert opt.state[p]["step"].item() == 4.0


@each
def test_pickle_and_deepcopy(cls):
    p = param(1.0, 2.0)
    opt = cls([p], lr=0.1)
    step_with(opt, p, (1.0, -1.0))
    for clone in (pickle.loads(pickle.dumps(opt)), copy.deepcopy(opt)):
        q = clone.param_groups[0]["params"][0]
        assert q is not p
        step_with(clone, q, (0.5, 0.5))
        reference = copy.deepcopy(opt)
        r = reference.param_groups[0]["params"][0]
        step_with(reference, r, (0.5, 0.5))
        assert q.tolist() == r.tolist()


def test_repr():
    p, q = param(1.0), param(2.0)
    opt = optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1)
    assert repr(opt) == (
        "SGD (\n"
        "Parameter Group 0\n"
        "    dampening: 0\n"
        "    differentiable: False\n"
        "    foreach: None\n"
        "    fused: None\n"
        "    lr: 0.1\n"
        "    maximize: False\n"
        "    momentum: 0\n"
        "    nesterov: False\n"
        "    weight_decay: 0\n"
        "Parameter Group 1\n"
        "    dampening: 0\n"
        "    differentiable: False\n"
        "    foreach: None\n"
        "    fused: None\n"
        "    lr: 0.5\n"
        "    maximize: False\n"
        "    momentum: 0\n"
        "    nesterov: False\n"
        "    weight_decay: 0\n"
        ")"
    )


# Hooks.


def test_step_hooks():
    p = param(1.0)
    opt = optim.SGD([p], lr=0.1)
    calls = []
    before = opt.register_step_pre_hook(lambda o, args, kwargs: calls.append(("before", o)))
    after = opt.register_step_post_hook(lambda o, args, kwargs: calls.append(("after", o)))
    everywhere = optim.optimizer.register_optimizer_step_post_hook(
        lambda o, args, kwargs: calls.append(("all", o))
    )
    step_with(opt, p, (1.0,))
    assert calls == [("before", opt), ("after", opt), ("all", opt)]
    for handle in (before, after, everywhere):
        handle.remove()
    step_with(opt, p, (1.0,))
    assert len(calls) == 3
    with opt.register_step_pre_hook(lambda o, args, kwargs: 1):
        with pytest.raises(RuntimeError, match="must return None or a tuple"):
            opt.step()
    opt.step()


def test_state_dict_hooks():
    p = param(1.0)
    opt = optim.SGD([p], lr=0.1)
    opt.register_state_dict_post_hook(lambda o, state: {**state, "extra": 1})
    state = opt.state_dict()
    assert state["extra"] == 1
    seen = []
    opt.register_load_state_dict_pre_hook(lambda o, state: seen.append(state["extra"]))
    opt.register_load_state_dict_post_hook(lambda o: seen.append("done"))
    opt.load_state_dict(state)
    assert seen == [1, "done"]


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
