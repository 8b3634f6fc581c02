"""From a constraint to a transform of all real numbers into what satisfies it.

`biject_to(constraint)` is a bijection with a Jacobian, as sampling needs it; `transform_to` may
have more parameters than values, as optimization likes it (a simplex by softmax).
"""

from __future__ import annotations

from ..types import _Number
from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """What makes a transform of a constraint, by the constraint's class."""

    def __init__(self):
        self._registry = {}

    def register(self, constraint, factory=None):
        """Registers `factory(constraint)` for the class of a constraint; without one, decorates."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        cls = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(cls, type) and issubclass(cls, constraints.Constraint)):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, "
                f"but got {constraint}"
            )
        self._registry[cls] = factory
        return factory

    def __call__(self, constraint):
        """The transform onto what satisfies the constraint."""
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            name = type(constraint).__name__
            raise NotImplementedError(f"Cannot transform {name} constraints") from None
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds):
    """Registers a factory with both registries, which it is given as its first argument."""

    def decorator(factory):
        for registry in (biject_to, transform_to):
            for kind in kinds:
                registry.register(kind, lambda constraint, r=registry: factory(r, constraint))
        return factory

    return decorator


@_both(constraints.real)
def _to_real(registry, constraint):
    return transforms.identity_transform


@_both(constraints.independent)
def _to_independent(registry, constraint):
    base = registry(constraint.base_constraint)
    return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@_both(constraints.greater_than, constraints.greater_than_eq)
def _to_greater_than(registry, constraint):
    return _moved(transforms.ExpTransform(), constraint.lower_bound, 1)


@_both(constraints.less_than)
def _to_less_than(registry, constraint):
    return _moved(transforms.ExpTransform(), constraint.upper_bound, -1)


@_both(constraints.interval, constraints.half_open_interval)
def _to_interval(registry, constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, _Number) and isinstance(high, _Number) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return _moved(transforms.SigmoidTransform(), low, high - low)


def _moved(transform, loc, scale):
    return transforms.ComposeTransform([transform, transforms.AffineTransform(loc, scale)])


@biject_to.register(constraints.simplex)
def _biject_to_simplex(constraint):
    return transforms.StickBreakingTransform()


@transform_to.register(constraints.simplex)
def _transform_to_simplex(constraint):
    return transforms.SoftmaxTransform()


@transform_to.register(constraints.lower_cholesky)
def _transform_to_lower_cholesky(constraint):
    return transforms.LowerCholeskyTransform()


@transform_to.register(constraints.positive_definite)
@transform_to.register(constraints.positive_semidefinite)
def _transform_to_positive_definite(constraint):
    return transforms.PositiveDefiniteTransform()


@_both(constraints.corr_cholesky)
def _to_corr_cholesky(registry, constraint):
    return transforms.CorrCholeskyTransform()


@_both(constraints.cat)
def _to_cat(registry, constraint):
    parts = [registry(c) for c in constraint.cseq]
    return transforms.CatTransform(parts, constraint.dim, constraint.lengths)


@_both(constraints.stack)
def _to_stack(registry, constraint):
    return transforms.StackTransform([registry(c) for c in constraint.cseq], constraint.dim)
