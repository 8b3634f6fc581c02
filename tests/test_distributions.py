"""Distributions: densities, moments, gradients of draws, and what is refused."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import cnn
from cnn import distributions as D
from cnn.distributions import constraints
from distribution_cases import CASES

CONTINUOUS = """
    Beta Cauchy Chi2 ContinuousBernoulli ContinuousBernoulli-logits Exponential FisherSnedecor Gamma
    GeneralizedPareto Gumbel HalfCauchy HalfNormal InverseGamma Kumaraswamy Laplace LogNormal
    MixtureSameFamily Normal Pareto RelaxedBernoulli StudentT TransformedDistribution Uniform
    VonMises Weibull
""".split()
DISCRETE = """
    Bernoulli Bernoulli-logits Binomial Binomial-logits Categorical Categorical-logits Geometric
    Geometric-logits NegativeBinomial NegativeBinomial-logits Poisson
""".split()
VECTORS = [name for name in CASES if name not in CONTINUOUS + DISCRETE]


def value_or_none(f):
    try:
        return f()
    except NotImplementedError:
        return None


def ends(d):
    """The bounds of the support, each of the batch's shape."""
    if isinstance(d, D.VonMises):  # periodic
        return (d.loc - math.pi).numpy(), (d.loc + math.pi).numpy()
    s = getattr(d.support, "base_constraint", d.support)
    bounds = (getattr(s, "lower_bound", -math.inf), getattr(s, "upper_bound", math.inf))
    return [np.broadcast_to(np.asarray(b, float), d.batch_shape) for b in bounds]


