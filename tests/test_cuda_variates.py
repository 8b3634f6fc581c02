"""Draws of a GPU whose parameters are tensors: the model's numbers, drawn without a wait."""

import math

import numpy as np
import pytest

import cnn
from cnn import cuda
from drawing import FLOATS, lying, same_offset, seeded
from emulation import counted
from test_cuda_random import distance

pytestmark = pytest.mark.cuda

REAL = {cnn.float32: np.float32, cnn.float64: np.float64}


def on_gpu(values, dtype=cnn.float32):
    return cnn.tensor(values, dtype=dtype, device="cuda")


ALPHAS = [0.0, 1e-6, 0.1, 0.5, 1.0, 2.5, 30.0, 1e4] * 40
RATES = [0.0, 0.3, 4.0, 20.0, 63.9, 64.0, 100.0, 900.0, 4000.0, 4001.0, 1e6] * 30
COUNTS = [0.0, 1.0, 5.0, 20.0, 21.0, 100.0, 1000.0, 40.0, 3.0] * 150
CHANCES = [0.3, 0.5, 0.9, 0.5, 0.25, 0.1, 0.7, 0.0, 1.0, 0.01] * 135


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_gammas_are_the_models(dtype):
    model = seeded()
    for _ in range(2):
        got = cnn._standard_gamma(on_gpu(ALPHAS, dtype))
        want = model.gammas(ALPHAS, dtype == cnn.float64)
        tolerance = 1e-4 if dtype == cnn.float32 else 1e-5  # normal numbers are float32's in both
        np.testing.assert_allclose(lying(got), want.astype(float), rtol=tolerance)
        same_offset(model)
    assert model.offset == 24


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_poissons_are_the_models(dtype):
    model = seeded()
    for _ in range(2):
        got = cnn.poisson(on_gpu(RATES, dtype))
        assert got.dtype == dtype and got.tolist() == model.poissons(RATES).tolist()
        same_offset(model)
    assert model.offset == 40


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_binomials_are_the_models(dtype):
    model = seeded()
    chances = np.array(CHANCES, REAL[dtype]).astype(float)
    for _ in range(2):
        got = cnn.binomial(on_gpu(COUNTS, dtype), on_gpu(CHANCES, dtype))
        want = model.binomials(COUNTS, chances.tolist(), dtype == cnn.float64)
        assert got.dtype == dtype and got.tolist() == want.tolist()
        same_offset(model)
    assert model.offset == 88


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(
    ("rows", "n", "samples"), [(1, 5, 300), (3, 7, 2), (4, 1, 9), (2, 300, 130)]
)
def test_categories_are_the_models(dtype, rows, n, samples):
    cnn.manual_seed(3)
    weights = cnn.rand(rows, n).to(dtype)
    weights[:, n // 2 + 1 :: 3] = 0
    model = seeded()
    got = cnn.multinomial(weights.cuda(), samples, True)
    wide = dtype == cnn.float64
    want = model.categories(
        weights.double().numpy().astype(np.float64 if wide else np.float32),
        samples,
        lambda x: cnn.tensor(x).to(dtype).to(cnn.float64 if wide else cnn.float32).numpy(),
    )
    same_offset(model)
    assert got.shape == (rows, samples) and got.dtype == cnn.int64
    assert (np.array(got.tolist()) == want).mean() > 0.95  # last digits of sums decide for a few
    assert weights.gather(1, got.cpu()).min() > 0


def test_layouts_of_parameters():
    # Elements are counted in C order, wherever their parameters lie.
    cnn.manual_seed(1)
    values = cnn.rand(6, 8).mul(20).add(0.5)
    plain = values.cuda()
    layouts = {
        "transposed": values.t().contiguous().cuda().t(),
        "with gaps": cnn.stack([values, values], 2).cuda()[:, :, 1],
        "channels last": values.view(1, 2, 4, 6).cuda().to(memory_format=cnn.channels_last),
    }
    for draw in (cnn.poisson, cnn._standard_gamma, lambda x: cnn.binomial(x.round(), x / 30)):
        cuda.manual_seed(2)
        want = draw(plain)
        for x in layouts.values():
            cuda.manual_seed(2)
            got = draw(x)
            assert got.is_contiguous() and cnn.equal(got.flatten(), want.flatten())
    cuda.manual_seed(2)
    want = cnn.binomial(
        on_gpu([5.0, 9.0]).expand(3, 2).contiguous(),
        on_gpu([[0.1], [0.5], [0.9]]).expand(3, 2).contiguous(),
    )
    cuda.manual_seed(2)
    assert cnn.equal(cnn.binomial(on_gpu([5.0, 9.0]), on_gpu([[0.1], [0.5], [0.9]])), want)


def test_numbers_are_distributed_as_they_should_be():
    cuda.manual_seed(4)
    n = 6000
    ones = cnn.ones(n, device="cuda")
    for alpha in (0.4, 1.0, 7.5, 200.0):
        drawn = lying(cnn._standard_gamma(alpha * ones))
        cdf = cnn.igamma(cnn.full((n,), alpha, dtype=cnn.float64), cnn.tensor(np.sort(drawn)))
        assert distance(drawn, lambda x, cdf=cdf: cdf.numpy()) < 1.95
    for rate in (0.4, 9.0, 50.0, 70.0, 900.0, 5000.0):
        x = cnn.poisson(rate * ones).double()
        assert abs(x.mean() - rate) < 5 * math.sqrt(rate / n) and abs(x.var() / rate - 1) < 0.1
    for count in (5.0, 40.0, 1000.0):
        for p in (0.1, 0.5, 0.8):
            x = cnn.binomial(count * ones, p * ones).double()
            variance = count * p * (1 - p)
            assert abs(x.mean() - count * p) < 5 * math.sqrt(variance / n)
            assert abs(x.var() / variance - 1) < 0.1
    x = cnn._sample_dirichlet(on_gpu([0.5, 1.0, 2.5]).expand(n, 3))
    assert cnn.allclose(x.sum(1), ones, atol=1e-6)
    assert cnn.allclose(x.mean(0), on_gpu([0.125, 0.25, 0.625]), atol=0.02)


def test_a_dirichlet_draw_is_gammas_over_their_sum():
    alphas = on_gpu([[0.3, 1.0, 4.0], [1e-4, 1e-4, 1e-4]])
    for dtype in FLOATS:
        cuda.manual_seed(5)
        drawn = cnn._sample_dirichlet(alphas.to(dtype))
        cuda.manual_seed(5)
        gammas = cnn._standard_gamma(alphas.to(dtype))
        info = cnn.finfo(dtype)
        want = (gammas / gammas.sum(-1, True)).clamp(info.tiny, 1 - info.eps)
        assert drawn.dtype == dtype and cnn.equal(drawn, want)
        assert drawn.min() > 0 and drawn.max() < 1
    assert cnn._sample_dirichlet(on_gpu(2.0)).shape == ()


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16), ids=str)
def test_16_bits(dtype):
    x = on_gpu([0.5, 3.0, 30.0], dtype)
    for draw in (cnn.poisson, cnn._standard_gamma, lambda x: cnn.binomial(x, 1 / (x + 1))):
        cuda.manual_seed(6)
        got = draw(x)
        cuda.manual_seed(6)
        assert got.dtype == dtype and cnn.equal(got, draw(x.float()).to(dtype))
    gradient = cnn._standard_gamma_grad(x, x)
    assert gradient.dtype == dtype
    assert cnn.allclose(gradient.float(), cnn._standard_gamma_grad(x.float(), x.float()), rtol=1e-2)


