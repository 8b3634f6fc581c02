"""Optimizers and schedules against PyTorch: values, state dicts both ways, repr, errors."""

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")

SHAPES = [(3, 4), (37,), (2, 3, 2), ()]
STEPS = 8
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "maximize": True, "foreach": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.3, 0.5)}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True, "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.2, "fused": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.01, "centered": True}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "alpha": 0.3, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.95, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 6e-3}),
    ("NAdam", {"lr": 0.01, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-6, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.02, "t0": 3, "weight_decay": 0.1, "lambd": 0.01, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 2e-4, "etas": (0.4, 1.5), "step_sizes": (1e-5, 1.0), "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "beta2_decay": -0.5}),
    ("Adafactor", {"eps": (1e-3, 1e-2), "d": 2.0}),
]


def name_of(row):
    return row[0] + "".join(f"-{key}={value}" for key, value in row[1].items())


def make_params(lib, dtype, shapes=SHAPES):
    random = np.random.RandomState(3)
    values = [np.asarray(random.uniform(-1, 1, s), dtype=dtype) for s in shapes]
    return [lib.tensor(v, requires_grad=True) for v in values]


def as_numpy(value):
    """Tensors at any depth as arrays."""
    if isinstance(value, (cnn.Tensor, torch.Tensor)):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: as_numpy(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_numpy(v) for v in value)
    return value


def as_tensors(lib, value):
    """Arrays at any depth as tensors of `lib`."""
    if isinstance(value, np.ndarray):
        return lib.tensor(value)
    if isinstance(value, dict):
        return {key: as_tensors(lib, v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_tensors(lib, v) for v in value)
    return value


def assert_same(ours, theirs, tolerance, where=""):
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, tolerance, f"{where}[{i}]")
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, where
        scale = max(1e-3, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)
    else:
        is_number = isinstance(theirs, (int, float)) and not isinstance(theirs, bool)
        expected = pytest.approx(theirs, rel=tolerance) if is_number else theirs
        assert ours == expected, where


class Run:
    """One optimizer of one library on the same parameters and gradients."""

    def __init__(self, lib, name, options, dtype, groups=False):
        self.lib, self.params = lib, make_params(lib, dtype)
        self.dtype, self.random = dtype, np.random.RandomState(11)
        params = self.params
        if groups:
            params = [{"params": params[:1]}, {"params": params[1:], "lr": 0.05}]
        self.opt = getattr(lib.optim, name)(params, **options)

    def step(self, skip=None):
        for i, p in enumerate(self.params):
            grad = np.asarray(self.random.uniform(-1, 1, tuple(p.shape)), dtype=self.dtype)
            p.grad = None if i == skip else self.lib.tensor(grad)
        self.opt.step()

    def values(self):
        return as_numpy(self.params), as_numpy(self.opt.state_dict())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=name_of)
def test_steps(row, dtype):
    ours, theirs = Run(cnn, *row, dtype), Run(torch, *row, dtype)
    assert repr(ours.opt) == repr(theirs.opt)
    for step in range(STEPS):
        # The second parameter has no gradient at first: its state is younger than the others'.
        skip = 1 if step == 0 else None
        ours.step(skip)
        theirs.step(skip)
        assert_same(ours.values(), theirs.values(), TOLERANCE[dtype] * (step + 1))


@pytest.mark.parametrize("row", OPTIMIZERS, ids=name_of)
def test_state_dicts_go_both_ways(row):
    ours, theirs = (Run(lib, *row, "float32", groups=True) for lib in (cnn, torch))
    for _ in range(3):
        ours.step()
        theirs.step()
    state = ours.values()[1], theirs.values()[1]
    ours.opt.load_state_dict(as_tensors(cnn, state[1]))
    theirs.opt.load_state_dict(as_tensors(torch, state[0]))
    for _ in range(3):
        ours.step()
        theirs.step()
    assert_same(ours.values(), theirs.values(), 2e-5)