def nodes(d, n=4001):
    """x [n, *batch] and weights of a double exponential rule over the support (Takahasi and Mori)."""
    low, high = ends(d)
    s = np.linspace(-4.2, 4.2, n).reshape((n,) + (1,) * low.ndim)
    u, du = np.pi / 2 * np.sinh(s), np.pi / 2 * np.cosh(s)
    finite_low, finite_high = np.isfinite(low), np.isfinite(high)
    start, width = (
        np.where(finite_low, low, 0.0),
        np.where(finite_low & finite_high, high - low, 1.0),
    )
    inside = start + width / (1 + np.exp(-2 * u)), width * 2 * du / (2 * np.cosh(u)) ** 2
    half, real = (start + np.exp(u), np.exp(u) * du), (np.sinh(u), np.cosh(u) * du)
    x, dx = (
        np.where(finite_low & finite_high, a, np.where(finite_low, b, c))
        for a, b, c in zip(inside, half, real)
    )
    ok = (x > low) & (x < high)
    safe = np.where(ok, x, np.where(finite_high, (start + high) / 2, start + 1.0))
    return cnn.tensor(safe), np.where(ok, dx, 0.0) * (8.4 / (n - 1))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_moments_and_entropy_by_integration(name):
    d = CASES[name](cnn)
    x, weights = nodes(d)
    log_p = d.log_prob(x).numpy()
    p, x = np.exp(log_p), x.numpy()
    mass = p * weights
    tolerance = {
        "Cauchy": 1e-4,
        "HalfCauchy": 1e-4,
        "Pareto": 1e-4,
        "StudentT": 1e-3,
        "VonMises": 1e-6,
    }
    rtol = tolerance.get(name, 1e-6)
    np.testing.assert_allclose(mass.sum(0), 1, rtol=rtol)
    if name == "VonMises":  # its mean and variance are those of the circle
        around = np.cos(x - d.loc.numpy())
        np.testing.assert_allclose(1 - (mass * around).sum(0), d.variance.numpy(), rtol=1e-5)
        return
    mean, variance = (value_or_none(lambda a=a: getattr(d, a)) for a in ("mean", "variance"))
    if mean is not None:
        mean, variance = mean.numpy(), variance.numpy()
        known = np.isfinite(mean) & np.isfinite(variance)
        found = (mass * x).sum(0)
        np.testing.assert_allclose(found[known], mean[known], rtol=1e-3, atol=1e-7)
        found = (mass * (x - np.where(known, mean, 0)) ** 2).sum(0)
        np.testing.assert_allclose(found[known], variance[known], rtol=2e-2)
        np.testing.assert_allclose(d.stddev.numpy()[known] ** 2, variance[known], rtol=1e-6)
    entropy = value_or_none(d.entropy)
    if entropy is not None:
        found = -(mass * np.where(mass > 0, log_p, 0)).sum(0)
        np.testing.assert_allclose(found, entropy.numpy(), rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose(d.perplexity().numpy(), np.exp(entropy.numpy()))


@pytest.mark.parametrize("name", CONTINUOUS)
def test_cdf_is_the_integral_and_icdf_its_inverse(name):
    d = CASES[name](cnn)
    cnn.manual_seed(0)
    x = d.sample((50,)).requires_grad_()
    cdf = value_or_none(lambda: d.cdf(x))
    if cdf is None:
        return
    (density,) = cnn.autograd.grad(cdf.sum(), x)
    expected = d.log_prob(x).exp().detach()
    # Between its limits, a ContinuousBernoulli's cdf is taken as uniform.
    rtol = 1e-3 if name.startswith("ContinuousBernoulli") else 1e-6
    np.testing.assert_allclose(density.numpy(), expected.numpy(), rtol=rtol, atol=1e-9)
    u = cnn.linspace(0.05, 0.95, 10, dtype=cnn.float64).reshape((10,) + (1,) * len(d.batch_shape))
    u = u.expand((10,) + d.batch_shape)
    quantiles = value_or_none(lambda: d.icdf(u))
    if quantiles is not None:
        np.testing.assert_allclose(d.cdf(quantiles).numpy(), u.numpy(), rtol=1e-7)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one(name):
    d = CASES[name](cnn)
    dtype = d.probs.dtype if hasattr(d, "probs") else d.rate.dtype
    count = 60 if "inomial" in name or name == "Poisson" else 400
    if d.has_enumerate_support:
        k = d.enumerate_support()
        assert k.shape[1:] == d.batch_shape
        assert d.enumerate_support(expand=False).shape == (len(k),) + (1,) * len(d.batch_shape)
    else:
        count = 400
        k = cnn.arange(count, dtype=dtype).reshape((-1,) + (1,) * len(d.batch_shape))
    log_p = d.log_prob(k)
    p = log_p.exp()
    rtol = 1e-6 if dtype == cnn.float32 else 1e-9
    np.testing.assert_allclose(p.sum(0).numpy(), 1, rtol=rtol)
    if not d.mean.isnan().any():
        mean = (p * k).sum(0)
        np.testing.assert_allclose(mean.numpy(), d.mean.numpy(), rtol=1e-9)
        variance = (p * (k - mean) ** 2).sum(0)
        np.testing.assert_allclose(variance.numpy(), d.variance.numpy(), rtol=1e-7)
    entropy = value_or_none(d.entropy)
    if entropy is not None and name != "Poisson":
        found = -(p * log_p.clamp(min=-1e30)).sum(0)
        np.testing.assert_allclose(found.numpy(), entropy.numpy(), rtol=1e-6)


# A Poisson number's entropy has E[log k!] in it, which has no closed form.
def test_poissons_entropy_is_not_known():
    with pytest.raises(NotImplementedError):
        CASES["Poisson"](cnn).entropy()


@pytest.mark.parametrize("name", CASES)
def test_draws_are_in_the_support_and_have_the_moments(name):
    d = CASES[name](cnn)
    cnn.manual_seed(1)
    n = 4000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = d.sample((n,))
    assert x.shape == (n,) + d.batch_shape + d.event_shape and not x.requires_grad
    assert d.support.check(x).all()
    assert d.log_prob(x).shape == (n,) + d.batch_shape
    mean, variance = (value_or_none(lambda a=a: getattr(d, a)) for a in ("mean", "variance"))
    if mean is None or name == "VonMises":
        return
    x, mean, variance = x.double().numpy(), mean.numpy(), variance.numpy()
    ok = np.isfinite(mean) & np.isfinite(variance)
    deviation = np.abs(x.mean(0) - mean) / np.sqrt(np.where(ok, variance, 1) / n + 1e-12)
    assert (deviation[ok] < 5).all(), deviation
    if name not in ("Pareto", "InverseGamma", "FisherSnedecor", "GeneralizedPareto"):  # long tails
        np.testing.assert_allclose(x.var(0)[ok], variance[ok], rtol=0.25, atol=1e-6)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_mode_is_where_the_density_is_largest(name):
    d = CASES[name](cnn)
    mode = value_or_none(lambda: d.mode)
    if mode is None or name in ("Uniform", "ContinuousBernoulli"):
        return
    x, _ = nodes(d, 801)
    largest = d.log_prob(x).max(0).values.numpy()
    d._validate_args = False  # a mode may be the end of the support
    at_mode = d.log_prob(cnn.where(mode.isnan(), x[400], mode)).numpy()
    known = np.isfinite(at_mode) & ~mode.isnan().numpy()
    assert (at_mode[known] >= largest[known] - 1e-4).all()


REPARAMETRIZED = {
    "Cauchy": ("loc", "scale"),
    "ContinuousBernoulli": ("probs",),
    "Exponential": ("rate",),
    "GeneralizedPareto": ("loc", "scale", "concentration"),
    "Gumbel": ("loc", "scale"),
    "Kumaraswamy": ("concentration1", "concentration0"),
    "Laplace": ("loc", "scale"),
    "LogNormal": ("loc", "scale"),
    "Normal": ("loc", "scale"),
    "Pareto": ("scale", "alpha"),
    "Uniform": ("low", "high"),
    "Weibull": ("scale", "concentration"),
}


@pytest.mark.parametrize("name", REPARAMETRIZED)
def test_draws_move_with_their_quantile(name):
    """F(x(p); p) does not change with p: the density times dx/dp is -dF/dp."""
    template = CASES[name](cnn)
    values = [getattr(template, p).detach() for p in REPARAMETRIZED[name]]
    parameters = [v.clone().requires_grad_() for v in values]
    d = type(template)(**dict(zip(REPARAMETRIZED[name], parameters)), validate_args=False)
    cnn.manual_seed(4)
    x = d.rsample()
    moved = cnn.autograd.grad(x.sum(), parameters, retain_graph=True)
    change = cnn.autograd.grad(d.cdf(x.detach()).sum(), parameters, allow_unused=True)
    density = d.log_prob(x.detach()).exp().detach()
    for dx, dF in zip(moved, change):
        rtol, atol = (1e-3, 1e-3) if name == "ContinuousBernoulli" else (1e-6, 1e-9)
        np.testing.assert_allclose((density * dx).numpy(), -dF.numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("a", [0.02, 0.4, 1.0, 3.0, 6.5, 40.0, 900.0])
def test_gradients_of_gamma_draws(a):
    """Against differences of the incomplete gamma function."""
    cnn.manual_seed(2)
    alpha = cnn.full((40,), a, dtype=cnn.float64, requires_grad=True)
    x = D.Gamma(alpha, 1.0).rsample()
    (moved,) = cnn.autograd.grad(x.sum(), alpha)
    x, h = x.detach(), 1e-5 * a
    log_p = D.Gamma(alpha, 1.0).log_prob(x).detach()
    # On the side of x on which F or 1 - F is small; a draw that is all but 0 is left out.
    lower = [cnn.igamma(alpha.detach() + s * h, x) for s in (-1, 1)]
    upper = [cnn.igammac(alpha.detach() + s * h, x) for s in (-1, 1)]
    change = cnn.where(x < a, lower[1] - lower[0], upper[0] - upper[1]) / (2 * h)
    known = x > 1e-200
    expected = -(change / log_p.exp())
    np.testing.assert_allclose(moved[known].numpy(), expected[known].numpy(), rtol=2e-5)


@pytest.mark.parametrize(
    ("a", "b"), [(0.3, 0.6), (2.0, 5.0), (0.05, 3.0), (30.0, 0.4), (60.0, 80.0)]
)
def test_gradients_of_beta_draws(a, b):
    """Against differences of the integral of the density."""
    x = np.linspace(0.02, 0.85, 25) if max(a, b) < 50 else np.linspace(0.25, 0.6, 25)
    parameters = (cnn.full((25,), v, dtype=cnn.float64) for v in (a, a + b))
    change = cnn._dirichlet_grad(cnn.tensor(x), *parameters)

    def cdf(a):
        s = np.linspace(-6.5, 6.5, 4001)[:, None]
        u = np.pi * np.sinh(s)  # t = x / (1 + exp(-u)), in logarithms
        log_left, log_right = -np.logaddexp(0, -u), -np.logaddexp(0, u)
        log_t, log_rest = np.log(x) + log_left, np.log((1 - x) + x * np.exp(log_right))
        dt = np.log(np.pi * np.cosh(s)) + log_left + log_right + np.log(x)
        mass = np.exp((a - 1) * log_t + (b - 1) * log_rest + dt).sum(0) * (13 / 4000)
        return mass / math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))

    h = 1e-4 * a
    slope = (8 * (cdf(a + h) - cdf(a - h)) - (cdf(a + 2 * h) - cdf(a - 2 * h))) / (12 * h)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    density = np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - log_beta)
    expected = -slope / density / (1 - x)
    np.testing.assert_allclose(change.numpy(), expected, rtol=1e-5)


