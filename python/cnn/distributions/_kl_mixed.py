"""Divergences between distributions of two families: KL(p || q) = -H(p) - E_p[log q(x)].

The expectation of log q needs few of p's: means of x, x^2, log x, exp(-t x). Where p has
values outside of q's support, it is infinite.
"""

from __future__ import annotations

import math

from .. import _C
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant

# ---- Means under p, by its class ----


def _entropic(x):
    """x log x, 0 at 0."""
    return _C.xlogy(x, x)


def _uniform_mean_log(p):
    width = p.high - p.low
    return (_entropic(p.high) - _entropic(p.low)) / width - 1


def _uniform_laplace_transform(p, t):
    return ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low))


# E[log x]
_MEAN_LOG = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -euler_constant - p.rate.log(),
    Gamma: lambda p: p.concentration.digamma() - p.rate.log(),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: _uniform_mean_log,
}

# E[exp(-t x)]
_LAPLACE_TRANSFORM = {
    Exponential: lambda p, t: p.rate / (p.rate + t),
    Gamma: lambda p, t: (1 + t / p.rate).pow(-p.concentration),
    Normal: lambda p, t: (0.5 * (p.scale * t).pow(2) - p.loc * t).exp(),
    Uniform: _uniform_laplace_transform,
}


def _infinite_below(result, p, q):
    """Infinite where uniform p begins below the support of q."""
    if not isinstance(p, Uniform):
        return result
    return result.masked_fill(p.low < q.support.lower_bound, math.inf)


# ---- -E_p[log q], by the class of q ----


def _to_exponential(kind, p, q):
    return _infinite_below(q.rate * p.mean - q.rate.log(), p, q)


def _to_gamma(kind, p, q):
    a, b = q.concentration, q.rate
    result = a.lgamma() - a * b.log() - (a - 1) * _MEAN_LOG[kind](p) + b * p.mean
    return _infinite_below(result, p, q)


def _to_normal(kind, p, q):
    squares = p.variance + (p.mean - q.loc).pow(2)
    return 0.5 * (squares / q.scale.pow(2) + math.log(2 * math.pi)) + q.scale.log()


def _to_gumbel(kind, p, q):
    t = q.scale.reciprocal()
    mean_exp = (q.loc * t).exp() * _LAPLACE_TRANSFORM[kind](p, t)
    return q.scale.log() + (p.mean - q.loc) * t + mean_exp


def _to_pareto(kind, p, q):
    result = (q.alpha + 1) * _MEAN_LOG[kind](p) - q.alpha.log() - q.alpha * q.scale.log()
    return _infinite_below(result, p, q)


def _to_continuous_bernoulli(kind, p, q):
    result = -p.mean * q.logits - (-q.probs).log1p() - q._cont_bern_log_norm()
    if kind is Uniform:  # the ends 0 and 1 count as outside, as PyTorch has it
        result = result.masked_fill((p.high >= 1) | (p.low <= 0), math.inf)
    return result


def _to_uniform(kind, p, q):
    result = (q.high - q.low).log() + _C.zeros_like(p.mean)
    if kind is Beta:
        return result.masked_fill((q.low > 0) | (q.high < 1), math.inf)
    return result.masked_fill((q.low >= 0) | (q.high <= 1), math.inf)  # the same of the ends


_FROM = {
    _to_exponential: (Exponential, (Beta, ContinuousBernoulli, Gamma, Pareto, Uniform)),
    _to_gamma: (Gamma, (Beta, Exponential, Pareto, Uniform)),
    _to_normal: (
        Normal,
        (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform),
    ),
    _to_gumbel: (Gumbel, (Exponential, Gamma, Normal, Uniform)),
    _to_pareto: (Pareto, (Uniform,)),
    _to_continuous_bernoulli: (ContinuousBernoulli, (Beta, Uniform)),
    _to_uniform: (Uniform, (Beta, ContinuousBernoulli)),
}


def _register(cross_entropy, p_class, q_class):
    @register_kl(p_class, q_class)
    def divergence(p, q):
        return cross_entropy(p_class, p, q) - p.entropy()


for _cross_entropy, (_q, _p_classes) in _FROM.items():
    for _p in _p_classes:
        _register(_cross_entropy, _p, _q)


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    a, b = q.concentration1, q.concentration0
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    mirrored = (_entropic(1 - p.low) - _entropic(1 - p.high)) / (p.high - p.low) - 1  # log(1 - x)
    result = log_beta - (a - 1) * _uniform_mean_log(p) - (b - 1) * mirrored - p.entropy()
    return result.masked_fill((p.high > 1) | (p.low < 0), math.inf)


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    # E|x - q.loc|, the mean of a folded normal number
    shift = p.loc - q.loc
    z = shift / p.scale
    mean_distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * z.pow(2)).exp()
    mean_distance = mean_distance + shift * (math.sqrt(0.5) * z).erf()
    return (2 * q.scale).log() + mean_distance / q.scale - p.entropy()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


# ---- Supports of p that q's never holds ----

_INFINITE = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _infinite(p, q):
    return _C.full_like(p.mean, math.inf)


for _p, _q_classes in _INFINITE.items():
    for _q in _q_classes:
        register_kl(_p, _q)(_infinite)
