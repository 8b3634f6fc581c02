"""The base of all transforms, and those that are made of others."""

from __future__ import annotations

import math

from .. import _C
from . import constraints
from .utils import _sum_rightmost, lazy_property


class Transform:
    """y = t(x), x = t.inv(y).

    `log_abs_det_jacobian(x, y)` is log |det dy/dx|, one number for each event. With cache_size=1
    the last pair is kept: the inverse of a value that has just been computed is exact and free.
    Subclasses define `_call`, `_inverse` and `log_abs_det_jacobian`; `sign` is that of dy/dx where
    the transform is monotone, `domain` and `codomain` are constraints on x and on y.
    """

    bijective = False

    def __init__(self, cache_size=0):
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._inv = None
        if cache_size:
            self._cached_x_y = None, None

    def __getstate__(self):
        return {**self.__dict__, "_inv": None}

    @property
    def event_dim(self):
        """The dimensions of an event, where the domain and the codomain have as many."""
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")

    @property
    def inv(self):
        """The inverse, whose inverse is this very transform."""
        if self._inv is None:
            self._inv = _InverseTransform(self)
        return self._inv

    @property
    def sign(self):
        """+1 or -1: does it grow or fall?"""
        raise NotImplementedError

    def _arguments(self):
        """What a copy is made of, besides its cache_size."""
        if type(self).__init__ is Transform.__init__:
            return ()
        raise NotImplementedError(f"{type(self)}.with_cache is not implemented")

    def with_cache(self, cache_size=1):
        """The same transform with or without a cache."""
        if self._cache_size == cache_size:
            return self
        return type(self)(*self._arguments(), cache_size=cache_size)

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return not self == other

    def __call__(self, x):
        """y = t(x)"""
        if not self._cache_size:
            return self._call(x)
        if self._cached_x_y[0] is not x:
            self._cached_x_y = x, self._call(x)
        return self._cached_x_y[1]

    def _inv_call(self, y):
        if not self._cache_size:
            return self._inverse(y)
        if self._cached_x_y[1] is not y:
            self._cached_x_y = self._inverse(y), y
        return self._cached_x_y[0]

    def _call(self, x):
        raise NotImplementedError

    def _inverse(self, y):
        raise NotImplementedError

    def log_abs_det_jacobian(self, x, y):
        """log |det dy/dx| of each event."""
        raise NotImplementedError

    def __repr__(self):
        return f"{self.__class__.__name__}()"

    def forward_shape(self, shape):
        """The shape of t(x) for an x of this shape."""
        return shape

    def inverse_shape(self, shape):
        """The shape of t.inv(y) for a y of this shape."""
        return shape


class _InverseTransform(Transform):
    """x = t.inv(y), which keeps pairs in the cache of t."""

    def __init__(self, transform):
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    def __getstate__(self):
        return self.__dict__.copy()  # an inverse is nothing without its transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return self._inv.domain

    @property
    def bijective(self):
        return self._inv.bijective

    @property
    def sign(self):
        return self._inv.sign

    def with_cache(self, cache_size=1):
        return self._inv.with_cache(cache_size).inv

    def __eq__(self, other):
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __repr__(self):
        return f"{self.__class__.__name__}({self._inv!r})"

    def __call__(self, x):
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x, y):
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape):
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape):
        return self._inv.forward_shape(shape)


# ---- Made of other transforms ----


class ComposeTransform(Transform):
    """Transforms one after the other. The Jacobian's logarithms add up."""

    def __init__(self, parts, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else parts

    def _arguments(self):
        return (self.parts,)

    def __eq__(self, other):
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        if not self.parts:
            return constraints.real
        event_dim = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):  # events of later parts may be larger
            event_dim += part.domain.event_dim - part.codomain.event_dim
            event_dim = max(event_dim, part.domain.event_dim)
        return _widened(self.parts[0].domain, event_dim)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        if not self.parts:
            return constraints.real
        event_dim = self.parts[0].domain.event_dim
        for part in self.parts:
            event_dim += part.codomain.event_dim - part.domain.event_dim
            event_dim = max(event_dim, part.codomain.event_dim)
        return _widened(self.parts[-1].codomain, event_dim)

    @lazy_property
    def bijective(self):
        return all(part.bijective for part in self.parts)

    @lazy_property
    def sign(self):
        return math.prod((part.sign for part in self.parts), start=1)

    @property
    def inv(self):
        if self._inv is None:
            self._inv = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv._inv = self
        return self._inv

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return _C.zeros_like(x)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        event_dim, total = self.domain.event_dim, 0
        for part, x, y in zip(self.parts, values, values[1:]):
            log_det = part.log_abs_det_jacobian(x, y)
            total = total + _sum_rightmost(log_det, event_dim - part.domain.event_dim)
            event_dim += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape):
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape):
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self):
        parts = ",\n    ".join(map(repr, self.parts))
        return f"{self.__class__.__name__}(\n    {parts}\n)"