def test_nothing_waits_or_is_copied():
    x, weights = on_gpu([0.5, 3.0, 30.0]), on_gpu([[1.0, 2.0], [3.0, 0.0]])
    for draw in (
        lambda: cnn.poisson(x),
        lambda: cnn._standard_gamma(x),
        lambda: cnn._sample_dirichlet(x),
        lambda: cnn.binomial(x, x),
        lambda: cnn._standard_gamma_grad(x, x),
        lambda: cnn._dirichlet_grad(x / 40, x, x + 1),
        lambda: cnn.multinomial(weights, 5, True),
        lambda: cnn.multinomial(weights, 1),
        lambda: cnn.multinomial(weights, 2),
    ):
        draw()
        counts = counted(draw)
        assert counts.waits == counts.copies == 0


def test_graphs_draw_on():
    x, weights = on_gpu([0.5, 3.0, 30.0, 400.0] * 4), on_gpu([[1.0, 2.0, 5.0], [3.0, 0.0, 1.0]])

    def draw():
        return [
            cnn.poisson(x), cnn._standard_gamma(x), cnn._sample_dirichlet(x), cnn.binomial(x, 1 / (x + 1)),
            cnn.multinomial(weights, 20, True), cnn.multinomial(weights, 1), cnn.multinomial(weights, 2),
        ]  # fmt: skip

    cuda.manual_seed(9)
    eager = [[y.cpu() for y in draw()] for _ in range(3)]
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        outputs = draw()
    cuda.manual_seed(9)
    for want in eager:
        graph.replay()
        assert all(cnn.equal(a.cpu(), b) for a, b in zip(outputs, want))


