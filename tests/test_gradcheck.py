"""gradcheck, and the products with Jacobians of autograd.functional."""

from __future__ import annotations

import pytest

import cnn
from cnn import autograd
from cnn.autograd import functional
from gradients import F64, Square, leaf


class WrongSquare(Square):
    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return x * grad


def test_gradcheck_finds_wrong_gradients():
    x = leaf(1.0, -2.0)
    with pytest.raises(
        autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"
    ):
        autograd.gradcheck(WrongSquare.apply, (x,))
    assert autograd.gradcheck(WrongSquare.apply, (x,), raise_exception=False) is False


def test_gradcheck_of_several():
    x, y = leaf(0.5, 1.5), leaf(2.0)

    def function(x, y, k):
        return x.exp() * y * k, (x * y).sum(), x > 1

    assert autograd.gradcheck(function, (x, y, 3)) and autograd.gradgradcheck(function, (x, y, 3))
    assert x.tolist() == [0.5, 1.5]


class Constant(Square):
    @staticmethod
    def backward(ctx, grad):
        return cnn.ones_like(grad)


class Unaware(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    @staticmethod
    def backward(ctx, a, b):
        return a + 2 * b


def test_gradcheck_finds_other_faults():
    with pytest.raises(autograd.GradcheckError):
        autograd.gradcheck(Constant.apply, leaf(0.5))  # 2 x = 1: right there, but not linear
    with pytest.raises((autograd.GradcheckError, TypeError)):
        autograd.gradcheck(Unaware.apply, leaf(0.5))
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        autograd.gradcheck(lambda x: x, cnn.ones(2))
    with pytest.raises(RuntimeError, match="dimension with stride 0"):
        autograd.gradcheck(lambda x: x, cnn.ones(1, dtype=F64).expand(3).requires_grad_())
    with pytest.warns(UserWarning, match="not a double precision"):
        autograd.gradcheck(lambda x: 2 * x, cnn.ones(1, requires_grad=True), atol=1e-1, eps=1e-2)
    with pytest.raises(NotImplementedError, match="check_forward_ad"):
        autograd.gradcheck(lambda x: x, leaf(1.0), check_forward_ad=True)


# Products with Jacobians --------------------------------------------------------------------------


def two(x, y):
    """Outputs of shapes [1] and [2]; Jacobians are easily written down."""
    return x.prod() * y, x * x


def test_jacobian_and_products():
    x, y = leaf(2.0, 3.0), leaf(5.0)
    jacobian = functional.jacobian(two, (x, y))
    expected = (([[15, 10]], [[6]]), ([[4, 0], [0, 6]], [[0], [0]]))
    assert [[m.tolist() for m in row] for row in jacobian] == [list(row) for row in expected]
    outputs, product = functional.vjp(two, (x, y), (leaf(1.0), leaf(1.0, 2.0)))
    assert [p.tolist() for p in product] == [[19, 22], [6]] and outputs[0].tolist() == [30]
    outputs, product = functional.jvp(two, (x, y), (leaf(1.0, -1.0), leaf(2.0)))
    assert [p.tolist() for p in product] == [[17], [4, -6]] and not product[0].requires_grad
    assert functional.jacobian(lambda x: x.sum(), x).tolist() == [1, 1]


def test_hessian_and_products():
    x = leaf(2.0, 3.0)

    def function(x):
        return x[0] ** 3 * x[1]

    hessian = [[36, 12], [12, 0]]
    assert functional.hessian(function, x).tolist() == hessian
    v = leaf(1.0, 2.0)
    expected = [60, 12]
    assert functional.vhp(function, x, v)[1].tolist() == expected
    assert functional.hvp(function, x, v)[1].tolist() == expected
    assert functional.hvp(function, x, v, create_graph=True)[1].requires_grad


@pytest.mark.parametrize(
    "call, kind, text",
    [
        (lambda x: functional.vjp(lambda x: x, x), RuntimeError, "vector v can only be None"),
        (lambda x: functional.vjp(lambda x: x, x, leaf(1.0)), RuntimeError, "v has invalid size"),
        (
            lambda x: functional.vjp(lambda x: 3, x),
            TypeError,
            "outputs of the user-provided function given to vjp",
        ),
        (lambda x: functional.jacobian(lambda x: x, [x]), TypeError, "inputs given to jacobian"),
        (
            lambda x: functional.hessian(lambda x: x, x),
            RuntimeError,
            "should contain a single element",
        ),
        (lambda x: functional.jacobian(lambda y: x, x, strict=True), RuntimeError, "strict mode"),
        (
            lambda x: functional.jacobian(lambda x: x, x, strategy="forward-mode"),
            NotImplementedError,
            "reverse-mode",
        ),
    ],
)
def test_errors_of_functional(call, kind, text):
    with pytest.raises(kind, match=text):
        call(leaf(1.0, 2.0))


def test_jacobians_one_by_one():
    from cnn.autograd.gradcheck import get_analytical_jacobian, get_numerical_jacobian

    x = cnn.tensor([[1.0, 2.0]], dtype=cnn.float64, requires_grad=True)
    w = cnn.tensor([[3.0], [4.0]], dtype=cnn.float64, requires_grad=True)
    unused = cnn.ones(1, dtype=cnn.float64)

    def function(inputs):
        a, b, _ = inputs
        return (a * a) @ b, a

    inputs = (x, w, unused)
    expected = [[[6.0], [16.0]], [[1.0], [4.0]]]
    for found, wanted in zip(get_numerical_jacobian(function, inputs), expected):
        assert cnn.allclose(found, cnn.tensor(wanted, dtype=cnn.float64), atol=1e-9)
    assert x.tolist() == [[1.0, 2.0]]
    jacobians, same, sizes_fit, dtypes_fit = get_analytical_jacobian(inputs, function(inputs)[0])
    assert [j.tolist() for j in jacobians] == expected and same and sizes_fit and dtypes_fit
    (only,) = get_numerical_jacobian(function, inputs, target=(w,))
    assert only.shape == (2, 1)
    with pytest.raises(ValueError, match="grad_out to be 1.0"):
        get_numerical_jacobian(function, inputs, grad_out=2.0)