def _widened(constraint, event_dim):
    """The constraint for events of that many dimensions."""
    if event_dim == constraint.event_dim:
        return constraint
    return constraints.independent(constraint, event_dim - constraint.event_dim)


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """The last dimensions of the batch belong to the event: logarithms of Jacobians are summed."""

    def __init__(self, base_transform, reinterpreted_batch_ndims, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def _arguments(self):
        return self.base_transform, self.reinterpreted_batch_ndims

    @constraints.dependent_property(is_discrete=False)
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self):
        return self.base_transform.bijective

    @property
    def sign(self):
        return self.base_transform.sign

    def _call(self, x):
        _require_dims(x.shape, self.domain.event_dim)
        return self.base_transform(x)

    def _inverse(self, y):
        _require_dims(y.shape, self.codomain.event_dim)
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x, y):
        log_det = self.base_transform.log_abs_det_jacobian(x, y)
        return _sum_rightmost(log_det, self.reinterpreted_batch_ndims)

    def __repr__(self):
        name = self.__class__.__name__
        return f"{name}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"

    def forward_shape(self, shape):
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape):
        return self.base_transform.inverse_shape(shape)


def _require_dims(shape, event_dim):
    if len(shape) < event_dim:
        raise ValueError("Too few dimensions on input")


class _PartsTransform(Transform):
    """A transform for each part of the value along `dim`."""

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.transforms = list(tseq)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise AssertionError("All elements of tseq must be Transform instances")
        if cache_size:
            self.transforms = [t.with_cache(cache_size) for t in self.transforms]
        self.dim = dim

    def _parts(self, value):
        raise NotImplementedError

    def _join(self, parts):
        raise NotImplementedError

    def _require_length(self, value, length):
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(
                f"dim {self.dim} out of range for tensor with {value.dim()} dimensions"
            )
        if value.size(self.dim) != length:
            raise AssertionError(
                f"size({self.dim}) = {value.size(self.dim)} of the value must equal {length}"
            )

    def _call(self, x):
        return self._join([t(part) for t, part in zip(self.transforms, self._parts(x))])

    def _inverse(self, y):
        return self._join([t.inv(part) for t, part in zip(self.transforms, self._parts(y))])

    @property
    def bijective(self):
        return all(t.bijective for t in self.transforms)


class CatTransform(_PartsTransform):
    """Parts of given lengths, 1 by default, as `cnn.cat` joins them."""

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
            )

    def _arguments(self):
        return self.transforms, self.dim, self.lengths

    @lazy_property
    def event_dim(self):
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self):
        """The length of the whole."""
        return sum(self.lengths)

    def _parts(self, value):
        self._require_length(value, self.length)
        start = 0
        for length in self.lengths:
            yield value.narrow(self.dim, start, length)
            start += length

    def _join(self, parts):
        return _C.cat(parts, dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        log_dets = []
        for t, x_part, y_part in zip(self.transforms, self._parts(x), self._parts(y)):
            log_det = t.log_abs_det_jacobian(x_part, y_part)
            log_dets.append(_sum_rightmost(log_det, self.event_dim - t.event_dim))
        # The parts lie along a dimension of the batch, which stays, or along one of the event.
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        return _C.cat(log_dets, dim=dim) if dim < 0 else sum(log_dets)

    @constraints.dependent_property
    def domain(self):
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_PartsTransform):
    """Slices, as `cnn.stack` joins them."""

    def _arguments(self):
        return self.transforms, self.dim

    def _parts(self, value):
        self._require_length(value, len(self.transforms))
        return [value.select(self.dim, i) for i in range(value.size(self.dim))]

    def _join(self, parts):
        return _C.stack(parts, dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        parts = zip(self.transforms, self._parts(x), self._parts(y))
        return self._join([t.log_abs_det_jacobian(x_part, y_part) for t, x_part, y_part in parts])

    @constraints.dependent_property
    def domain(self):
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
