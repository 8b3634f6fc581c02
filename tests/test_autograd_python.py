"""The Python side of autograd: modes, backward and grad, custom functions."""

from __future__ import annotations

import pytest

import cnn
from cnn import autograd
from cnn.autograd.function import InplaceFunction, once_differentiable
from gradients import F64, Square, leaf

# Modes --------------------------------------------------------------------------------------------


def test_modes_nest_and_end():
    assert cnn.is_grad_enabled()
    with cnn.no_grad():
        assert not cnn.is_grad_enabled()
        with cnn.enable_grad():
            assert cnn.is_grad_enabled()
        assert not cnn.is_grad_enabled()
    with pytest.raises(ValueError), cnn.no_grad():
        raise ValueError
    assert cnn.is_grad_enabled()
    with cnn.inference_mode():
        assert not cnn.is_grad_enabled() and cnn.is_inference_mode_enabled()
        with cnn.inference_mode(False):
            assert cnn.is_grad_enabled() and not cnn.is_inference_mode_enabled()
    assert cnn.is_grad_enabled() and not cnn.is_inference_mode_enabled()


def test_set_grad_enabled_acts_at_once():
    with cnn.set_grad_enabled(False):
        assert not cnn.is_grad_enabled()
    cnn.set_grad_enabled(False)
    try:
        assert not cnn.is_grad_enabled()
    finally:
        cnn.set_grad_enabled(True)

    @cnn.set_grad_enabled(False)
    def function():
        return cnn.is_grad_enabled()

    assert cnn.is_grad_enabled() and not function() and cnn.is_grad_enabled()


@pytest.mark.parametrize(
    "mode", [cnn.no_grad, cnn.no_grad(), cnn.inference_mode, cnn.inference_mode()]
)
def test_decorators(mode):
    @mode
    def function(a, b=2):
        """Words."""
        return a + b, cnn.is_grad_enabled()

    assert (
        function(1) == (3, False)
        and function.__doc__ == "Words."
        and function.__name__ == "function"
    )
    assert cnn.is_grad_enabled()


def test_decorated_generator():
    ended = []

    @cnn.no_grad()
    def generator():
        try:
            got = yield cnn.is_grad_enabled()
            try:
                yield got, cnn.is_grad_enabled()
            except KeyError:
                yield "caught", cnn.is_grad_enabled()
            return "result"
        finally:
            ended.append(cnn.is_grad_enabled())

    it = generator()
    assert next(it) is False and cnn.is_grad_enabled()
    assert it.send(5) == (5, False) and cnn.is_grad_enabled()
    assert it.throw(KeyError()) == ("caught", False)
    with pytest.raises(StopIteration) as stop:
        next(it)
    assert stop.value.value == "result" and ended == [False]
    it = generator()
    next(it)
    it.close()
    assert ended == [False, False] and cnn.is_grad_enabled()


# backward and grad --------------------------------------------------------------------------------


def test_grad_of_unused_inputs():
    a, b = leaf(1.0, 2.0), leaf(3.0)
    y = (a * a).sum()
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        autograd.grad(y, [a, b])
    y = (a * a).sum()
    result = autograd.grad(y, {"a": a, "b": b}, allow_unused=True)
    assert result["a"].tolist() == [2, 4] and result["b"] is None and a.grad is None
    assert autograd.grad((a * a).sum(), [a, b], materialize_grads=True)[1].tolist() == [0]


def test_batched_grad_outputs():
    a = leaf(1.0, 2.0)
    (rows,) = autograd.grad(a * a, a, cnn.eye(2, dtype=F64), is_grads_batched=True)
    assert rows.tolist() == [[2, 0], [0, 4]]
    for wrong in (cnn.tensor(1.0, dtype=F64), None):
        with pytest.raises(ValueError, match="the same first dimension"):
            autograd.grad((a * a).sum(), a, wrong, is_grads_batched=True)


