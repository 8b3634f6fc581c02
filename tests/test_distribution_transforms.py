"""Transforms and constraints: inverses, determinants of Jacobians, shapes, registries."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import cnn
from cnn import distributions as D
from cnn.distributions import biject_to, constraints, transform_to, transforms

F64 = cnn.float64


def tensor(*values):
    return cnn.tensor(values, dtype=F64)


TRANSFORMS = {
    "Affine": D.AffineTransform(tensor(1.0, 2.0, 0.0), tensor(-2.0, 0.5, 3.0)),
    "Affine-event": D.AffineTransform(tensor(1.0, 2.0, 0.0), tensor(-2.0, 0.5, 3.0), event_dim=1),
    "Affine-numbers": D.AffineTransform(1.0, -2.0),
    "Cat": D.CatTransform([D.ExpTransform(), D.identity_transform], dim=-1, lengths=[1, 2]),
    "Compose": D.ComposeTransform(
        [D.AffineTransform(0.5, 2.0), D.SigmoidTransform(), D.ExpTransform()]
    ),
    "Compose-vectors": D.ComposeTransform(
        [D.AffineTransform(0.5, 2.0), D.StickBreakingTransform()]
    ),
    "CorrCholesky": D.CorrCholeskyTransform(),
    "CumulativeDistribution": D.CumulativeDistributionTransform(
        D.Normal(tensor(0.0, 1.0, 2.0), 2.0)
    ),
    "Exp": D.ExpTransform(),
    "Exp-inverse": D.ExpTransform().inv,
    "Independent": D.IndependentTransform(D.TanhTransform(), 1),
    "Power": D.PowerTransform(tensor(2.0, 0.5, -1.0)),
    "Reshape": D.ReshapeTransform((3,), (3, 1)),
    "Sigmoid": D.SigmoidTransform(),
    "Softplus": D.SoftplusTransform(),
    "Stack": D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.identity_transform], dim=-1),
    "StickBreaking": D.StickBreakingTransform(),
    "Tanh": D.TanhTransform(),
}


def argument(name):
    x = tensor([0.3, -0.7, 1.1], [0.2, 0.4, -1.5])
    return x.abs() + 0.1 if name in ("Power", "Exp-inverse") else x


def free(y, name):
    """The elements of y of which the others are functions: as many as x has."""
    if name in ("StickBreaking", "Compose-vectors"):
        return y[:-1]
    if name == "CorrCholesky":
        return y[[1, 2, 2], [0, 0, 1]]
    return y.reshape(-1)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_inverse_and_determinant(name):
    t = TRANSFORMS[name]
    x = argument(name)
    y = t(x)
    assert t.bijective and t.inv.bijective and t.inv.inv is t
    assert t.forward_shape(x.shape) == y.shape and t.inverse_shape(y.shape) == x.shape
    assert t.codomain.check(y).all()
    np.testing.assert_allclose(t.inv(y).numpy(), x.numpy(), rtol=1e-9)
    log_det = t.log_abs_det_jacobian(x, y)
    event_dim = 0 if name == "Stack" else t.domain.event_dim  # the slices have each their own
    assert log_det.shape == x.shape[: x.dim() - event_dim]
    inverse = t.inv.log_abs_det_jacobian(y, x)
    np.testing.assert_allclose(inverse.numpy(), -log_det.numpy())
    for i in range(2):  # an event is a row, or each of its numbers is one
        jacobian = cnn.autograd.functional.jacobian(
            lambda v, i=i: free(t(cnn.stack([v, x[1 - i]] if i == 0 else [x[0], v]))[i], name), x[i]
        )
        if event_dim == 0:
            found = np.log(np.abs(np.diagonal(jacobian.numpy())))
        else:
            found = np.linalg.slogdet(jacobian.reshape(3, 3).numpy())[1]
        np.testing.assert_allclose(log_det[i].numpy(), found, rtol=1e-7, atol=1e-9)


def test_an_event_counts_every_dimension_of_a_broadcast_scale():
    t = D.AffineTransform(0.0, cnn.tensor(2.0), event_dim=1)
    x = cnn.zeros(4, 3)
    np.testing.assert_allclose(
        t.log_abs_det_jacobian(x, t(x)).numpy(), 3 * math.log(2.0), rtol=1e-6
    )


@pytest.mark.parametrize("name", ["Softmax", "LowerCholesky", "PositiveDefinite", "Abs"])
def test_those_without_a_determinant(name):
    t = getattr(D, name + "Transform")()
    x = tensor([0.3, -0.7, 1.1], [0.2, 0.4, -1.5], [1.0, 2.0, 0.5])
    y = t(x)
    assert not t.bijective and t.codomain.check(y).all()
    np.testing.assert_allclose(t(t.inv(y)).numpy(), y.numpy(), rtol=1e-9)
    with pytest.raises(NotImplementedError):
        t.log_abs_det_jacobian(x, y)
    assert t == type(t)() and t != D.ExpTransform()


def test_caches_and_copies():
    t = D.TanhTransform(cache_size=1)
    x = tensor(20.0, 1.0)
    y = t(x)
    assert t.inv(y) is x and t(x) is y
    assert t.with_cache(1) is t and t.with_cache(0)._cache_size == 0
    cached = D.AffineTransform(1.0, 2.0).with_cache()
    assert cached._cache_size == 1 and cached == D.AffineTransform(1.0, 2.0)
    assert D.ComposeTransform([t, D.ExpTransform()], cache_size=1).parts[1]._cache_size == 1
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        D.ExpTransform(cache_size=2)
    for name, transform in TRANSFORMS.items():
        copy = pickle.loads(pickle.dumps(transform))
        np.testing.assert_array_equal(
            copy(argument(name)).numpy(), transform(argument(name)).numpy()
        )
        np.testing.assert_array_equal(
            transform.with_cache()(argument(name)).numpy(), transform(argument(name)).numpy()
        )


def test_signs_equality_and_words():
    assert D.AffineTransform(0.0, -2.0).sign == -1 and D.ExpTransform().inv.sign == 1
    assert D.ComposeTransform([D.AffineTransform(0.0, -2.0), D.ExpTransform()]).sign == -1
    with pytest.raises(NotImplementedError):
        D.AbsTransform().sign
    assert D.AffineTransform(0.0, tensor(1.0)) == D.AffineTransform(0.0, 1.0)
    assert D.AffineTransform(0.0, 2.0) != D.AffineTransform(0.0, 1.0)
    assert D.ExpTransform().inv == D.ExpTransform().inv and D.ExpTransform() != D.TanhTransform()
    assert repr(D.ComposeTransform([D.ExpTransform(), D.TanhTransform()])) == (
        "ComposeTransform(\n    ExpTransform(),\n    TanhTransform()\n)"
    )
    assert repr(D.ExpTransform().inv) == "_InverseTransform(ExpTransform())"
    assert (
        repr(D.IndependentTransform(D.ExpTransform(), 2))
        == "IndependentTransform(ExpTransform(), 2)"
    )
    assert transforms.ExpTransform is D.ExpTransform and D.identity_transform(3) == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: D.ReshapeTransform((2,), (3,)), "different numbers of elements"),
        (lambda: D.ReshapeTransform((2,), (1, 2)).forward_shape((3,)), "Shape mismatch"),
        (lambda: D.StickBreakingTransform().forward_shape(()), "Too few dimensions"),
        (
            lambda: D.IndependentTransform(D.ExpTransform(), 1)(cnn.tensor(1.0)),
            "Too few dimensions",
        ),
        (lambda: D.CorrCholeskyTransform().forward_shape((4,)), "flattened lower-diagonal"),
        (lambda: D.CorrCholeskyTransform().inverse_shape((3, 4)), "not square"),
        (
            lambda: (
                D.StickBreakingTransform().event_dim + D.ReshapeTransform((2,), (1, 2)).event_dim
            ),
            "either",
        ),
        (lambda: D.utils.vec_to_tril_matrix(cnn.ones(4)), "cannot be expressed as"),
        (lambda: D.utils.tril_matrix_to_vec(cnn.ones(3, 3), 3), "outside"),
    ],
)
def test_what_transforms_refuse(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("diag", [-2, -1, 0, 1, 2])
def test_triangles_and_vectors(diag):
    m = cnn.arange(32.0).reshape(2, 4, 4)
    vec = D.utils.tril_matrix_to_vec(m, diag)
    assert vec.shape == (2, len(np.tril_indices(4, diag)[0]))
    np.testing.assert_array_equal(
        D.utils.vec_to_tril_matrix(vec, diag).numpy(), m.tril(diag).numpy()
    )


# ---- Constraints ----

NAN = math.nan
CHECKED = [
    (constraints.real, [0.0, -math.inf, NAN], [True, True, False]),
    (constraints.positive, [0.0, 1.0, NAN], [False, True, False]),
    (constraints.nonnegative, [0.0, 1.0, -1.0], [True, True, False]),
    (constraints.greater_than(2), [2.0, 3.0], [False, True]),
    (constraints.greater_than_eq(2), [2.0, 1.0], [True, False]),
    (constraints.less_than(2), [2.0, 1.0], [False, True]),
    (constraints.unit_interval, [0.0, 1.0, 1.1], [True, True, False]),
    (constraints.half_open_interval(0.0, 1.0), [0.0, 1.0], [True, False]),
    (constraints.boolean, [0.0, 1.0, 0.5], [True, True, False]),
    (constraints.integer_interval(1, 3), [1.0, 2.5, 4.0], [True, False, False]),
    (constraints.nonnegative_integer, [0.0, -1.0, 0.5], [True, False, False]),
    (constraints.positive_integer, [0.0, 1.0], [False, True]),
    (constraints.simplex, [[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]], [True, False, False]),
    (constraints.one_hot, [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]], [True, False, False]),
    (constraints.multinomial(3), [[1.0, 2.0], [2.0, 2.0], [-1.0, 2.0]], [True, False, False]),
    (constraints.real_vector, [[1.0, 2.0], [NAN, 2.0]], [True, False]),
    (
        constraints.lower_triangular,
        [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 1.0], [0.0, 1.0]]],
        [True, False],
    ),
    (
        constraints.lower_cholesky,
        [[[1.0, 0.0], [2.0, 1.0]], [[1.0, 0.0], [2.0, -1.0]]],
        [True, False],
    ),
    (
        constraints.corr_cholesky,
        [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]],
        [True, False],
    ),
    (constraints.square, [[[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]]], [False, False]),
    (constraints.symmetric, [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [2.1, 1.0]]], [True, False]),
    (
        constraints.positive_definite,
        [[[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]],
        [True, False],
    ),
    (
        constraints.positive_semidefinite,
        [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]],
        [True, False],
    ),
    (
        constraints.cat([constraints.positive, constraints.real], 0, [1, 2]),
        [-1.0, -1.0, 0.0],
        [False, True, True],
    ),
    (constraints.stack([constraints.positive, constraints.real], 0), [-1.0, -1.0], [False, True]),
    (constraints.MixtureSameFamilyConstraint(constraints.positive), [1.0, -1.0], [True, False]),
]


@pytest.mark.parametrize(("constraint", "value", "expected"), CHECKED, ids=lambda v: repr(v)[:30])
def test_constraints(constraint, value, expected):
    value = cnn.tensor(value, dtype=F64)
    assert constraint.check(value).tolist() == expected
    assert value.dim() == 1 + constraint.event_dim
    assert not constraints.is_dependent(constraint)


def test_dependent_constraints():
    with pytest.raises(ValueError, match="dependent"):
        constraints.dependent.check(cnn.ones(1))
    with pytest.raises(NotImplementedError, match="statically"):
        constraints.dependent.event_dim
    assert constraints.dependent(is_discrete=True, event_dim=1).event_dim == 1
    assert constraints.is_dependent(D.Uniform.support) and D.Uniform.support.event_dim == 0
    assert constraints.independent(constraints.boolean, 1).is_discrete
    with pytest.raises(ValueError, match=r"value.dim\(\) >= 2"):
        constraints.independent(constraints.real, 2).check(cnn.ones(1))


REGISTERED = [
    constraints.real, constraints.real_vector, constraints.positive, constraints.nonnegative,
    constraints.greater_than(2.0), constraints.greater_than_eq(2.0), constraints.less_than(-1.0),
    constraints.unit_interval, constraints.interval(-1.0, 3.0),
    constraints.half_open_interval(-1.0, 3.0), constraints.simplex, constraints.corr_cholesky,
    constraints.stack([constraints.positive, constraints.real, constraints.unit_interval], -1),
    constraints.cat([constraints.positive, constraints.real], -1, [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize("constraint", REGISTERED, ids=repr)
def test_real_numbers_become_what_satisfies_a_constraint(constraint):
    x = tensor([0.3, -0.7, 1.1], [0.2, 0.4, -5.5])
    for registry in (biject_to, transform_to):
        t = registry(constraint)
        assert constraint.check(t(x)).all()
    t = biject_to(constraint)
    np.testing.assert_allclose(t.inv(t(x)).numpy(), x.numpy(), rtol=1e-6)


def test_registering():
    class Even(constraints.Constraint):
        pass

    with pytest.raises(NotImplementedError, match="Cannot transform Even constraints"):
        biject_to(Even())
    registry = D.constraint_registry.ConstraintRegistry()

    @registry.register(Even)
    def factory(constraint):
        return D.AffineTransform(0.0, 2.0)

    assert registry(Even()) == D.AffineTransform(0.0, 2.0)
    with pytest.raises(TypeError, match="Constraint subclass or instance"):
        registry.register(3, factory)
    with pytest.raises(NotImplementedError):
        biject_to(constraints.lower_cholesky)
    matrix = transform_to(constraints.positive_definite)(cnn.randn(3, 3))
    assert constraints.positive_definite.check(matrix)
