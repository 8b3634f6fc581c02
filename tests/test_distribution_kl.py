"""Divergences: closed forms against integrals, sums and draws; which function is taken."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn
from cnn import distributions as D
from cnn.distributions.kl import _KL_REGISTRY
from distribution_cases import CROSSED
from test_distributions import nodes


def distribution(name):
    return CROSSED[name](cnn)


ON_A_LINE = """
    Beta Cauchy Chi2 ContinuousBernoulli Exponential Gamma Gumbel HalfNormal Laplace LogNormal
    Normal Pareto Uniform Uniform-wide
""".split()
COUNTS = "Bernoulli Binomial Categorical Geometric Poisson".split()


def divergence(p, q):
    try:
        return D.kl_divergence(p, q)
    except NotImplementedError:
        return None


def pairs(names):
    """Those of which a function is known."""
    made = {name: distribution(name) for name in names}
    for p in names:
        for q in names:
            if divergence(made[p], made[q]) is not None:
                yield p, q


@pytest.mark.parametrize(("p", "q"), list(pairs(ON_A_LINE)))
def test_on_a_line_it_is_the_integral(p, q):
    p, q = distribution(p), distribution(q)
    found = divergence(p, q).numpy()
    x, weights = nodes(p, 2001)
    q._validate_args = False
    log_p = p.log_prob(x)
    inside = q.support.check(x)
    if not inside.all():  # values that q does not have
        assert np.isinf(found).all()
        return
    log_q = q.log_prob(x)
    mass = np.exp(log_p.numpy()) * weights
    difference = np.where(mass > 0, (log_p - log_q).numpy(), 0)
    expected = np.broadcast_to((mass * difference).sum(0), found.shape)
    known = np.isfinite(found)  # a mean may be infinite where the integral's grid ends
    np.testing.assert_allclose(found[known], expected[known], rtol=2e-3, atol=1e-5)
    if not known.all():
        assert isinstance(p, D.Pareto) or isinstance(q, (D.Uniform, D.ContinuousBernoulli))


@pytest.mark.parametrize(("p", "q"), list(pairs(COUNTS)))
def test_over_integers_it_is_the_sum(p, q):
    p, q = distribution(p), distribution(q)
    found = divergence(p, q)
    top = {D.Bernoulli: 2, D.Binomial: 21, D.Categorical: 4}.get(type(p), 200)
    k = cnn.arange(top, dtype=cnn.float64).reshape((-1,) + (1,) * len(p.batch_shape))
    if found.isinf().all():
        assert not q.support.check(k).all()
        return
    log_p, log_q = p.log_prob(k), q.log_prob(k)
    np.testing.assert_allclose(
        found.numpy(), (log_p.exp() * (log_p - log_q)).sum(0).numpy(), atol=1e-9
    )


@pytest.mark.parametrize("name", ["Dirichlet", "Wishart"])
def test_of_vectors_and_matrices_by_draws(name):
    cnn.manual_seed(0)
    p = distribution(name)
    if name == "Dirichlet":
        q = D.Dirichlet(cnn.tensor([1.0, 1.0, 2.0], dtype=cnn.float64))
    else:
        q = D.Wishart(cnn.tensor(6.0, dtype=cnn.float64), 1.5 * p.covariance_matrix)
    x = p.sample((20000,))
    expected = (p.log_prob(x) - q.log_prob(x)).mean(0)
    np.testing.assert_allclose(D.kl_divergence(p, q).numpy(), expected.numpy(), atol=0.05)


def test_between_normal_vectors():
    p, low = distribution("MultivariateNormal"), distribution("LowRankMultivariateNormal")
    full = D.MultivariateNormal(low.loc, low.covariance_matrix)
    s_p, s_q = p.covariance_matrix.numpy(), full.covariance_matrix.numpy()
    shift = (p.loc - low.loc).numpy() + 0.5
    p = D.MultivariateNormal(p.loc + 0.5, p.covariance_matrix)
    terms = np.trace(np.linalg.solve(s_q, s_p)) + shift @ np.linalg.solve(s_q, shift) - 3
    expected = 0.5 * (terms + np.linalg.slogdet(s_q)[1] - np.linalg.slogdet(s_p)[1])
    for q in (low, full):
        np.testing.assert_allclose(D.kl_divergence(p, q).item(), expected)
    same = D.kl_divergence(full, p).item()
    np.testing.assert_allclose(D.kl_divergence(low, p).item(), same)
    moved = D.LowRankMultivariateNormal(low.loc + 1, 2 * low.cov_factor, low.cov_diag)
    by_matrix = D.MultivariateNormal(moved.loc, moved.covariance_matrix)
    np.testing.assert_allclose(
        D.kl_divergence(low, moved).item(), D.kl_divergence(full, by_matrix).item()
    )
    with pytest.raises(ValueError, match="event shapes"):
        D.kl_divergence(p, D.MultivariateNormal(cnn.zeros(2), cnn.eye(2)))


def test_sums_over_events_and_through_transforms():
    p, q = (D.Normal(cnn.zeros(3, 2), cnn.full((3, 2), s)) for s in (1.0, 2.0))
    whole = D.kl_divergence(p, q)
    summed = D.kl_divergence(D.Independent(p, 1), D.Independent(q, 1))
    np.testing.assert_allclose(summed.numpy(), whole.sum(-1).numpy())
    with pytest.raises(NotImplementedError):
        D.kl_divergence(D.Independent(p, 1), D.Independent(q, 2))
    logs = D.LogNormal(p.loc, p.scale), D.LogNormal(q.loc, q.scale)
    np.testing.assert_allclose(D.kl_divergence(*logs).numpy(), whole.numpy())
    with pytest.raises(NotImplementedError):
        D.kl_divergence(logs[0], D.TransformedDistribution(p, D.SigmoidTransform()))


def test_gradients():
    loc = cnn.tensor(0.3, dtype=cnn.float64, requires_grad=True)
    scale = cnn.tensor(0.7, dtype=cnn.float64, requires_grad=True)

    def kl(loc, scale):
        return D.kl_divergence(D.Normal(loc, scale), D.Laplace(0.0, 1.0))

    assert cnn.autograd.gradcheck(kl, (loc, scale))
    rate = cnn.tensor([1.3, 2.0], dtype=cnn.float64, requires_grad=True)
    assert cnn.autograd.gradcheck(
        lambda a: D.kl_divergence(D.Gamma(a, 1.0), D.Gumbel(cnn.zeros_like(a), 1.0)), (rate,)
    )


def test_gradients_of_a_family_reach_both_sides():
    a, b = (cnn.tensor([v, 2.0], dtype=cnn.float64, requires_grad=True) for v in (0.7, 1.5))

    def by_family(a, b):
        function = _KL_REGISTRY[D.ExponentialFamily, D.ExponentialFamily]
        return function(D.Gamma(a, 1.0), D.Gamma(b, 2.0))

    def closed(a, b):
        return D.kl_divergence(D.Gamma(a, 1.0), D.Gamma(b, 2.0))

    for found, expected in zip(
        cnn.autograd.grad(by_family(a, b).sum(), (a, b)),
        cnn.autograd.grad(closed(a, b).sum(), (a, b)),
    ):
        np.testing.assert_allclose(found.numpy(), expected.numpy())


def test_edges_where_an_event_is_certain():
    p, q = D.Bernoulli(cnn.tensor([0.0, 1.0, 0.5])), D.Bernoulli(cnn.tensor([0.0, 1.0, 1.0]))
    assert D.kl_divergence(p, q).tolist() == [0.0, 0.0, math.inf]
    sure, other = D.Categorical(cnn.tensor([1.0, 0.0])), D.Categorical(cnn.tensor([0.5, 0.5]))
    assert D.kl_divergence(sure, other).item() == pytest.approx(math.log(2))
    assert D.kl_divergence(other, sure).item() == math.inf


def test_the_nearest_function_is_taken():
    class P(D.Normal):
        pass

    class Q(D.Normal):
        pass

    before = dict(_KL_REGISTRY)
    try:
        D.register_kl(P, D.Normal)(lambda p, q: "left")
        assert D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0)) == "left"
        D.register_kl(D.Normal, Q)(lambda p, q: "right")
        assert D.kl_divergence(D.Normal(0.0, 1.0), Q(0.0, 1.0)) == "right"
        with pytest.warns(RuntimeWarning, match=r"Please register_kl\(P, Q\)"):
            assert D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0)) == "left"
        D.register_kl(P, Q)(lambda p, q: "both")
        assert D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0)) == "both"
    finally:
        _KL_REGISTRY.clear()
        _KL_REGISTRY.update(before)
        D.kl._KL_MEMOIZE.clear()
    with pytest.raises(NotImplementedError, match="p type Normal and q type Cauchy"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Cauchy(0.0, 1.0))
    with pytest.raises(TypeError, match="type_q"):
        D.register_kl(D.Normal, 3)


def test_families_by_their_natural_parameters():
    """What Bregman's divergence and the log-normalizer say agrees with the closed forms."""
    family = D.ExponentialFamily
    for name in ("Bernoulli", "Dirichlet", "Exponential", "Gamma", "Normal"):
        p = distribution(name)
        q = type(p)(*(getattr(p, a) * 0.9 + 0.05 for a in p.arg_constraints if a != "logits"))
        by_family = _KL_REGISTRY[family, family](p, q)
        np.testing.assert_allclose(by_family.numpy(), D.kl_divergence(p, q).numpy(), rtol=1e-6)
        if name != "Dirichlet":  # whose carrier measure has no mean in closed form
            np.testing.assert_allclose(family.entropy(p).numpy(), p.entropy().numpy(), rtol=1e-6)
