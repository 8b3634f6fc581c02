"""Custom Functions, hooks, nodes and saved-tensor hooks."""

from __future__ import annotations

import pytest

import cnn
from cnn.autograd import Function


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor, note=None):
        y = x * factor
        ctx.save_for_backward(x, y)
        ctx.factor = factor
        return y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        assert y.tolist() == (x * ctx.factor).tolist()
        assert ctx.needs_input_grad[0]
        return grad * ctx.factor, None, None


def leaf(*values):
    return cnn.tensor(values, requires_grad=True)


def test_function_runs_and_shows_its_node():
    x = leaf(1.0, 2.0)
    y = Scale.apply(x, 3.0)
    node = y.grad_fn
    assert node.name() == "ScaleBackward" and type(node).__name__ == "ScaleBackward"
    assert repr(node).startswith("<torch.autograd.function.ScaleBackward object at")
    assert node is y.grad_fn and node.next_functions[0][0].variable is x
    assert node.factor == 3.0 and node.metadata == {}
    assert [t.tolist() for t in node.saved_tensors] == [[1, 2], [3, 6]]
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        node.saved_tensors
    assert not Scale.apply(cnn.ones(1), 2.0).requires_grad
    with cnn.no_grad():
        assert Scale.apply(x, 2.0).grad_fn is None


def test_second_order():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    x = leaf(2.0)
    (g,) = cnn.autograd.grad(Cube.apply(x), x, create_graph=True)
    (gg,) = cnn.autograd.grad(g, x)
    assert g.item() == 12 and gg.item() == 12


def test_several_outputs_and_missing_gradients():
    seen = []

    class Pair(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.set_materialize_grads(False)
            return a + b, a - b, "text"

        @staticmethod
        def backward(ctx, first, second, third):
            seen.append((first, second, third))
            return first, first

    class Zeros(Pair):
        @staticmethod
        def forward(ctx, a, b):
            return a + b, a - b, "text"

    a, b = leaf(1.0), leaf(2.0)
    for function in (Pair, Zeros):
        plus, minus, text = function.apply(a, b)
        assert text == "text" and plus.grad_fn is minus.grad_fn and minus.output_nr == 1
        plus.sum().backward()
    assert seen[0][1:] == (None, None)
    assert seen[1][1].tolist() == [0] and seen[1][2] is None
    assert a.grad.tolist() == [2]


def test_marks():
    class InPlace(Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    x = leaf(1.0)
    y = x * 1
    assert InPlace.apply(y) is y and y.grad_fn.name() == "InPlaceBackward"
    y.sum().backward()
    assert x.grad.tolist() == [5]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        InPlace.apply(x)

    class Index(Function):
        @staticmethod
        def forward(ctx, x):
            positions = x * 2
            ctx.mark_non_differentiable(positions)
            return x * 1, positions

        @staticmethod
        def backward(ctx, grad, other):
            return grad

    y, positions = Index.apply(leaf(1.0))
    assert y.requires_grad and not positions.requires_grad

    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 7

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == [7]


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        (lambda g: (g, g), RuntimeError, r"incorrect number of gradients \(expected 2, got 3\)"),
        (lambda g: (g,), RuntimeError, ""),
        (lambda g: "x", RuntimeError, r"expected Variable or None \(got str\)"),
        (lambda g: (1, None), RuntimeError, r"expected Variable or None \(got int\)"),
        (lambda g: (g, g * 1, None), RuntimeError, "different from None at position 2"),
        (lambda g: cnn.ones(7), RuntimeError, "shape"),
    ],
)
def test_bad_gradients(result, error, text):
    class Bad(Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * k

        @staticmethod
        def backward(ctx, grad):
            made = result(grad)
            if isinstance(made, tuple) and len(made) == 2 and made[1] is not None:
                return (*made, made[0])
            return made if isinstance(made, tuple) else (made, None)

    x = leaf(1.0, 2.0)
    y = Bad.apply(x, 2.0).sum()
    if text == "":
        with pytest.raises(error):
            y.backward()
        return
    with pytest.raises(error, match=text):
        y.backward()
    assert x.grad is None


def test_exceptions_pass_through():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x, when):
            if when == "forward":
                raise KeyError("forward")
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise KeyError("backward")

    x = leaf(1.0)
    with pytest.raises(KeyError, match="forward"):
        Fails.apply(x, "forward")
    assert cnn.is_grad_enabled()
    with pytest.raises(KeyError, match="backward"):
        Fails.apply(x, "backward").sum().backward()
    with pytest.raises(TypeError, match="save_for_backward can only save variables"):

        class Saves(Scale):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(3)
                return x * 1

        Saves.apply(x)

    class Half(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="You must implement either the backward"):
        Half.apply(x).sum().backward()