def test_gradients_of_dirichlet_draws_keep_the_sum():
    a = cnn.tensor([[0.5, 2.0, 3.0]] * 100, dtype=cnn.float64, requires_grad=True)
    x = D.Dirichlet(a).rsample()
    assert cnn.autograd.grad(x.sum(), a)[0].abs().max() < 1e-12
    # E[x_0] = a_0 / sum: the mean of the gradients is the gradient of the mean
    cnn.manual_seed(0)
    a = cnn.tensor([0.5, 2.0, 3.0], dtype=cnn.float64, requires_grad=True)
    draws = D.Dirichlet(a).rsample((20000,))[:, 0].mean()
    (found,) = cnn.autograd.grad(draws, a)
    (expected,) = cnn.autograd.grad(a[0] / a.sum(), a)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=0.004)


# ---- Vectors and matrices ----


def test_multivariate_normal_by_its_formula():
    covariance = np.array([[2.0, 0.4, -0.3], [0.4, 1.5, 0.2], [-0.3, 0.2, 1.0]])
    loc, x = np.array([0.0, 1.0, 2.0]), np.array([[0.5, 0.2, 1.0], [3.0, 1.0, -1.0]])
    z = x - loc
    squares = (z @ np.linalg.inv(covariance) * z).sum(-1)
    log_det = np.linalg.slogdet(covariance)[1]
    expected = -0.5 * (3 * np.log(2 * np.pi) + log_det + squares)
    given = {
        "covariance_matrix": covariance,
        "precision_matrix": np.linalg.inv(covariance),
        "scale_tril": np.linalg.cholesky(covariance),
    }
    for name, matrix in given.items():
        d = D.MultivariateNormal(cnn.tensor(loc), **{name: cnn.tensor(matrix)})
        np.testing.assert_allclose(d.log_prob(cnn.tensor(x)).numpy(), expected)
        entropy = 0.5 * (3 * (1 + np.log(2 * np.pi)) + log_det)
        np.testing.assert_allclose(d.entropy().item(), entropy)
        np.testing.assert_allclose(d.variance.numpy(), covariance.diagonal())
        for other, value in given.items():
            np.testing.assert_allclose(getattr(d, other).numpy(), value, atol=1e-12)
    factor, diag = np.array([[1.0], [0.5], [-2.0]]), np.array([0.5, 1.0, 2.0])
    low = D.LowRankMultivariateNormal(*map(cnn.tensor, (loc, factor, diag)))
    full = D.MultivariateNormal(cnn.tensor(loc), cnn.tensor(factor @ factor.T + np.diag(diag)))
    for name in ("covariance_matrix", "precision_matrix", "scale_tril", "variance"):
        np.testing.assert_allclose(getattr(low, name).numpy(), getattr(full, name).numpy())
    value = cnn.tensor(x)
    np.testing.assert_allclose(low.log_prob(value).numpy(), full.log_prob(value).numpy())
    np.testing.assert_allclose(low.entropy().item(), full.entropy().item())


