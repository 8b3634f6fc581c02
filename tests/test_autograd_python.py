"""The Python side of autograd: modes, custom functions, gradcheck, functional products,
checkpointing; testing, random.
"""

from __future__ import annotations

import math
import warnings

import pytest

import cnn
from cnn import autograd
from cnn.autograd import functional
from cnn.autograd.function import InplaceFunction, once_differentiable
from cnn.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

F64 = cnn.float64


def leaf(*values):
    return cnn.tensor(values, dtype=F64, requires_grad=True)


def near(a, b, tolerance=1e-9):
    assert a.shape == b.shape and (a - b).abs().max().item() <= tolerance


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


# Functions ----------------------------------------------------------------------------------------


class Square(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class WrongSquare(Square):
    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return x * grad


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


# gradcheck ----------------------------------------------------------------------------------------


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


# Checkpoint ---------------------------------------------------------------------------------------


class Net:
    """A function with parameters, randomness, and a count of its calls."""

    def __init__(self):
        cnn.manual_seed(1)
        self.weight = cnn.randn(4, 4, dtype=F64).requires_grad_()
        self.calls = 0

    def __call__(self, x, scale=1.0):
        self.calls += 1
        noise = cnn.rand(x.shape, dtype=F64)
        return cnn.tanh(x @ self.weight) * noise * scale + cnn.sigmoid(x)


def gradients(net, function):
    """Result, gradients, and the next random number."""
    cnn.manual_seed(5)
    net.weight.grad = None
    x = cnn.linspace(-1, 1, 12, dtype=F64).view(3, 4).requires_grad_()
    y = function(x)
    following = cnn.rand(1, dtype=F64)
    y.sin().sum().backward()
    return y.detach(), x.grad, net.weight.grad, following


def agree(net, function, plain):
    for a, b in zip(gradients(net, function), gradients(net, plain)):
        near(a, b)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpoint_gives_the_same(use_reentrant):
    net = Net()
    agree(net, lambda x: checkpoint(net, x, use_reentrant=use_reentrant), net)
    assert net.calls == 3


def test_checkpoint_saves_nothing_but_its_inputs():
    saved = []
    net = Net()
    x = cnn.ones(3, 4, dtype=F64, requires_grad=True)
    with autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.shape) or t, lambda t: t):
        checkpoint(net, x, use_reentrant=False)
    assert saved == [x.shape]


def test_nested_checkpoints():
    net = Net()

    def inner(x):
        return checkpoint(net, x, use_reentrant=False).relu()

    def nested(x):
        return checkpoint(net, checkpoint(inner, x, use_reentrant=False), use_reentrant=False)

    def around(x):
        return checkpoint(nested, x, use_reentrant=False)

    def plain(x):
        return net(net(x).relu())

    agree(net, nested, plain)
    agree(net, around, plain)


def test_checkpoint_with_keywords_and_twice_backward():
    net = Net()
    agree(net, lambda x: checkpoint(net, x, use_reentrant=False, scale=2.0), lambda x: net(x, 2.0))
    x = cnn.ones(3, 4, dtype=F64, requires_grad=True)
    y = checkpoint(net, x, use_reentrant=False).sum()
    first = autograd.grad(y, x, retain_graph=True)[0]
    near(first, autograd.grad(y, x)[0])
    with set_checkpoint_early_stop(False):
        agree(net, lambda x: checkpoint(net, x, use_reentrant=False), net)


def test_second_order_through_a_checkpoint():
    net = Net()

    def curvature(function):
        cnn.manual_seed(5)
        x = cnn.linspace(-1, 1, 12, dtype=F64).view(3, 4).requires_grad_()
        (g,) = autograd.grad(function(x).pow(3).sum(), x, create_graph=True)
        return autograd.grad(g.pow(2).sum(), x)[0]

    near(curvature(lambda x: checkpoint(net, x, use_reentrant=False)), curvature(net))


def test_checkpoint_notices_a_changed_function():
    calls = []

    def shrinking(x):
        calls.append(1)
        part = x[len(calls) :]
        return (part * part).exp()

    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(shrinking, leaf(1.0, 2.0, 3.0), use_reentrant=False).sum().backward()

    def shorter(x):
        calls.append(1)
        return x.exp().exp() if len(calls) == 1 else x.exp()

    calls.clear()
    with pytest.raises(CheckpointError, match="different number of tensors"):
        checkpoint(shorter, leaf(1.0), use_reentrant=False).sum().backward()


def test_checkpoint_sequential():
    net = Net()
    parts = [net, cnn.relu, net]
    for use_reentrant in (True, False):
        agree(
            net,
            lambda x, mode=use_reentrant: checkpoint_sequential(parts, 2, x, use_reentrant=mode),
            lambda x: net(cnn.relu(net(x))),
        )
    with pytest.raises(ValueError, match="segments=4"):
        checkpoint_sequential(parts, 4, cnn.ones(1), use_reentrant=False)


