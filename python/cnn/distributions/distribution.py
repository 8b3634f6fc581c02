"""The base of all distributions."""

from __future__ import annotations

import warnings

from .. import _C
from ..autograd import no_grad
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]

Size = _C.Size
_NUMBER = Size()  # the shape of one number


class Distribution:
    """A probability distribution, or a batch of independent ones.

    A draw has the shape `sample_shape + batch_shape + event_shape`: the draws that were asked for,
    the distributions of the batch, the dimensions of one event. `log_prob` gives one number for
    each event.

    Subclasses state `arg_constraints` (what the parameters have to satisfy), `support` (what the
    values do), and what can be said of the distribution in closed form. For `expand` they name, in
    `_batched`, the attributes that span the batch - tensors and distributions whose shape begins
    with it - and in `_kept` those that every expanded copy shares.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    _kept = ()

    @staticmethod
    def set_default_validate_args(value):
        """Whether parameters and values are checked where a distribution is not told."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape=_NUMBER, event_shape=_NUMBER, validate_args=None):
        self._batch_shape = batch_shape
        self._event_shape = event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()
        super().__init__()  # of classes that are something else as well

    def _validate_parameters(self):
        try:
            constraint_of = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set "
                "`arg_constraints = {}` or initialize the distribution with `validate_args=False` "
                "to turn off validation.",
                stacklevel=4,
            )
            return
        for name, constraint in constraint_of.items():
            if constraints.is_dependent(constraint) or not self._has(name):
                continue
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({_described(value)}) of distribution {self!r} to "
                    f"satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _has(self, name):
        """Is the attribute given, and not one that will be computed from others?"""
        is_lazy = isinstance(getattr(type(self), name, None), lazy_property)
        return name in self.__dict__ or not is_lazy

    def _validate_sample(self, value):
        """ValueError unless these are values of the distribution: shape and support."""
        if not isinstance(value, _C.Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, own = value.size(), self._batch_shape + self._event_shape
        if shape[len(shape) - len(self._event_shape) :] != self._event_shape:
            raise ValueError(
                "The right-most size of value must match event_shape: "
                f"{shape} vs {self._event_shape}."
            )
        if any(i != j and 1 not in (i, j) for i, j in zip(reversed(shape), reversed(own))):
            raise ValueError(
                f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {own}."
            )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({_described(value)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    # ---- Shape ----

    @property
    def batch_shape(self):
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one event."""
        return self._event_shape

    def _extended_shape(self, sample_shape=()):
        """The shape of a draw."""
        return Size(Size(sample_shape) + self._batch_shape + self._event_shape)

    def expand(self, batch_shape, _instance=None):
        """The same distributions over a larger batch, as views of the parameters.

        Subclasses with attributes of their own set them on a new object and pass it on as
        `_instance`.
        """
        owner = next((c for c in type(self).__mro__ if "_batched" in vars(c)), None)
        if owner is None:
            raise NotImplementedError(f"{self.__class__} does not implement expand")
        new = self._get_checked_instance(owner, _instance)
        batch_shape = Size(batch_shape)
        for name in owner._kept:
            setattr(new, name, getattr(self, name))
        for name in owner._batched:
            if self._has(name):
                setattr(new, name, self._over_batch(getattr(self, name), batch_shape))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _over_batch(self, part, batch_shape):
        """A tensor or a distribution whose shape begins with the batch's, over another batch."""
        shape = part.batch_shape if isinstance(part, Distribution) else part.shape
        return part.expand(batch_shape + shape[len(self._batch_shape) :])

    def _get_checked_instance(self, cls, _instance=None):
        """The object that `cls.expand` fills: the one given, or a new one if `cls` knows all of its
        attributes.
        """
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom "
                "__init__ method must also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    # ---- What a distribution is ----

    @property
    def arg_constraints(self):
        """{name of a parameter: its constraint}"""
        raise NotImplementedError

    @property
    def support(self):
        """The constraint that values satisfy."""
        raise NotImplementedError

    @property
    def mean(self):
        """E[x]"""
        raise NotImplementedError

    @property
    def mode(self):
        """Where the density is largest."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self):
        """E[(x - E[x])^2]"""
        raise NotImplementedError

    @property
    def stddev(self):
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Draws, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws as differentiable functions of the parameters."""
        raise NotImplementedError

    def sample_n(self, n):
        """n draws; sample((n,)) is the form that stays."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, at values."""
        raise NotImplementedError

    def cdf(self, value):
        """P(x <= value)"""
        raise NotImplementedError

    def icdf(self, value):
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand=True):
        """All values of a discrete distribution along a new first dimension; of the batch's shape,
        or of ones in its place.
        """
        raise NotImplementedError

    def entropy(self):
        """-E[log p(x)], in nats."""
        raise NotImplementedError

    def perplexity(self):
        """The exponential of the entropy."""
        return self.entropy().exp()

    def __repr__(self):
        given = (
            (name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__
        )
        shown = (f"{name}: {v if v.numel() == 1 else v.size()}" for name, v in given)
        return f"{self.__class__.__name__}({', '.join(shown)})"


def _described(value):
    return f"{type(value).__name__} of shape {tuple(value.shape)}"
