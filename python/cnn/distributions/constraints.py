"""What parameters and values satisfy: `constraint.check(value)` says of each event whether it does.

`event_dim` is the number of dimensions that one event has: 0 for numbers, 1 for vectors, 2 for
matrices. The constraints without parameters are objects, the others classes.
"""

from __future__ import annotations

from .. import _C, linalg
from .._number_info import finfo

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "independent", "integer_interval", "interval",
    "half_open_interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular",
    "MixtureSameFamilyConstraint", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
    "positive", "positive_semidefinite", "positive_definite", "positive_integer", "real",
    "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values: those for which `check` is True."""

    is_discrete = False
    event_dim = 0
    _shown = ()  # the attributes that repr shows

    def check(self, value):
        """True for each event of the tensor that is in the set."""
        raise NotImplementedError

    def __repr__(self):
        bounds = ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{self.__class__.__name__.removeprefix('_')}({bounds})"


def _require_constraint(*found):
    for c in found:
        if not isinstance(c, Constraint):
            raise AssertionError(f"expected a Constraint, got {type(c).__name__}")


def _all_of_event(result, value, event_dim, batch_dim):
    """The answers for the parts of events, joined to one for each."""
    if batch_dim < 0:
        raise ValueError(f"Expected value.dim() >= {event_dim} but got {value.dim()}")
    return result.reshape(result.shape[:batch_dim] + (-1,)).all(-1)


# ---- Made of other constraints, or known with the other parameters only ----


class _Dependent(Constraint):
    """Depends on other parameters; what is known of it beforehand may be said."""

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    @property
    def is_discrete(self):
        if self._is_discrete is NotImplemented:
            raise NotImplementedError(".is_discrete cannot be determined statically")
        return self._is_discrete

    @property
    def event_dim(self):
        if self._event_dim is NotImplemented:
            raise NotImplementedError(".event_dim cannot be determined statically")
        return self._event_dim

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        """The same with more that is known."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x):
        raise ValueError("Cannot determine validity of dependent constraint")


class _DependentProperty(property, _Dependent):
    """Of a class, a dependent constraint; of its objects, the constraint that the function gives.

    As a decorator, with or without what is known of it:
    `@constraints.dependent_property(is_discrete=False, event_dim=0)`.
    """

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        super().__init__(fn)
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    def __call__(self, fn):
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint):
    """Is it one that cannot be checked without the other parameters?"""
    return isinstance(constraint, _Dependent)


class _IndependentConstraint(Constraint):
    """The last dimensions of the batch belong to the event: all of it has to satisfy the base."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        _require_constraint(base_constraint)
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(
                "reinterpreted_batch_ndims must be an int that is not negative, got "
                f"{reinterpreted_batch_ndims!r}"
            )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        result = self.base_constraint.check(value)
        batch_dim = result.dim() - self.reinterpreted_batch_ndims
        return _all_of_event(result, value, self.event_dim, batch_dim)

    def __repr__(self):
        name = self.__class__.__name__.removeprefix("_")
        return f"{name}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """A value of a mixture has to be one of each of its components."""

    def __init__(self, base_constraint):
        _require_constraint(base_constraint)
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim

    def check(self, value):
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        return _all_of_event(result, value, self.event_dim, value.dim() - self.event_dim)

    def __repr__(self):
        return f"{self.__class__.__name__}({self.base_constraint!r})"


class _Sequence(Constraint):
    """A constraint for each part of the value along `dim`."""

    def __init__(self, cseq, dim=0):
        self.cseq = list(cseq)
        _require_constraint(*self.cseq)
        self.dim = dim

    @property
    def is_discrete(self):
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self):
        return max(c.event_dim for c in self.cseq)

    def _require_dim(self, value):
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(
                f"dim {self.dim} out of range for value with {value.dim()} dimensions"
            )


class _Cat(_Sequence):
    """Parts of given lengths, 1 by default, as `cnn.cat` joins them."""

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})"
            )

    def check(self, value):
        self._require_dim(value)
        parts, start = [], 0
        for constraint, length in zip(self.cseq, self.lengths):
            parts.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return _C.cat(parts, self.dim)


class _Stack(_Sequence):
    """Slices, as `cnn.stack` joins them."""

    @property
    def event_dim(self):
        dim = super().event_dim
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value):
        self._require_dim(value)
        slices = (value.select(self.dim, i) for i in range(value.size(self.dim)))
        return _C.stack([c.check(v) for v, c in zip(slices, self.cseq)], self.dim)


# ---- Numbers ----


class _Real(Constraint):
    """Any number but nan."""

    def check(self, value):
        return value == value


class _Boolean(Constraint):
    """0 or 1."""

    is_discrete = True

    def check(self, value):
        return (value == 0) | (value == 1)


class _FromBound(Constraint):
    """With a lower bound, a number or a tensor."""

    _shown = ("lower_bound",)

    def __init__(self, lower_bound):
        self.lower_bound = lower_bound


class _ToBound(Constraint):
    """With an upper bound."""

    _shown = ("upper_bound",)

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound


class _BetweenBounds(Constraint):
    """With both."""

    _shown = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound, upper_bound):
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound


class _GreaterThan(_FromBound):
    """Above a bound."""

    def check(self, value):
        return self.lower_bound < value


class _GreaterThanEq(_FromBound):
    """A bound, or above it."""

    def check(self, value):
        return self.lower_bound <= value


class _LessThan(_ToBound):
    """Below a bound."""

    def check(self, value):
        return value < self.upper_bound


class _Interval(_BetweenBounds):
    """Between two bounds, which belong to it."""

    def check(self, value):
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_BetweenBounds):
    """Between two bounds, of which the lower one belongs to it."""

    def check(self, value):
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _IntegerInterval(_BetweenBounds):
    """Integers between two bounds, which belong to it."""

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerLessThan(_ToBound):
    """Integers up to a bound."""

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (value <= self.upper_bound)


class _IntegerGreaterThan(_FromBound):
    """Integers from a bound on."""

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & (value >= self.lower_bound)


# ---- Vectors ----


class _OneHot(Constraint):
    """A single 1 among zeros."""

    is_discrete = True
    event_dim = 1

    def check(self, value):
        return boolean.check(value).all(-1) & value.sum(-1).eq(1)


class _Simplex(Constraint):
    """Not negative, and of sum 1 up to 1e-6."""

    event_dim = 1

    def check(self, value):
        return (value >= 0).all(dim=-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(Constraint):
    """Not negative, and of a sum up to the bound."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, x):
        return (x >= 0).all(dim=-1) & (x.sum(dim=-1) <= self.upper_bound)