def test_arguments_of_checkpoint():
    x = leaf(1.0)
    with pytest.warns(UserWarning, match="use_reentrant parameter"):
        checkpoint(cnn.exp, x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: k"):
        checkpoint(cnn.exp, x, use_reentrant=True, k=1)
    with cnn.no_grad():
        assert not checkpoint(cnn.exp, x, use_reentrant=False).requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint(cnn.exp, x, use_reentrant=False).requires_grad


# testing and random -------------------------------------------------------------------------------


def message(*args, **options):
    with pytest.raises((AssertionError, TypeError, ValueError)) as caught:
        cnn.testing.assert_close(*args, **options)
    return f"{caught.type.__name__}: {caught.value}"


def test_assert_close_accepts():
    close = cnn.testing.assert_close
    close(cnn.ones(2), cnn.ones(2) + 1e-7)
    close({"a": [1.0, cnn.ones(2)], "b": None}, {"b": None, "a": (1.0, cnn.ones(2))})
    close(cnn.tensor([math.nan]), cnn.tensor([math.nan]), equal_nan=True)
    close(cnn.ones(2), cnn.ones(2, dtype=F64), check_dtype=False)
    close(cnn.nn.Parameter(cnn.ones(2)), cnn.ones(2))
    close(1, 1.0, check_dtype=False)


def test_assert_close_messages():
    a, b = cnn.tensor([1.0, 2.0, 3.0]), cnn.tensor([1.0, 4.0, 5.0])
    assert message(a, b) == (
        "AssertionError: Tensor-likes are not close!\n\nMismatched elements: 2 / 3 (66.7%)\n"
        "Greatest absolute difference: 2.0 at index (1,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.5 at index (1,) (up to 1.3e-06 allowed)"
    )
    assert message(cnn.tensor(1), cnn.tensor(2)) == (
        "AssertionError: Scalars are not equal!\n\nExpected 2 but got 1.\n"
        "Absolute difference: 1\nRelative difference: 0.5"
    )
    assert message([a], [a, a]) == "AssertionError: The length of the sequences mismatch: 1 != 2"
    assert message({"k": [1, a]}, {"k": [1, b]}).endswith("The failure occurred for item ['k'][1]")
    assert message(a, cnn.ones(2)).endswith(
        "attribute 'shape' do not match: torch.Size([3]) != torch.Size([2])."
    )
    assert message(a, a.to(F64)).endswith(
        "attribute 'dtype' do not match: torch.float32 != torch.float64."
    )
    assert message(None, a).startswith("AssertionError: None mismatch")
    assert message("a", a).startswith(
        "TypeError: No comparison pair was able to handle inputs of type"
    )
    assert message(a, b, rtol=1e-3).startswith(
        "ValueError: Both 'rtol' and 'atol' must be either specified"
    )
    assert message(a, b, msg="words") == "AssertionError: words"
    assert message(a, b, msg=lambda text: "head " + text).startswith(
        "AssertionError: head Tensor-likes"
    )


@pytest.mark.parametrize("name", ["float32", "float16", "int8", "uint8", "int64", "bool"])
def test_make_tensor(name):
    dtype = getattr(cnn, name)
    x = cnn.testing.make_tensor((40, 5), dtype=dtype, device="cpu")
    assert x.shape == (40, 5) and x.dtype == dtype and -9 <= x.min().item() and x.max().item() <= 9
    strided = cnn.testing.make_tensor(4, 6, dtype=dtype, device="cpu", noncontiguous=True)
    assert not strided.is_contiguous() and strided.shape == (4, 6)
    assert cnn.testing.make_tensor((99,), dtype=dtype, device="cpu", exclude_zero=True).ne(0).all()
    with pytest.raises(ValueError, match="`low` must be less than `high`"):
        cnn.testing.make_tensor((2,), dtype=dtype, device="cpu", low=1, high=0)


def test_random_state():
    cnn.manual_seed(3)
    assert cnn.initial_seed() == 3
    state = cnn.get_rng_state()
    first = cnn.rand(5)
    cnn.set_rng_state(state)
    assert cnn.equal(cnn.rand(5), first)
    cnn.set_rng_state(state)
    with cnn.random.fork_rng():
        cnn.rand(100)
        cnn.manual_seed(0)
    assert cnn.equal(cnn.rand(5), first)
    assert cnn.seed() == cnn.initial_seed() != 3


def test_seed_range():
    cnn.manual_seed(-1)
    assert cnn.initial_seed() == 2**64 - 1
    for wrong in (2**64, -(2**63) - 1):
        with pytest.raises((RuntimeError, ValueError)):
            cnn.manual_seed(wrong)


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