@pytest.mark.parametrize(
    "options",
    [{}, {"lr": 0.5, "history_size": 3}, {"line_search_fn": "strong_wolfe"}],
    ids=str,
)
def test_lbfgs(options):
    def run(lib):
        params = make_params(lib, "float64")
        targets = [p.detach() * 0.5 + 0.1 for p in make_params(lib, "float64")]
        opt = lib.optim.LBFGS(params, **options)

        def closure():
            opt.zero_grad()
            loss = 0
            for p, t in zip(params, targets, strict=True):
                d = p - t
                loss = loss + (d * d * d * d + d * d).sum()
            loss.backward()
            return loss

        losses = [float(opt.step(closure)) for _ in range(4)]
        return losses, as_numpy(params), as_numpy(opt.state_dict())

    ours, theirs = run(cnn), run(torch)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-9, atol=1e-15)
    assert_same(ours[1], theirs[1], 1e-8)
    assert set(ours[2]["state"][0]) == set(theirs[2]["state"][0])
    assert ours[2]["state"][0]["n_iter"] == theirs[2]["state"][0]["n_iter"]
    assert ours[2]["state"][0]["func_evals"] == theirs[2]["state"][0]["func_evals"]


BAD = [
    ("SGD", {"lr": -1.0}),
    ("SGD", {"momentum": -0.1}),
    ("SGD", {"weight_decay": -0.1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"lr": 0.1, "fused": True, "foreach": True}),
    ("Adam", {"lr": -1.0}),
    ("Adam", {"eps": -1.0}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, 1.5)}),
    ("Adam", {"betas": (0, 0.9)}),
    ("Adam", {"weight_decay": -1}),
    ("AdamW", {"betas": (-0.1, 0.9)}),
    ("Adagrad", {"lr_decay": -0.5}),
    ("Adagrad", {"initial_accumulator_value": -0.5}),
    ("RMSprop", {"momentum": -1.0}),
    ("RMSprop", {"alpha": -1.0}),
    ("Adadelta", {"rho": 1.1}),
    ("Adamax", {"betas": (0.0, 1.0)}),
    ("NAdam", {"momentum_decay": -0.2}),
    ("RAdam", {"weight_decay": -1}),
    ("ASGD", {"weight_decay": -0.5}),
    ("Rprop", {"etas": (1.0, 0.5)}),
    ("Adafactor", {"beta2_decay": 1.0}),
    ("Adafactor", {"eps": (-1.0, 1e-3)}),
    ("Adafactor", {"d": 0.5}),
    ("Muon", {"momentum": -1.0}),
    ("Muon", {"adjust_lr_fn": "other"}),
    ("SparseAdam", {"eps": 0.0}),
]


@pytest.mark.parametrize("row", BAD, ids=name_of)
def test_constructor_errors(row):
    name, options = row
    with pytest.raises(Exception) as theirs:
        getattr(torch.optim, name)(make_params(torch, "float32"), **options)
    with pytest.raises(theirs.type) as ours:
        getattr(cnn.optim, name)(make_params(cnn, "float32"), **options)
    assert str(ours.value) == str(theirs.value)


def _bad_params(lib):
    p, q = make_params(lib, "float32", [(2,), (3,)])
    return {
        "a tensor": p,
        "empty": [],
        "numbers": [1, 2],
        "strings": ["a"],
        "non-leaf": [p * 2],
        "set": {"params": {p, q}},
        "twice in two groups": [{"params": [p]}, {"params": [p, q]}],
        "names for some": [("p", p), q],
        "groups with and without names": [{"params": [("p", p)]}, {"params": [q]}],
    }


@pytest.mark.parametrize("case", _bad_params(torch))
def test_errors_of_parameters(case):
    with pytest.raises(Exception) as theirs:
        torch.optim.SGD(_bad_params(torch)[case], lr=0.1)
    with pytest.raises(theirs.type) as ours:
        cnn.optim.SGD(_bad_params(cnn)[case], lr=0.1)
    assert str(ours.value) == str(theirs.value)


