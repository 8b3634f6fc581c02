"""Distributions with parameters, as functions of the package (cnn, or PyTorch beside it)."""

from __future__ import annotations


def spd(t, *, batch=()):
    """Symmetric positive definite 3 x 3 matrices, the diagonal large."""
    a = t.tensor([[2.0, 0.4, -0.3], [0.4, 1.5, 0.2], [-0.3, 0.2, 1.0]], dtype=t.float64)
    return a.expand(*batch, 3, 3)


def T(t, *values):
    return t.tensor(values, dtype=t.float64)


def mixture(t):
    d = t.distributions
    weights = d.Categorical(T(t, 0.2, 0.5, 0.3))
    return d.MixtureSameFamily(weights, d.Normal(T(t, -1.0, 0.0, 2.0), T(t, 0.5, 1.0, 0.3)))


def mixture_of_vectors(t):
    d = t.distributions
    weights = d.Categorical(logits=t.zeros(2, 3, dtype=t.float64))
    loc = t.arange(12, dtype=t.float64).reshape(2, 3, 2)
    return d.MixtureSameFamily(weights, d.Independent(d.Normal(loc, t.ones_like(loc)), 1))


def transformed(t):
    d = t.distributions
    parts = [d.AffineTransform(1.0, T(t, -2.0, 0.5)), d.SigmoidTransform()]
    return d.TransformedDistribution(d.Normal(T(t, 0.0, 1.0), T(t, 1.0, 2.0)), parts)


MATRIX = [[1.0, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.2, 0.1, 1.2]]

CASES = {
    "Bernoulli": lambda t: t.distributions.Bernoulli(T(t, 0.1, 0.5, 0.9)),
    "Bernoulli-logits": lambda t: t.distributions.Bernoulli(logits=T(t, -2.0, 0.0, 1.0)),
    "Beta": lambda t: t.distributions.Beta(T(t, 0.5, 2.0, 30.0), T(t, 0.7, 1.5, 9.0)),
    "Binomial": lambda t: t.distributions.Binomial(20, T(t, 0.1, 0.5, 0.8)),
    "Binomial-logits": lambda t: t.distributions.Binomial(30, logits=T(t, -2.0, 0.0, 1.0)),
    "Categorical": lambda t: t.distributions.Categorical(
        t.tensor([[0.1, 0.2, 0.7], [3.0, 1.0, 1.0]])
    ),
    "Categorical-logits": lambda t: t.distributions.Categorical(logits=T(t, 0.0, 1.0, -1.0, 2.0)),
    "Cauchy": lambda t: t.distributions.Cauchy(T(t, 0.0, 1.0), T(t, 1.0, 2.0)),
    "Chi2": lambda t: t.distributions.Chi2(T(t, 1.0, 4.5)),
    "ContinuousBernoulli": lambda t: t.distributions.ContinuousBernoulli(T(t, 0.1, 0.4999, 0.8)),
    "ContinuousBernoulli-logits": lambda t: t.distributions.ContinuousBernoulli(
        logits=T(t, -1.0, 0.001, 2.0)
    ),
    "Dirichlet": lambda t: t.distributions.Dirichlet(
        t.tensor([[0.5, 2.0, 3.0], [5.0, 1.0, 0.2]], dtype=t.float64)
    ),
    "Exponential": lambda t: t.distributions.Exponential(T(t, 0.5, 2.0)),
    "FisherSnedecor": lambda t: t.distributions.FisherSnedecor(T(t, 3.0, 5.0), T(t, 7.0, 3.5)),
    "Gamma": lambda t: t.distributions.Gamma(T(t, 0.3, 1.0, 8.5), T(t, 1.0, 0.5, 2.0)),
    "GeneralizedPareto": lambda t: t.distributions.GeneralizedPareto(
        T(t, 0.0, 1.0, -1.0), T(t, 1.0, 0.5, 2.0), T(t, 0.3, 0.0, -0.5)
    ),
    "Geometric": lambda t: t.distributions.Geometric(T(t, 0.2, 0.7)),
    "Geometric-logits": lambda t: t.distributions.Geometric(logits=T(t, -1.0, 0.5)),
    "Gumbel": lambda t: t.distributions.Gumbel(T(t, 0.0, 1.0), T(t, 1.0, 2.0)),
    "HalfCauchy": lambda t: t.distributions.HalfCauchy(T(t, 1.0, 2.0)),
    "HalfNormal": lambda t: t.distributions.HalfNormal(T(t, 1.0, 2.0)),
    "Independent": lambda t: t.distributions.Independent(
        t.distributions.Normal(t.zeros(3, 2, dtype=t.float64), 1.0), 1
    ),
    "InverseGamma": lambda t: t.distributions.InverseGamma(T(t, 1.5, 3.0), T(t, 1.0, 2.0)),
    "Kumaraswamy": lambda t: t.distributions.Kumaraswamy(T(t, 1.5, 3.0), T(t, 2.0, 1.2)),
    "LKJCholesky": lambda t: t.distributions.LKJCholesky(3, T(t, 0.7, 2.0)),
    "Laplace": lambda t: t.distributions.Laplace(T(t, 0.0, 1.0), T(t, 1.0, 2.0)),
    "LogNormal": lambda t: t.distributions.LogNormal(T(t, 0.0, 1.0), T(t, 1.0, 0.5)),
    "LogisticNormal": lambda t: t.distributions.LogisticNormal(T(t, 0.0, 1.0), T(t, 1.0, 2.0)),
    "LowRankMultivariateNormal": lambda t: t.distributions.LowRankMultivariateNormal(
        T(t, 0.0, 1.0, 2.0), t.tensor([[1.0], [0.5], [-2.0]], dtype=t.float64), T(t, 0.5, 1.0, 2.0)
    ),
    "MixtureSameFamily": mixture,
    "MixtureSameFamily-vectors": mixture_of_vectors,
    "Multinomial": lambda t: t.distributions.Multinomial(
        10, t.tensor([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]], dtype=t.float64)
    ),
    "MultivariateNormal": lambda t: t.distributions.MultivariateNormal(T(t, 0.0, 1.0, 2.0), spd(t)),
    "MultivariateNormal-precision": lambda t: t.distributions.MultivariateNormal(
        t.zeros(2, 3, dtype=t.float64), precision_matrix=spd(t)
    ),
    "MultivariateNormal-tril": lambda t: t.distributions.MultivariateNormal(
        T(t, 0.0, 1.0, 2.0), scale_tril=t.tensor([MATRIX, MATRIX], dtype=t.float64) * 0.5
    ),
    "NegativeBinomial": lambda t: t.distributions.NegativeBinomial(T(t, 5.0, 2.5), T(t, 0.2, 0.6)),
    "NegativeBinomial-logits": lambda t: t.distributions.NegativeBinomial(
        3, logits=T(t, -1.0, 0.5)
    ),
    "Normal": lambda t: t.distributions.Normal(T(t, 0.0, 1.0), T(t, 1.0, 2.0)),
    "OneHotCategorical": lambda t: t.distributions.OneHotCategorical(T(t, 0.1, 0.2, 0.7)),
    "OneHotCategoricalStraightThrough": lambda t: t.distributions.OneHotCategoricalStraightThrough(
        logits=T(t, 0.0, 1.0, -1.0)
    ),
    "Pareto": lambda t: t.distributions.Pareto(T(t, 1.0, 2.0), T(t, 0.8, 3.0)),
    "Poisson": lambda t: t.distributions.Poisson(T(t, 0.5, 4.0, 30.0)),
    "RelaxedBernoulli": lambda t: t.distributions.RelaxedBernoulli(
        t.tensor(0.7, dtype=t.float64), T(t, 0.2, 0.6)
    ),
    "RelaxedOneHotCategorical": lambda t: t.distributions.RelaxedOneHotCategorical(
        t.tensor(0.7, dtype=t.float64), T(t, 0.2, 0.3, 0.5)
    ),
    "StudentT": lambda t: t.distributions.StudentT(T(t, 0.8, 1.5, 7.0), T(t, 0.0, 1.0, 2.0), 1.5),
    "TransformedDistribution": transformed,
    "Uniform": lambda t: t.distributions.Uniform(T(t, 0.0, -1.0), T(t, 1.0, 3.0)),
    "VonMises": lambda t: t.distributions.VonMises(T(t, 0.0, 1.0), T(t, 0.5, 6.0)),
    "Weibull": lambda t: t.distributions.Weibull(T(t, 1.0, 2.0), T(t, 1.5, 0.8)),
    "Wishart": lambda t: t.distributions.Wishart(T(t, 5.0, 9.0), spd(t)),
    "Wishart-one": lambda t: t.distributions.Wishart(4, precision_matrix=spd(t)),
}