def test_setup_context_and_once_differentiable():
    class Square(Function):
        @staticmethod
        def forward(x, power=2):
            return x**power

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.power = inputs[1]

        @staticmethod
        @cnn.autograd.function.once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * ctx.power * x ** (ctx.power - 1), None

    x = cnn.tensor(3.0, requires_grad=True)
    Square.apply(x).backward()
    assert x.grad.item() == 6
    one = leaf(1.0)
    (g,) = cnn.autograd.grad(Square.apply(x), x, one[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


# Hooks --------------------------------------------------------------------------------------------


def test_tensor_hooks():
    x, seen = leaf(1.0, 2.0), []
    handle = x.register_hook(lambda grad: seen.append(grad.tolist()) or grad * 2)
    later = x.register_hook(lambda grad: seen.append(grad.tolist()))
    assert list(x._backward_hooks) == [handle.id, later.id]
    (x * 3).sum().backward()
    assert seen == [[3, 3], [6, 6]] and x.grad.tolist() == [6, 6]
    handle.remove()
    handle.remove()
    with later:
        (x * 3).sum().backward()
    assert x._backward_hooks is None and x.grad.tolist() == [9, 9]
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        cnn.ones(1).register_hook(print)
    y = x * 1
    y.register_hook(lambda grad: 3)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
        y.sum().backward()


def test_hooks_on_nodes_and_after_accumulation():
    x, seen = leaf(1.0), []
    y = x * 2
    y.retain_grad()
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 10,))
    y.grad_fn.register_hook(
        lambda inputs, outputs: seen.append((inputs[0].item(), outputs[0].item()))
    )
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.item())))
    y.sum().backward()
    assert seen == [(20, 10), (True, 20)] and y.retains_grad and y.grad.tolist() == [1]
    handle.remove()
    # One that is called by number comes after all others, whenever they were registered.
    order = []
    last = cnn._C._call_when_added(x, order.append, 7)
    x.register_post_accumulate_grad_hook(lambda t: order.append("first"))
    (x * 2).sum().backward()
    last.remove()
    (x * 2).sum().backward()
    assert order == ["first", 7, "first"]
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        y.register_post_accumulate_grad_hook(print)


def test_callbacks_at_the_end_of_backward():
    x, seen = leaf(1.0), []
    engine = cnn.autograd.Variable._execution_engine

    def at_end():
        seen.append(("end", x.grad.item(), cnn.is_grad_enabled()))
        if len(seen) == 2:
            engine.queue_callback(lambda: seen.append("added"))

    x.register_hook(lambda grad: engine.queue_callback(at_end))
    y = x * 2
    y.register_hook(lambda grad: seen.append("first"))
    y.backward()
    assert seen == ["first", ("end", 2, False), "added"]
    # A backward inside a backward has an end of its own.
    inner, seen = leaf(1.0), []
    x = leaf(1.0)

    def run_inner(grad):
        engine.queue_callback(lambda: seen.append("outer"))
        inner.register_hook(lambda grad: engine.queue_callback(lambda: seen.append("inner")))
        with cnn.enable_grad():
            (inner * 3).backward()
        seen.append("between")

    y = x * 2
    y.register_hook(run_inner)
    y.backward()
    assert seen == ["inner", "between", "outer"]

    # One that is asked for inside may wait for the end of the outermost.
    def wait_for_outer(grad):
        cnn._C._queue_callback(lambda: seen.append("outermost"), True)

    inner, seen = leaf(1.0), []
    inner.register_hook(wait_for_outer)
    x = leaf(1.0)
    y = x * 2
    y.register_hook(run_inner)
    y.backward()
    assert seen == ["inner", "between", "outer", "outermost"]

    # However deep: runs beyond some depth have stacks of their own.
    def nest(depth):
        def hook(grad):
            if depth:
                nest(depth - 1)
            else:
                wait_for_outer(grad)

        x = leaf(1.0)
        x.register_hook(hook)
        with cnn.enable_grad():
            (x * 2).backward()
        seen.append(depth)

    seen = []
    nest(95)
    assert seen == [*range(95), "outermost", 95]
    with pytest.raises(RuntimeError, match="can only be installed during backward pass"):
        engine.queue_callback(print)
    with pytest.raises(TypeError, match="expected a function"):
        engine.queue_callback(3)

    def fail():
        raise KeyError("at the end")

    z = leaf(1.0)
    z.register_hook(lambda grad: engine.queue_callback(fail))
    with pytest.raises(KeyError, match="at the end"):
        (z * 2).backward()
    assert z.grad.item() == 2


def test_which_leaves_backward_would_reach():
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    y, z = a * b, b.detach() * c
    reached = cnn._C._leaves_reached
    assert reached([y], [a, b, c]) == [True, True, False]
    assert reached([z, c], [a, b, c]) == [False, False, True]
    assert reached([], [a]) == [False] and reached([a], [a]) == [True]


def test_saved_tensors_hooks():
    packed = []

    def pack(x):
        packed.append(x.tolist())
        return ("packed", x)

    x = leaf(2.0, 3.0)
    with cnn.autograd.graph.saved_tensors_hooks(pack, lambda pair: pair[1] * 10):
        y = x * x
    y.sum().backward()
    assert packed == [[2, 3], [2, 3]] and x.grad.tolist() == [40, 60]
    with cnn.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: 3):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor"):
        y.sum().backward()


def test_anomaly_mode_names_the_forward():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("broken")

    x = leaf(1.0)
    with (
        pytest.warns(UserWarning, match="Error detected in FailsBackward"),
        pytest.raises(RuntimeError),
    ):
        with cnn.autograd.detect_anomaly():
            Fails.apply(x).sum().backward()