SCHEDULES = [
    ("StepLR", (7,), {}),
    ("MultiStepLR", (), {"milestones": [3, 3, 10], "gamma": 0.3}),
    ("ExponentialLR", (0.9,), {}),
    ("CosineAnnealingLR", (10,), {}),
    ("CosineAnnealingLR", (), {"T_max": 30, "eta_min": 0.001}),
    ("CosineAnnealingWarmRestarts", (5,), {}),
    ("CosineAnnealingWarmRestarts", (), {"T_0": 4, "T_mult": 2, "eta_min": 0.001}),
    ("OneCycleLR", (0.5,), {"total_steps": 31}),
    ("OneCycleLR", (), {"max_lr": [0.5, 0.2], "epochs": 4, "steps_per_epoch": 8, "pct_start": 0.2}),
    ("OneCycleLR", (0.3,), {"total_steps": 40, "anneal_strategy": "linear", "three_phase": True}),
    ("CyclicLR", (0.01, 0.1), {"step_size_up": 4}),
    ("CyclicLR", (0.01, 0.2), {"step_size_up": 3, "step_size_down": 5, "mode": "triangular2"}),
    ("CyclicLR", (0.01, 0.2), {"step_size_up": 6, "mode": "exp_range", "gamma": 0.95}),
    ("LambdaLR", (lambda e: 0.95**e,), {}),
    ("LambdaLR", ([lambda e: 1 / (1 + e), lambda e: 0.5 ** (e // 5)],), {}),
    ("MultiplicativeLR", (lambda e: 0.95,), {}),
    ("LinearLR", (), {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 12}),
    ("ConstantLR", (), {"factor": 0.5, "total_iters": 9}),
    ("PolynomialLR", (), {"total_iters": 20, "power": 2.0}),
    ("ReduceLROnPlateau", (), {"patience": 2}),
    (
        "ReduceLROnPlateau",
        ("max",),
        {"factor": 0.5, "patience": 1, "threshold": 0.01, "cooldown": 2},
    ),
    ("ReduceLROnPlateau", (), {"patience": 1, "threshold_mode": "abs", "min_lr": [0.01, 0.02]}),
]


def _sequential(lib, opt):
    s = lib.optim.lr_scheduler
    parts = [s.LinearLR(opt, 0.1, total_iters=4), s.StepLR(opt, 5), s.CosineAnnealingLR(opt, 10)]
    return s.SequentialLR(opt, parts, [4, 15])


def _chained(lib, opt):
    s = lib.optim.lr_scheduler
    return s.ChainedScheduler([s.ConstantLR(opt, 0.1, 5), s.ExponentialLR(opt, 0.9)])


def _run_schedule(lib, make, resume, adam):
    def build():
        p, q = make_params(lib, "float32", [(2,), (3,)])
        groups = [{"params": [p]}, {"params": [q], "lr": 0.05}]
        if adam:
            opt = lib.optim.Adam(groups, lr=0.1)
        else:
            opt = lib.optim.SGD(groups, lr=0.1, momentum=0.9)
        return opt, make(lib, opt)

    opt, schedule = build()
    metrics = np.concatenate(
        [np.linspace(1, 0.5, 8), 0.5 + 0.001 * np.random.RandomState(5).rand(30)]
    )
    rates = []
    for step in range(30):
        if resume and step == 15:
            states = opt.state_dict(), schedule.state_dict()
            opt, schedule = build()
            opt.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        opt.step()
        if isinstance(schedule, lib.optim.lr_scheduler.ReduceLROnPlateau):
            schedule.step(metrics[step])
        else:
            schedule.step()
        momentum = "betas" if adam else "momentum"
        rates.append([[g["lr"], g[momentum]] for g in opt.param_groups] + schedule.get_last_lr())
    return rates, sorted(schedule.state_dict())


@pytest.mark.parametrize("adam", [False, True], ids=["sgd", "adam"])
@pytest.mark.parametrize("resume", [False, True], ids=["straight", "resumed"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda lib, opt, n=n, a=a, k=k: getattr(lib.optim.lr_scheduler, n)(opt, *a, **k),
            id=f"{n}-{i}",
        )
        for i, (n, a, k) in enumerate(SCHEDULES)
    ]
    + [pytest.param(_sequential, id="SequentialLR"), pytest.param(_chained, id="ChainedScheduler")],
)
def test_schedules(make, resume, adam):
    ours, theirs = (_run_schedule(lib, make, resume, adam) for lib in (cnn, torch))
    assert_same(ours[0], theirs[0], 1e-12)
    assert ours[1] == theirs[1]