@pytest.mark.parametrize(
    "call, kind, text",
    [
        (
            lambda a: autograd.backward(a * a),
            RuntimeError,
            "implicitly created only for scalar outputs",
        ),
        (lambda a: autograd.grad(a.sum(), ()), RuntimeError, "cannot be empty"),
        (lambda a: autograd.backward(a.sum(), inputs=[]), RuntimeError, "cannot be empty"),
        (
            lambda a: autograd.backward(a * a, cnn.ones(3)),
            RuntimeError,
            "Mismatch in shape: grad_output",
        ),
        (
            lambda a: autograd.backward(a.detach().sum()),
            RuntimeError,
            "does not require grad and does not have",
        ),
        (
            lambda a: autograd.backward([a * a], [2.0]),
            TypeError,
            "gradients can be either Tensors or None",
        ),
        (
            lambda a: autograd.grad(a.sum(), a, materialize_grads=True, allow_unused=False),
            ValueError,
            "allow_unused",
        ),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call(leaf(1.0, 2.0))


def test_variable():
    x = autograd.Variable(cnn.ones(2), requires_grad=True)
    assert x.requires_grad and isinstance(x, autograd.Variable) and type(x) is cnn.Tensor
    with pytest.raises(TypeError, match="Variable data has to be a tensor"):
        autograd.Variable(3)


def test_a_gradient_that_others_hold_is_not_written_over():
    x = cnn.tensor([1.0, -1.0, 2.0], requires_grad=True)
    seen = []
    y = (x * 1).relu()
    y.register_hook(seen.append)
    y.retain_grad()
    given = cnn.tensor([3.0, 4.0, 5.0])
    (y + 0).backward(given)
    assert x.grad.tolist() == [3.0, 0.0, 5.0]
    assert given.tolist() == seen[0].tolist() == y.grad.tolist() == [3.0, 4.0, 5.0]


def test_gradients_between_edges_of_the_graph():
    class Triple(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * 3

    edge_of = cnn.autograd.graph.get_gradient_edge
    x = cnn.tensor([1.0, 2.0], requires_grad=True)
    y = Triple.apply(x)
    z = y * y
    leaf, middle, end = edge_of(x), edge_of(y), edge_of(z)
    g = cnn.tensor([1.0, 10.0])
    assert cnn.autograd.grad(end, (middle, leaf), g, retain_graph=True)[0].tolist() == [6, 120]
    assert cnn.autograd.grad(z, leaf, g, retain_graph=True)[0].tolist() == [18, 360]
    assert cnn.autograd.grad([middle], [x], [g], retain_graph=True)[0].tolist() == [3, 30]
    cnn.autograd.backward(end, g, inputs=[leaf])
    assert x.grad.tolist() == [18, 360]
    with pytest.raises(RuntimeError, match="scalar outputs"):
        cnn.autograd.grad(end, x)
    with pytest.raises(IndexError, match="has no output 4"):
        cnn.autograd.grad(cnn.autograd.graph.GradientEdge(z.grad_fn, 4), x, g)


# Functions ----------------------------------------------------------------------------------------


class SquareOnce(Square):
    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        assert not cnn.is_grad_enabled()
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class Power(autograd.Function):
    @staticmethod
    def forward(x, exponent=3):
        return x**exponent

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.exponent = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def vjp(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ctx.exponent * x ** (ctx.exponent - 1), None


def test_custom_functions():
    x = leaf(1.0, -2.0)
    assert autograd.gradcheck(Square.apply, x) and autograd.gradgradcheck(Square.apply, x)
    assert autograd.gradcheck(Power.apply, x)
    assert autograd.gradcheck(lambda x: Power.apply(x, exponent=2), x)
    assert Square.apply(x).grad_fn.name() == "SquareBackward"


def test_once_differentiable():
    x = leaf(1.0, -2.0)
    assert autograd.gradcheck(SquareOnce.apply, x)
    (gradient,) = autograd.grad(SquareOnce.apply(x).pow(2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="marked with @once_differentiable"):
        gradient.sum().backward()


def test_misuse_of_functions():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        function = Square()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        function(cnn.ones(2))
    with pytest.raises(NotImplementedError, match="must implement the forward function"):
        autograd.Function.apply(leaf(1.0))
    assert InplaceFunction(inplace=True).inplace
    with pytest.raises(RuntimeError, match="both 'backward' and 'vjp'"):

        class Both(autograd.Function):
            @staticmethod
            def backward(ctx, grad):
                return grad

            @staticmethod
            def vjp(ctx, grad):
                return grad