def test_batches_of_multivariate_normals():
    """Triangles that are broadcast over the batch, values over the draws."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 1, 3, 3))
    covariance = roots @ roots.swapaxes(-1, -2) + 3 * np.eye(3)
    loc = rng.normal(size=(4, 3))
    d = D.MultivariateNormal(cnn.tensor(loc), cnn.tensor(covariance))
    assert d.batch_shape == (2, 4) and d.rsample((5,)).shape == (5, 2, 4, 3)
    x = rng.normal(size=(5, 2, 4, 3))
    found = d.log_prob(cnn.tensor(x)).numpy()
    for i in range(2):
        for j in range(4):
            one = D.MultivariateNormal(cnn.tensor(loc[j]), cnn.tensor(covariance[i, 0]))
            np.testing.assert_allclose(found[:, i, j], one.log_prob(cnn.tensor(x[:, i, j])).numpy())
    assert d.expand((3, 2, 4)).log_prob(cnn.tensor(x[:, None])).shape == (5, 3, 2, 4)


def test_covariances_of_draws():
    for name in ("MultivariateNormal", "LowRankMultivariateNormal"):
        d = CASES[name](cnn)
        cnn.manual_seed(0)
        found = np.cov(d.sample((20000,)).numpy().T)
        np.testing.assert_allclose(found, d.covariance_matrix.numpy(), atol=0.12)


def test_matrix_distributions():
    d = CASES["Wishart"](cnn)
    x = d.sample()
    n, df, scale = 3, d.df.numpy(), CASES["MultivariateNormal"](cnn).covariance_matrix.numpy()
    for i, value in enumerate(x.numpy()):
        log_gamma = n * (n - 1) / 4 * math.log(math.pi)
        log_gamma += sum(math.lgamma((df[i] - j) / 2) for j in range(n))
        expected = (df[i] - n - 1) / 2 * np.linalg.slogdet(value)[1]
        expected -= np.trace(np.linalg.solve(scale, value)) / 2 + df[i] * n / 2 * math.log(2)
        expected -= df[i] / 2 * np.linalg.slogdet(scale)[1] + log_gamma
        np.testing.assert_allclose(d.log_prob(x)[i].item(), expected)
    cnn.manual_seed(0)
    entropy = -d.log_prob(d.sample((4000,))).mean(0)
    np.testing.assert_allclose(entropy.numpy(), d.entropy().numpy(), atol=0.15)
    # For two dimensions the one correlation is 2 beta - 1, by its concentration.
    lkj = D.LKJCholesky(2, cnn.tensor(1.7, dtype=cnn.float64))
    r = cnn.linspace(-0.9, 0.9, 7, dtype=cnn.float64)
    rows = cnn.stack([cnn.stack([r * 0 + 1, r * 0], -1), cnn.stack([r, (1 - r**2).sqrt()], -1)], -2)
    of_r = D.Beta(cnn.tensor(1.7, dtype=cnn.float64), 1.7).log_prob((r + 1) / 2) - math.log(2)
    np.testing.assert_allclose(lkj.log_prob(rows).numpy(), of_r.numpy(), rtol=1e-9)


def test_one_set_of_weights_for_a_batch_of_mixtures():
    """Each mixture draws its own component."""
    loc = cnn.tensor([[0.0, 100.0], [1000.0, 1100.0]])
    d = D.MixtureSameFamily(D.Categorical(cnn.tensor([0.5, 0.5])), D.Normal(loc, 1.0))
    cnn.manual_seed(0)
    x = d.sample((400,))
    assert x.shape == (400, 2) and d.log_prob(x).shape == (400, 2)
    second = (x - cnn.tensor([0.0, 1000.0])) > 50
    both = (second[:, 0] == second[:, 1]).double().mean()
    assert 0.4 < both < 0.6 and d.mean.tolist() == [50.0, 1050.0]


# ---- What is refused ----


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: D.Normal(0.0, -1.0), "parameter scale .* satisfy the constraint GreaterThan"),
        (lambda: D.Normal(math.nan, 1.0), r"parameter loc \(Tensor of shape \(\)\).*Real\(\)"),
        (lambda: D.Uniform(1.0, 0.0), "parameter low .* LessThan"),
        (lambda: D.Bernoulli(1.5), "parameter probs .* Interval"),
        (lambda: D.Bernoulli(), "Either `probs` or `logits` must be specified, but not both"),
        (lambda: D.Geometric(0.0), "to be positive"),
        (lambda: D.Categorical(cnn.tensor(0.5)), "at least one-dimensional"),
        (lambda: D.Categorical(cnn.tensor([-1.0, 0.5])), "parameter probs .* Simplex"),
        (lambda: D.Dirichlet(cnn.tensor(1.0)), "at least one-dimensional"),
        (lambda: D.Gamma(-1.0, 1.0), "parameter concentration"),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims <= len"),
        (lambda: D.LKJCholesky(1), "greater than or equal to 2"),
        (lambda: D.MultivariateNormal(cnn.zeros(2)), "Exactly one of covariance_matrix"),
        (
            lambda: D.MultivariateNormal(cnn.zeros(2), -cnn.eye(2)),
            "parameter covariance_matrix .* PositiveDefinite",
        ),
        (lambda: D.Normal("a", 1.0), "must all be instances of Number"),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), 3), "Transform or a list"),
        (
            lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(cnn.zeros(2), 1.0)),
            "needs to be an instance of torch.distributions.Categorical",
        ),
        (
            lambda: D.MixtureSameFamily(D.Categorical(cnn.ones(3)), D.Normal(cnn.zeros(2), 1.0)),
            "does not equal",
        ),
    ],
)
def test_parameters_are_checked(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_values_are_checked():
    d = D.Beta(cnn.ones(3), 2.0)
    for value, words in (
        (0.5, "must be a Tensor"),
        (cnn.zeros(2), "not broadcastable with batch_shape"),
        (
            cnn.full((3,), 1.5),
            r"within the support \(Interval\(lower_bound=0.0, upper_bound=1.0\)\)",
        ),
        (cnn.full((3,), math.nan), "within the support"),
    ):
        with pytest.raises(ValueError, match=words):
            d.log_prob(value)
    with pytest.raises(ValueError, match="right-most size of value"):
        D.Dirichlet(cnn.ones(3)).log_prob(cnn.ones(2) / 2)
    assert D.Normal(0.0, -1.0, validate_args=False).log_prob(cnn.tensor(0.0)).isnan()


def test_the_switch_for_all():
    try:
        D.Distribution.set_default_validate_args(False)
        D.Normal(0.0, -1.0)
        with pytest.raises(ValueError, match="scale"):
            D.Normal(0.0, -1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError):
        D.Distribution.set_default_validate_args(3)
    with pytest.raises(ValueError, match="scale"):
        D.Normal(0.0, -1.0)


# ---- As objects ----


@pytest.mark.parametrize("name", CASES)
def test_expand_pickle_and_copy(name):
    d = CASES[name](cnn)
    cnn.manual_seed(0)
    x = d.sample()
    expected = d.log_prob(x)
    for other in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d)):
        assert type(other) is type(d)
        np.testing.assert_array_equal(other.log_prob(x).numpy(), expected.numpy())
    shape = (2,) + d.batch_shape
    wide = d.expand(shape)
    assert type(wide) is type(d) and wide.batch_shape == shape and wide.event_shape == d.event_shape
    assert wide.sample((3,)).shape == (3,) + shape + d.event_shape
    np.testing.assert_allclose(wide.log_prob(x).numpy(), expected.expand(shape).numpy())
    mean = value_or_none(lambda: wide.mean)
    assert mean is None or mean.shape == shape + d.event_shape


def test_subclasses_expand_themselves():
    class Plain(D.Normal):
        pass

    class Own(D.Normal):
        def __init__(self, scale):
            super().__init__(0.0, scale)

    class Whole(Own):
        def expand(self, batch_shape, _instance=None):
            return super().expand(batch_shape, self._get_checked_instance(Whole, _instance))

    assert type(Plain(0.0, 1.0).expand((3,))) is Plain
    assert type(Whole(1.0).expand((3,))) is Whole
    with pytest.raises(NotImplementedError, match=r"must also define a custom .expand\(\)"):
        Own(1.0).expand((3,))
    with pytest.raises(NotImplementedError):
        D.Distribution(validate_args=False).expand((3,))


def test_a_distribution_may_be_something_else_as_well():
    class Other:
        def __init__(self):
            self.is_made = True

    class Both(D.Normal, Other):
        pass

    assert Both(0.0, 1.0).is_made

    class Stored(D.Gamma):  # whose parameters are kept elsewhere
        rate = property(lambda self: self._rate, lambda self, value: setattr(self, "_rate", value))

    wide = Stored(2.0, 3.0).expand((3,))
    assert wide.rate.tolist() == [3.0] * 3 and wide.sample().shape == (3,)


def test_names_and_words():
    assert (
        repr(D.Normal(0.0, cnn.ones(3))) == "Normal(loc: torch.Size([3]), scale: torch.Size([3]))"
    )
    assert repr(D.Bernoulli(0.25)) == "Bernoulli(probs: 0.25)"
    assert (
        repr(D.Independent(D.Exponential(cnn.ones(2)), 1))
        == "Independent(Exponential(rate: torch.Size([2])), 1)"
    )
    assert repr(constraints.positive) == "GreaterThan(lower_bound=0.0)"
    assert repr(constraints.real_vector) == "IndependentConstraint(Real(), 1)"
    assert D.Normal.__module__ == "cnn.distributions.normal"
    assert D.ExpTransform.__module__ == "cnn.distributions.transforms"
    with pytest.warns(FutureWarning, match="sample_n"):
        assert D.Normal(0.0, 1.0).sample_n(3).shape == (3,)
    with pytest.raises(AttributeError, match="nothing in its place"):
        D.never_heard_of


def test_they_load_when_they_are_asked_for():
    code = "import cnn, sys; early = [m for m in sys.modules if 'distributions' in m]; cnn.distributions.Normal"
    subprocess.run([sys.executable, "-c", code + "; assert not early, early"], check=True)


def test_lazy_properties_keep_their_gradient():
    probs = cnn.tensor([0.2, 0.7], requires_grad=True)
    with cnn.no_grad():
        d = D.Bernoulli(probs)
        logits = d.logits
    assert logits.requires_grad and "logits" in d.__dict__ and d.logits is logits
    assert isinstance(D.Bernoulli.logits, D.utils.lazy_property)


def test_straight_through_gradients():
    logits = cnn.zeros(3, dtype=cnn.float64, requires_grad=True)
    d = D.OneHotCategoricalStraightThrough(logits=logits)
    weights = cnn.tensor([1.0, 2.0, 3.0], dtype=cnn.float64)
    (found,) = cnn.autograd.grad((d.rsample() * weights).sum(), logits, retain_graph=True)
    (expected,) = cnn.autograd.grad((d.probs * weights).sum(), logits)
    np.testing.assert_allclose(found.numpy(), expected.numpy())
