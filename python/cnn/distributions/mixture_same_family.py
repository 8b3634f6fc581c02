"""Mixtures."""

from __future__ import annotations

from .. import _C
from ..autograd import no_grad
from . import constraints
from .categorical import Categorical
from .distribution import Distribution, Size

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """p(x) = sum_k w_k p_k(x): weights of a Categorical, and k components of one family along the
    last dimension of their batch.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False
    _batched = ("_mixture_distribution", "_component_distribution")
    _kept = ("_num_component", "_event_ndims")

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        of_weights = mixture_distribution.batch_shape
        *of_parts, count = component_distribution.batch_shape
        if any(i != j and 1 not in (i, j) for i, j in zip(of_weights[::-1], of_parts[::-1])):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({of_weights}) is not compatible with "
                f"`component_distribution.batch_shape`({Size(of_parts)})"
            )
        self._num_component = mixture_distribution.logits.shape[-1]
        if self._num_component != count:
            raise ValueError(
                f"`mixture_distribution component` ({self._num_component}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({count})"
            )
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(Size(of_parts), event_shape, validate_args=validate_args)

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """The components."""
        return self._component_distribution

    def _pad(self, x):
        """Values with a dimension for the components."""
        return x.unsqueeze(-1 - self._event_ndims)

    def _weighted(self, of_components):
        """E[...] over the components, of shape batch + (k,) + event."""
        weights = self.mixture_distribution.probs
        weights = weights.reshape(weights.shape + (1,) * self._event_ndims)
        return (weights * of_components).sum(dim=-1 - self._event_ndims)

    @property
    def mean(self):
        return self._weighted(self.component_distribution.mean)

    @property
    def variance(self):
        # The mean of the variances, and the variance of the means.
        deviation = self.component_distribution.mean - self._pad(self.mean)
        return self._weighted(self.component_distribution.variance) + self._weighted(
            deviation.pow(2.0)
        )

    def cdf(self, x):
        of_components = self.component_distribution.cdf(self._pad(x))
        return (of_components * self.mixture_distribution.probs).sum(dim=-1)

    def log_prob(self, x):
        if self._validate_args:
            self._validate_sample(x)
        of_components = self.component_distribution.log_prob(self._pad(x))
        log_weights = _C.log_softmax(self.mixture_distribution.logits, dim=-1)
        return (of_components + log_weights).logsumexp(dim=-1)

    @no_grad()
    def sample(self, sample_shape=()):
        """Draws of every component, of which the one that the weights drew is taken."""
        weights = self.mixture_distribution
        if weights.batch_shape != self.batch_shape:
            weights = weights.expand(self.batch_shape)
        chosen = weights.sample(sample_shape)
        drawn = self.component_distribution.sample(sample_shape)
        dim = drawn.dim() - 1 - self._event_ndims
        index = chosen.reshape(chosen.shape + (1,) * (self._event_ndims + 1))
        index = index.expand(drawn.shape[:dim] + (1,) + self.event_shape)
        return drawn.gather(dim, index).squeeze(dim)

    def __repr__(self):
        return (
            f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
        )
