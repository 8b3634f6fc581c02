"""Random numbers on a GPU are the CPU's, and leave its generator where the CPU's would."""

import pytest

import cnn

pytestmark = pytest.mark.cuda
F = cnn.nn.functional


def drawn(call, device):
    cnn.manual_seed(5)
    values = call(device)
    return values.cpu(), cnn.get_rng_state()


@pytest.mark.parametrize("n", (1, 15, 16, 33, 1000))
@pytest.mark.parametrize(
    "call",
    [
        lambda n, device: cnn.randn(n, device=device),
        lambda n, device: cnn.empty(n, device=device).normal_(2, 3),
        lambda n, device: cnn.randn_like(cnn.empty(n, dtype=cnn.float64, device=device)),
        lambda n, device: cnn.randn(n, dtype=cnn.bfloat16, device=device),
        lambda n, device: cnn.empty(2, n, device=device).t().normal_(),
        lambda n, device: cnn.empty(n, 2, device=device)[:, 0].normal_(),
        lambda n, device: cnn.nn.init.kaiming_normal_(cnn.empty(n, 4, device=device)),
        lambda n, device: cnn.rand(n, device=device),
        lambda n, device: cnn.randint(0, 9, (n,), device=device),
        lambda n, device: cnn.randperm(n, device=device),
        lambda n, device: cnn.bernoulli(cnn.full((n,), 0.3, device=device)),
        lambda n, device: (
            cnn.empty(2, n, device=device)
            .t()
            .bernoulli_(cnn.linspace(0, 1, 2 * n, device=device).view(n, 2))
        ),
        lambda n, device: F.dropout(cnn.ones(n, device=device), 0.4),
        lambda n, device: F.rrelu(cnn.linspace(-1, 1, n, device=device), training=True),
        lambda n, device: cnn.normal(cnn.ones(n, device=device), cnn.ones(n, device=device)),
    ],
)
def test_numbers_and_state_are_the_cpus(call, n):
    values, state = drawn(lambda device: call(n, device), "cuda")
    expected, expected_state = drawn(lambda device: call(n, device), "cpu")
    assert values.dtype == expected.dtype and cnn.allclose(values, expected, 1e-6, 1e-7)
    assert cnn.equal(state, expected_state)


def test_fork_rng_keeps_what_was_to_come():
    cnn.manual_seed(1)
    expected = cnn.rand(3, device="cuda")
    for devices in (None, [0], ["cuda:0"]):
        cnn.manual_seed(1)
        with cnn.random.fork_rng(devices):
            cnn.rand(7, device="cuda")
        assert cnn.equal(cnn.rand(3, device="cuda"), expected)


def test_rrelu_trains():
    x = cnn.linspace(-2, 2, 40, device="cuda").requires_grad_()
    layer = cnn.nn.RReLU(0.1, 0.3)
    y = layer(x)
    y.sum().backward()
    slopes = x.grad[x < 0]
    assert y.device == x.device and ((slopes >= 0.1) & (slopes <= 0.3)).all()
    assert (x.grad[x > 0] == 1).all()


@pytest.mark.parametrize("n", (2, 3))
def test_fractional_pooling(n):
    x = cnn.arange(2.0 * 3 * 8**n).view(2, 3, *[8] * n).sin()
    samples = cnn.rand(2, 3, n)
    pool = getattr(F, f"fractional_max_pool{n}d")
    expected, places = pool(x, 2, 4, return_indices=True, _random_samples=samples)
    leaf = x.cuda().requires_grad_()
    got, at = pool(leaf, 2, 4, return_indices=True, _random_samples=samples.cuda())
    assert cnn.equal(got.cpu(), expected) and cnn.equal(at.cpu(), places)
    got.sum().backward()
    assert leaf.grad.sum().item() == got.numel()
    cnn.manual_seed(3)
    on_gpu = pool(x.cuda(), 2, 4)
    cnn.manual_seed(3)
    assert cnn.equal(on_gpu.cpu(), pool(x, 2, 4))