def test_bad_parameters_are_told():
    def told(draw, message):
        cuda.synchronize()
        with pytest.raises(RuntimeError, match=message):  # by a later launch, or whoever waits
            draw()
            cuda.synchronize()
        cuda.synchronize()

    for bad in (-1.0, math.nan):
        told(
            lambda: cnn.poisson(on_gpu([1.0, bad])),
            "invalid Poisson rate, expected rate to be non-negative",
        )
    for bad in (-1.0, math.nan, math.inf):
        for call in ((5, True), (1, False), (2, False)):
            told(lambda: cnn.multinomial(on_gpu([1.0, bad]), *call), "inf.*nan.* or element < 0")
    for call in ((5, True), (1, False), (2, False)):
        weights = on_gpu([[1.0, 1.0], [0.0, 0.0]])
        told(lambda: cnn.multinomial(weights, *call), "invalid multinomial distribution")
    with pytest.raises(RuntimeError, match="invalid multinomial distribution"):
        cnn.multinomial(cnn.ones(2, 0, device="cuda"), 3, True)
    assert cnn.multinomial(cnn.ones(0, 4, device="cuda"), 3, True).shape == (0, 3)
    for draw, kind, words in (
        (
            lambda: cnn.poisson(on_gpu([1.0]).to(cnn.float8_e5m2)),
            NotImplementedError,
            "poisson_cuda.*'Float8_e5m2'",
        ),
        (lambda: cnn.poisson(on_gpu([1], cnn.int64)), NotImplementedError, "poisson_cuda.*'Long'"),
        (lambda: cnn._standard_gamma(on_gpu([1], cnn.int64)), NotImplementedError, "gamma_cuda"),
        (lambda: cnn._sample_dirichlet(on_gpu([1], cnn.int64)), NotImplementedError, "gamma_cuda"),
        (lambda: cnn._dirichlet_grad(*[on_gpu([1.0], cnn.float16)] * 3), NotImplementedError,
         "_dirichlet_grad_cuda.*'Half'"),
        (lambda: cnn.binomial(on_gpu([1.0]), on_gpu([1.0, 2, 3, 4][:3]).double()), RuntimeError, "Double"),
        (lambda: cnn.binomial(on_gpu([1.0, 2.0]), on_gpu([1.0, 2.0, 3.0])), RuntimeError, "must match"),
        (lambda: cnn.binomial(on_gpu([1.0]), cnn.ones(1)), RuntimeError, "device"),
        (lambda: cnn.poisson(on_gpu([1.0]), cnn.Generator()), RuntimeError, "'cuda' device type"),
    ):  # fmt: skip
        before = cuda.get_rng_state()
        with pytest.raises(kind, match=words):
            draw()
        assert cnn.equal(cuda.get_rng_state(), before)


def test_odd_parameters():
    nan = math.nan
    got = cnn._standard_gamma(on_gpu([nan, -2.0, math.inf, 1.0]))
    assert got.isnan().tolist() == [True, True, False, False] and got[2] == math.inf
    got = cnn.binomial(on_gpu([nan, 3.0, -1.0, 5.0, 0.0]), on_gpu([0.5, nan, 0.5, 2.0, 0.5]))
    assert got.isnan().tolist() == [True, True, False, False, False] and got[2:].tolist() == [
        0,
        5,
        0,
    ]
    assert cnn.poisson(on_gpu([math.inf])).item() == math.inf
    assert cnn.poisson(on_gpu([1e12], cnn.float64)).item() == pytest.approx(1e12, rel=1e-5)
    for draw in (
        cnn.poisson,
        cnn._standard_gamma,
        cnn._sample_dirichlet,
        lambda x: cnn.binomial(x, x),
    ):
        state = cuda.get_rng_state()
        for shape in ((0,), (3, 0)):
            assert draw(cnn.ones(shape, device="cuda")).shape == shape
        assert cnn.equal(cuda.get_rng_state(), state)


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_gradients_are_the_cpus(dtype):
    cnn.manual_seed(2)
    tolerance = 1e-5 if dtype == cnn.float32 else 1e-12
    alpha = cnn.cat([cnn.rand(40) * 0.5, cnn.rand(40) * 5, cnn.rand(40) * 2000, cnn.zeros(1)]).to(
        dtype
    )
    x = cnn._standard_gamma(alpha)
    got = cnn._standard_gamma_grad(alpha.cuda(), x.cuda())
    assert got.device.type == "cuda" and got.dtype == dtype
    assert cnn.allclose(got.cpu(), cnn._standard_gamma_grad(alpha, x), tolerance, 0, equal_nan=True)
    rows = alpha[:120].view(40, 3)
    y = cnn._sample_dirichlet(rows)
    arguments = y, rows, rows.sum(-1, True).expand(40, 3)
    got = cnn._dirichlet_grad(*(a.cuda() for a in arguments))
    assert cnn.allclose(
        got.cpu(), cnn._dirichlet_grad(*arguments), tolerance, 1e-30, equal_nan=True
    )

    leaf = alpha[:120].cuda().requires_grad_()
    cnn.distributions.Gamma(leaf, cnn.ones_like(leaf)).rsample().sum().backward()
    assert leaf.grad.isfinite().all()
    leaf = (rows + 0.1).cuda().requires_grad_()
    cnn.distributions.Dirichlet(leaf).rsample()[:, 0].sum().backward()
    assert leaf.grad.isfinite().all()
    (none,) = cnn.autograd.grad(cnn.poisson(leaf).sum(), leaf)
    assert (none == 0).all()
