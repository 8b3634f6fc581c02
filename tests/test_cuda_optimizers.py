"""Optimizers on a GPU: the CPU's steps, in one launch for all parameters."""

import copy

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


# Counts and rates on the GPU -----------------------------------------------------------------------

quiet = pytest.mark.filterwarnings("ignore:This instance was constructed with capturable")


def rate(value, as_tensor):
    return cnn.tensor(value, device="cuda") if as_tensor else value


# Of (parameters, is the rate a tensor on the GPU?, options)
CAPTURABLE = {
    "Adam": lambda p, t, **o: optim.Adam(p, rate(0.1, t), weight_decay=0.01, **o),
    "Adam without memory": lambda p, t, **o: optim.Adam(p, rate(0.1, t), (0.0, 0.0), **o),
    "Adam amsgrad": lambda p, t, **o: optim.Adam(p, rate(0.1, t), amsgrad=True, maximize=True, **o),
    "AdamW": lambda p, t, **o: optim.AdamW(p, rate(0.1, t), **o),
    "RMSprop": lambda p, t, **o: optim.RMSprop(
        p, rate(0.01, t), momentum=0.5, centered=True, weight_decay=0.1, **o
    ),
    "Adadelta": lambda p, t, **o: optim.Adadelta(p, rate(1.0, t), weight_decay=0.1, **o),
    "Adamax": lambda p, t, **o: optim.Adamax(p, rate(0.1, t), maximize=True, **o),
    "NAdam": lambda p, t, **o: optim.NAdam(p, rate(0.1, t), weight_decay=0.1, **o),
    "NAdam decoupled": lambda p, t, **o: optim.NAdam(
        p, rate(0.1, t), weight_decay=0.1, decoupled_weight_decay=True, **o
    ),
    "RAdam": lambda p, t, **o: optim.RAdam(p, rate(0.1, t), weight_decay=0.1, **o),
    "Rprop": lambda p, t, **o: optim.Rprop(p, rate(0.1, t), **o),
    "ASGD": lambda p, t, **o: optim.ASGD(p, rate(0.1, t), t0=2, weight_decay=0.1, **o),
}


@quiet
@pytest.mark.parametrize("dtype", (cnn.float32, cnn.float64, cnn.bfloat16), ids=str)
@pytest.mark.parametrize("name", CAPTURABLE)
def test_counts_on_the_gpu_give_the_same_steps(name, dtype):
    make = CAPTURABLE[name]
    want, plain = steps(lambda p: make(p, False), "cuda", dtype)
    tolerance = {cnn.float32: 1e-6, cnn.float64: 1e-7, cnn.bfloat16: 1e-2}[dtype]
    for as_tensor in (False, True):
        got, optimizer = steps(lambda p, t=as_tensor: make(p, t, capturable=True), "cuda", dtype)
        for a, b in zip(got, want):
            assert cnn.allclose(a.double(), b.double(), tolerance, tolerance)
        for p, q in zip(got, want):
            state, expected = optimizer.state[p], plain.state[q]
            assert list(state) == list(expected) and all(x.is_cuda for x in state.values())
            assert state["step"].dtype == cnn.float32 and state["step"].item() == 8
            for key in {"mu_product", "mu", "eta"} & set(state):
                assert cnn.allclose(state[key].cpu(), expected[key])


@quiet
@pytest.mark.parametrize("as_tensor", (False, True))
@pytest.mark.parametrize("name", CAPTURABLE)
def test_a_graph_steps_on(name, as_tensor):
    def train(recorded):
        params = parameters("cuda")
        optimizer = CAPTURABLE[name](params, as_tensor, capturable=True)
        gradients = [cnn.zeros_like(p) for p in params]
        for p, g in zip(params, gradients):
            p.grad = g

        def feed(step):
            for i, g in enumerate(gradients):
                g.copy_(cnn.arange(g.numel()).add(i + 7 * step).sin().view(g.shape))

        feed(0)
        optimizer.step()  # the state is there when the step is recorded
        if recorded:
            graph = cnn.cuda.CUDAGraph()
            with cnn.cuda.graph(graph):
                optimizer.step()
        for step in range(1, 6):
            feed(step)
            if as_tensor:
                optimizer.param_groups[0]["lr"].mul_(0.5)
            graph.replay() if recorded else optimizer.step()
        return params, optimizer

    (got, one), (want, other) = train(True), train(False)
    for a, b in zip(got, want):
        assert cnn.equal(a, b)
        assert all(cnn.equal(x, other.state[b][key]) for key, x in one.state[a].items())
        assert one.state[a]["step"].item() == 6


