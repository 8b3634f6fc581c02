"""Groups, state dicts, copies and hooks of optimizers."""

import copy
import pickle

import pytest

import cnn
from cnn import optim
from optimizing import close, each, param, step_with

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
        "\n"
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
