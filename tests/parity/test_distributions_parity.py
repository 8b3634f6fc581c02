"""Distributions next to PyTorch's: draws for the same seed, densities, entropies, divergences, words, errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402
from distribution_cases import CASES, CROSSED  # noqa: E402

# What PyTorch's methods raise by mistake, or compute so: the values here are proved elsewhere.
DIFFERENT = {
    ("GeneralizedPareto", "log_prob"),  # PyTorch compares a double with a float
    ("GeneralizedPareto", "cdf"),
    ("Kumaraswamy", "mode"),  # the logarithm of a negative number
    ("Multinomial", "entropy"),  # log n! in float32; an expanded one has no entropy
    ("Multinomial", "perplexity"),
}
MATRICES = ("MultivariateNormal", "LowRank", "Wishart", "LKJ", "Mixture")  # sums in another order


def outcome(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f()
        except Exception as e:
            return e


def assert_same(ours, theirs, rtol=1e-10):
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert type(ours).__name__ == type(theirs).__name__, (ours, theirs)
        words = [str(e).split("\n")[0] for e in (ours, theirs)]
        if isinstance(theirs, ValueError):
            assert words[0] == words[1]
    elif isinstance(theirs, torch.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert str(ours.dtype) == str(theirs.dtype)
        ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-11)
    else:
        assert str(ours).replace("cnn", "torch") == str(theirs)


def both(name, cases=CASES):
    return cases[name](cnn), cases[name](torch)


def seeded(f, d, package):
    package.manual_seed(3)
    return outcome(lambda: f(d))


@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_draws_the_same_numbers(name):
    ours, theirs = both(name)
    rtol = 1e-10 if name.startswith(MATRICES) else 1e-14
    for shape in ((), (5,), (2, 20)):
        for method in ("sample", "rsample"):
            pair = (
                seeded(lambda d: getattr(d, method)(shape), *of)
                for of in ((ours, cnn), (theirs, torch))
            )
            assert_same(*pair, rtol=rtol)
        assert cnn.rand(1).item() == torch.rand(1).item()  # as many were drawn


@pytest.mark.parametrize("name", ["_standard_gamma", "_sample_dirichlet", "poisson", "binomial"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_are_equal_to_the_bit(name, dtype):
    rng = np.random.default_rng(0)
    a = np.exp(2 * rng.normal(size=(400, 7)))
    p = rng.random((400, 7))

    def draw(t):
        t.manual_seed(1)
        first = t.tensor(np.floor(100 * a) if name == "binomial" else a, dtype=getattr(t, dtype))
        return getattr(t, name)(first, *([t.tensor(p).to(first)] if name == "binomial" else []))

    np.testing.assert_array_equal(draw(cnn).numpy(), draw(torch).numpy())


@pytest.mark.parametrize("name", CASES)
def test_what_a_distribution_says_of_itself(name):
    ours, theirs = both(name)
    assert repr(ours) == repr(theirs)
    for attribute in (
        "mean", "mode", "variance", "stddev", "batch_shape", "event_shape", "support", "has_rsample",
        "has_enumerate_support", "arg_constraints",
    ):  # fmt: skip
        if (name, attribute) not in DIFFERENT:
            assert_same(*(outcome(lambda d=d: getattr(d, attribute)) for d in (ours, theirs)))
    for method in ("entropy", "perplexity"):
        if (name, method) not in DIFFERENT:
            assert_same(*(outcome(lambda d=d: getattr(d, method)()) for d in (ours, theirs)))
    for expand in (True, False):
        assert_same(*(outcome(lambda d=d: d.enumerate_support(expand)) for d in (ours, theirs)))


@pytest.mark.parametrize("name", CASES)
def test_densities_and_quantiles(name):
    ours, theirs = both(name)
    torch.manual_seed(0)
    x = theirs.sample((4,))
    ours.sample()  # the words of errors tell which parameters have been computed
    of_ours, of_theirs = cnn.tensor(x.numpy()), x
    for method in ("log_prob", "cdf"):
        if (name, method) not in DIFFERENT:
            f = (
                outcome(lambda d=d, v=v: getattr(d, method)(v))
                for d, v in ((ours, of_ours), (theirs, of_theirs))
            )
            assert_same(*f, rtol=1e-8)
    u = torch.rand(x.shape, dtype=torch.float64)
    pair = ((ours, cnn.tensor(u.numpy())), (theirs, u))
    assert_same(*(outcome(lambda d=d, v=v: d.icdf(v)) for d, v in pair), rtol=1e-8)
    for bad in (float("nan"), -7.3, 1e9):
        values = (
            cnn.full(x.shape, bad, dtype=cnn.float64),
            torch.full(x.shape, bad, dtype=torch.float64),
        )
        pair = zip((ours, theirs), values)
        if (name, "log_prob") not in DIFFERENT:
            assert_same(*(outcome(lambda d=d, v=v: d.log_prob(v)) for d, v in pair), rtol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_expanded(name):
    ours, theirs = both(name)
    shape = (2, *theirs.batch_shape)
    wide, their_wide = ours.expand(shape), theirs.expand(shape)
    assert repr(wide) == repr(their_wide)
    draws = (seeded(lambda d: d.sample((3,)), d, t) for d, t in ((wide, cnn), (their_wide, torch)))
    assert_same(*draws)


@pytest.mark.parametrize("first", CROSSED)
def test_divergences(first):
    for second in CROSSED:
        made = [(CROSSED[first](t), CROSSED[second](t)) for t in (cnn, torch)]
        ours, theirs = (
            outcome(lambda t=t, pq=pq: t.distributions.kl_divergence(*pq))
            for t, pq in zip((cnn, torch), made)
        )
        if isinstance(theirs, IndexError):  # a mask of p's shape for a result of both
            assert ours.shape == (2,)
        elif isinstance(theirs, NotImplementedError):
            assert isinstance(ours, NotImplementedError)
        else:
            assert_same(ours, theirs, rtol=1e-8)


def test_the_same_pairs_are_known():
    def names(t):
        return {(p.__name__, q.__name__) for p, q in t.distributions.kl._KL_REGISTRY}

    assert names(cnn) == names(torch)


def test_registries_and_names():
    for kind in ("biject_to", "transform_to"):
        of = [getattr(t.distributions, kind)._registry for t in (cnn, torch)]
        assert {c.__name__ for c in of[0]} == {c.__name__ for c in of[1]}
    for space in ("", ".transforms", ".constraints", ".kl", ".utils", ".constraint_registry"):
        ours, theirs = (
            __import__(f"{t}.distributions{space}", fromlist=["x"]) for t in ("cnn", "torch")
        )
        assert set(theirs.__all__) <= set(ours.__all__)
    for name in torch.distributions.__all__:
        ours, theirs = (getattr(t.distributions, name) for t in (cnn, torch))
        assert getattr(ours, "__module__", "").replace("cnn", "torch") == getattr(
            theirs, "__module__", ""
        )
        if inspect.isclass(theirs) and theirs.__init__ is not object.__init__:
            of = [list(inspect.signature(c.__init__).parameters) for c in (ours, theirs)]
            assert of[0] == of[1], name


# Names without a promise that packages take all the same.
PRIVATE = {
    "kl": "_KL_REGISTRY _KL_MEMOIZE _dispatch_kl",
    "lowrank_multivariate_normal": "_batch_capacitance_tril _batch_lowrank_logdet _batch_lowrank_mahalanobis",
    "multivariate_normal": "_batch_mahalanobis _batch_mv _precision_to_scale_tril Distribution",
    "transforms": "_InverseTransform",
    "utils": "_standard_normal _sum_rightmost euler_constant",
    "von_mises": "_log_modified_bessel_fn",
}


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.iter_modules(torch.distributions.__path__)]
)
def test_paths(name):
    ours, theirs = (importlib.import_module(f"{t}.distributions.{name}") for t in ("cnn", "torch"))
    names = [*theirs.__all__, *PRIVATE.get(name, "").split()]
    if name == "constraints":
        names += [n for n, v in vars(theirs).items() if inspect.isclass(v) and n[0] == "_"]
    for n in names:
        assert hasattr(ours, n), n
        value = getattr(theirs, n)
        if inspect.isclass(value) and value.__module__ == theirs.__name__:
            assert getattr(ours, n).__module__ == ours.__name__


WRONG = [
    lambda t: t.distributions.Normal(0.0, -1.0),
    lambda t: t.distributions.Normal(t.zeros(2), t.tensor([1.0, float("nan")])),
    lambda t: t.distributions.Uniform(1.0, 0.0),
    lambda t: t.distributions.Bernoulli(1.5),
    lambda t: t.distributions.Bernoulli(0.5, 0.5),
    lambda t: t.distributions.Geometric(0.0),
    lambda t: t.distributions.Categorical(t.tensor(0.5)),
    lambda t: t.distributions.Categorical(logits=t.tensor([float("nan"), 1.0])),
    lambda t: t.distributions.Multinomial(t.tensor(3), t.ones(2)),
    lambda t: t.distributions.Dirichlet(t.tensor([-1.0, 1.0])),
    lambda t: t.distributions.Beta(0.0, 1.0),
    lambda t: t.distributions.StudentT(-1.0),
    lambda t: t.distributions.LKJCholesky(1),
    lambda t: t.distributions.MultivariateNormal(t.zeros(2)),
    lambda t: t.distributions.MultivariateNormal(t.zeros(2), t.tensor([[1.0, 2.0], [2.0, 1.0]])),
    lambda t: t.distributions.MultivariateNormal(t.zeros(2), t.ones(2)),
    lambda t: t.distributions.LowRankMultivariateNormal(t.zeros(2), t.ones(3, 1), t.ones(2)),
    lambda t: t.distributions.Wishart(1.0, t.eye(3)),
    lambda t: t.distributions.Independent(t.distributions.Normal(0.0, 1.0), 1),
    lambda t: t.distributions.Normal("a", 1.0),
    lambda t: t.distributions.AffineTransform(0.0, 1.0, cache_size=3),
    lambda t: t.distributions.ReshapeTransform((2,), (3,)),
    lambda t: t.distributions.utils.vec_to_tril_matrix(t.ones(5)),
    lambda t: t.distributions.biject_to(t.distributions.constraints.boolean),
    lambda t: t.distributions.Binomial(t.tensor([3.0, 4.0]), 0.5).entropy(),
    lambda t: t.distributions.Normal(0.0, 1.0).enumerate_support(),
    lambda t: t.distributions.Categorical(t.ones(3)).rsample(),
]


@pytest.mark.parametrize("call", WRONG)
def test_errors(call):
    ours, theirs = (outcome(lambda t=t: call(t)) for t in (cnn, torch))
    assert isinstance(theirs, Exception)
    assert_same(ours, theirs)


def test_gradients_of_gamma_and_beta_draws_are_near():
    """PyTorch's are rational approximations, right to about a thousandth."""
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.uniform(-3, 5, (2, 500)))
    x = rng.gamma(a) + 1e-30
    ours, theirs = (t._standard_gamma_grad(t.tensor(a), t.tensor(x)).numpy() for t in (cnn, torch))
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)
    x = np.clip(rng.beta(a, b), 1e-10, 1 - 1e-10)
    ours, theirs = (t._dirichlet_grad(*map(t.tensor, (x, a, a + b))).numpy() for t in (cnn, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-2)