@quiet
@pytest.mark.parametrize("name", CAPTURABLE)
def test_a_counted_step_is_two_launches(name):
    for as_tensor in (False, True):
        params, optimizer = steps(
            lambda p, t=as_tensor: CAPTURABLE[name](p, t, capturable=True), "cuda"
        )
        set_gradients(params, 9)
        counts = counted(optimizer.step)
        assert counts.launches <= 2 + as_tensor and (counts.copies, counts.waits) == (0, 0)


@quiet
@pytest.mark.parametrize("dtype", (cnn.float32, cnn.bfloat16), ids=str)
@pytest.mark.parametrize("name", CAPTURABLE)
def test_counts_travel_in_state_dicts(name, dtype):
    def make(p, capturable=True):
        return CAPTURABLE[name](p, False, capturable=capturable)

    for before, after in ((True, True), (False, False), (True, False), (False, True)):
        params, optimizer = steps(lambda p, c=before: make(p, c), "cuda", dtype, 3)
        twins = [p.detach().clone().requires_grad_() for p in params]
        loaded = make(twins, after)
        saved = copy.deepcopy(optimizer.state_dict())
        saved["param_groups"][0]["capturable"] = after
        loaded.load_state_dict(saved)
        for p in twins:
            assert loaded.state[p]["step"].item() == 3
            assert loaded.state[p]["step"].dtype == cnn.float32
            assert loaded.state[p]["step"].is_cuda or not after
        for step in (3, 4):
            set_gradients(params, step)
            set_gradients(twins, step)
            optimizer.step()
            loaded.step()
        for a, b in zip(params, twins):
            assert cnn.allclose(a.float(), b.float(), 1e-6 if dtype == cnn.float32 else 1e-2, 1e-6)


@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
def test_what_cannot_be_captured():
    p = cnn.ones(3, device="cuda", requires_grad=True)
    p.grad = cnn.ones(3, device="cuda")
    for name, make in CAPTURABLE.items():
        optimizer = make([p], False)
        optimizer.step()
        before = p.detach().clone()
        with pytest.raises(RuntimeError, match="param_groups' capturable is False"):
            with cnn.cuda.graph(cnn.cuda.CUDAGraph()):
                optimizer.step()
        assert cnn.equal(p.detach(), before) and optimizer.state[p]["step"].item() == 1, name
        there = cnn.ones(3, requires_grad=True)
        there.grad = cnn.ones(3)
        with pytest.raises(
            AssertionError, match="If capturable=True, params.* and state_steps must"
        ):
            make([there], False, capturable=True).step()
        assert there.tolist() == [1, 1, 1]
    counts = [cnn.zeros((), device="cuda")]
    x = [cnn.ones(3)]
    with pytest.raises(RuntimeError, match="step count on cuda:0 for a parameter on cpu"):
        cnn._C._adam_step(x, x, x, x, [], counts, 0.1, 0.9, 0.9, 1e-8, 0.0, False, False, False)
    x = [cnn.ones(3, device="cuda")]
    for bad, words in (
        (counts[0].half(), "float32 or float64"),
        (cnn.zeros(2), "one floating-point"),
    ):
        with pytest.raises(RuntimeError, match=words):
            cnn._C._adam_step(x, x, x, x, [], [bad], 0.1, 0.9, 0.9, 1e-8, 0.0, False, False, False)
    with pytest.raises(RuntimeError, match="a rate of one floating-point element"):
        cnn._C._sgd_step(x, x, [], 0.1, 0.0, 0.0, 0.0, False, False, False, cnn.ones(2))
    assert x[0].tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
