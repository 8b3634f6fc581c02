"""Optimizers: formulas worked out by hand, and what every step keeps to."""

import pytest

import cnn
from cnn import optim
from optimizing import close, each, param, step_with

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
        p = param(1.0)
        p.grad = cnn.ones_like(p)
        with pytest.raises(AssertionError, match="If capturable=True, params.* supported devices"):
            cls([p], lr=0.1, capturable=True).step()
        assert p.item() == 1.0


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