# ---- Matrices ----


def _is_lower_triangular(value):
    return (value.tril() == value).flatten(-2).all(-1)


def _is_cholesky_factor(value):
    return _is_lower_triangular(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _LowerTriangular(Constraint):
    """Zero above the diagonal."""

    event_dim = 2

    def check(self, value):
        return _is_lower_triangular(value)


class _LowerCholesky(Constraint):
    """Lower triangular with a positive diagonal."""

    event_dim = 2

    def check(self, value):
        return _is_cholesky_factor(value)


class _CorrCholesky(Constraint):
    """The same with rows of length 1: the Cholesky factor of a matrix of correlations."""

    event_dim = 2

    def check(self, value):
        tolerance = 10 * value.size(-1) * finfo(value.dtype).eps
        length = value.detach().norm(dim=-1)
        return _is_cholesky_factor(value) & ((length - 1).abs() <= tolerance).all(dim=-1)


class _Square(Constraint):
    """With as many rows as columns."""

    event_dim = 2

    def check(self, value):
        is_square = value.shape[-2] == value.shape[-1]
        return _C.full(value.shape[:-2], is_square, dtype=_C.bool, device=value.device)


class _Symmetric(_Square):
    """Up to 1e-6, or 1e-5 of the element."""

    def check(self, value):
        is_square = super().check(value)
        if not is_square.all():
            return is_square
        return _C.isclose(value, value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric, without negative eigenvalues."""

    def check(self, value):
        is_symmetric = super().check(value)
        if not is_symmetric.all():
            return is_symmetric
        return linalg.eigvalsh(value).ge(0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric, with a Cholesky factor."""

    def check(self, value):
        is_symmetric = super().check(value)
        if not is_symmetric.all():
            return is_symmetric
        return linalg.cholesky_ex(value).info.eq(0)


# ---- Public names ----

dependent = _Dependent()
dependent_property = _DependentProperty
independent = _IndependentConstraint
cat = _Cat
stack = _Stack
real = _Real()
boolean = _Boolean()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
real_vector = independent(real, 1)
one_hot = _OneHot()
simplex = _Simplex()
multinomial = _Multinomial
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