# The families that divergences are known between, with parameters inside of each other's supports.
CROSSED = {
    "Bernoulli": CASES["Bernoulli"],
    "Beta": lambda t: t.distributions.Beta(T(t, 2.0), T(t, 1.5)),
    "Binomial": lambda t: t.distributions.Binomial(20, T(t, 0.3)),
    "Categorical": CASES["Categorical-logits"],
    "Cauchy": CASES["Cauchy"],
    "Chi2": CASES["Chi2"],
    "ContinuousBernoulli": lambda t: t.distributions.ContinuousBernoulli(T(t, 0.3, 0.5)),
    "Dirichlet": lambda t: t.distributions.Dirichlet(T(t, 0.5, 2.0, 3.0)),
    "Exponential": CASES["Exponential"],
    "Gamma": lambda t: t.distributions.Gamma(T(t, 1.3, 2.0), T(t, 1.0, 0.5)),
    "Geometric": CASES["Geometric"],
    "Gumbel": CASES["Gumbel"],
    "HalfNormal": CASES["HalfNormal"],
    "Independent": CASES["Independent"],
    "Laplace": CASES["Laplace"],
    "LogNormal": CASES["LogNormal"],
    "LowRankMultivariateNormal": CASES["LowRankMultivariateNormal"],
    "MultivariateNormal": CASES["MultivariateNormal"],
    "Normal": CASES["Normal"],
    "OneHotCategorical": CASES["OneHotCategorical"],
    "Pareto": lambda t: t.distributions.Pareto(T(t, 1.0, 0.5), T(t, 0.8, 3.0)),
    "Poisson": lambda t: t.distributions.Poisson(T(t, 4.0)),
    "Uniform": lambda t: t.distributions.Uniform(T(t, 0.1), T(t, 0.9)),
    "Uniform-wide": lambda t: t.distributions.Uniform(T(t, -0.5), T(t, 1.5)),
    "Uniform-unit": lambda t: t.distributions.Uniform(T(t, 0.0), T(t, 1.0)),
    "Wishart": CASES["Wishart"],
}