@quiet
def test_a_first_step_is_not_captured():
    makers = {name: lambda p, m=m: m(p, False, capturable=True) for name, m in CAPTURABLE.items()}
    makers["SGD"] = lambda p: optim.SGD(p, 0.1, momentum=0.9)
    for name, make in makers.items():
        p = cnn.ones(3, device="cuda", requires_grad=True)
        p.grad = cnn.ones(3, device="cuda")
        optimizer = make([p])
        with pytest.raises(RuntimeError, match="a parameter's first step cannot be captured"):
            with cnn.cuda.graph(cnn.cuda.CUDAGraph()):
                optimizer.step()
        assert p.tolist() == [1, 1, 1] and not optimizer.state[p], name
        optimizer.step()
        graph = cnn.cuda.CUDAGraph()
        with cnn.cuda.graph(graph):
            optimizer.step()
        graph.replay()
    p = cnn.ones(3, device="cuda", requires_grad=True)  # without a state there is none to make
    p.grad = cnn.ones(3, device="cuda")
    graph = cnn.cuda.CUDAGraph()
    with cnn.cuda.graph(graph):
        optim.SGD([p], 0.5).step()
    graph.replay(), graph.replay()
    assert p.tolist() == [0, 0, 0]


def test_sgd_reads_its_rate_on_the_gpu():
    for momentum in (0.0, 0.9):
        results = []
        for recorded in (False, True):
            p = cnn.ones(3, device="cuda", requires_grad=True)
            p.grad = cnn.ones(3, device="cuda")
            lr = cnn.tensor(0.5, device="cuda")
            optimizer = optim.SGD([p], lr, momentum=momentum)
            optimizer.step()
            assert counted(optimizer.step).waits == 0
            if recorded:
                graph = cnn.cuda.CUDAGraph()
                with cnn.cuda.graph(graph):
                    optimizer.step()
            for _ in range(3):
                lr.mul_(0.5)
                graph.replay() if recorded else optimizer.step()
            results.append(p.detach())
        assert cnn.equal(*results)
    assert results[0].tolist()[0] < 0


def test_steps_of_parameters_that_are_counted_apart():
    # Counts on both sides, of two dtypes, and one that is given twice.
    p = [cnn.ones(2, device="cuda") for _ in range(4)]
    g, m, v = ([cnn.ones(2, device="cuda") * k for _ in p] for k in (1.0, 0.0, 0.0))
    counts = [
        cnn.zeros((), device="cuda"), cnn.zeros(()), cnn.zeros((), dtype=cnn.float64, device="cuda"),
    ]  # fmt: skip
    counts.append(counts[0])
    for _ in range(2):
        cnn._C._adam_step(p, g, m, v, [], counts, 0.1, 0.9, 0.9, 1e-8, 0.0, False, False, False)
    assert [c.item() for c in counts] == [4, 2, 2, 4]
    assert cnn.allclose(p[1], p[2]) and not cnn.allclose(p[0], p[1])


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


@pytest.mark.parametrize("value", (1e-8, 0.1, 1e20, float("inf"), float("nan")))
@pytest.mark.parametrize("most", (0, 1, 1e-3, float("inf"), -1.0))
def test_norms_that_are_clipped(value, most):
    results = []
    for device in ("cpu", "cuda"):
        p = cnn.zeros(5, device=device)
        p.grad = cnn.full((5,), value, device=device)
        total = cnn.nn.utils.clip_grad_norm_([p], most)
        cnn.nn.utils.clip_grads_with_norm_([p], most, cnn.tensor(3.0, device=device))
        results.append((total.cpu().numpy(), p.grad.cpu().numpy()))
    for got, want in zip(*results):
        np.testing.assert_allclose(got, want, 1e-6)


def test_clipping_is_a_launch_for_all():
    params = [p for p in parameters("cuda") if p.numel()]
    set_gradients(params, 0)
    counts = counted(lambda: cnn.nn.utils.clip_grad_norm_(params, 0.5))
    assert counts.launches <= 3 and counts.copies == counts.waits == 0
    with pytest.raises(RuntimeError, match="non-finite"):
        params[0].grad.fill_(float("nan"))
        cnn.nn.utils.clip_grad_norm_(params, 0.5, error_if_nonfinite=True)
    with pytest.raises(RuntimeError, match="more than one element"):
        params[4].grad = cnn.ones(1, device="cuda").expand(1030)
        cnn.nn.utils.clip_grad_norm_(params, 0.5)
