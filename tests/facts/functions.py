"""Custom autograd Functions, `__torch_function__`, module hooks."""

from __future__ import annotations

from facts import fact, raised
from facts.graph import leaf


def square(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    return Square


@fact([[9.0], [6.0], "SquareBackward"])
def a_function_is_applied(torch):
    x = leaf(torch, 3)
    y = square(torch).apply(x)
    y.sum().backward()
    return [y.tolist(), x.grad.tolist(), y.grad_fn.name().split("::")[-1]]


@fact([6.0, 2.0])
def a_function_is_differentiated_twice(torch):
    x = leaf(torch, 3)
    (g,) = torch.autograd.grad(square(torch).apply(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return [g.item(), h.item()]


@fact([(True, False), (None, None), [2.0]])
def needs_input_grad_and_none_gradients(torch):
    seen = []

    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, factor):
            ctx.factor = factor
            seen.append(tuple(ctx.needs_input_grad[:2]))
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None

    x, y = leaf(torch, 1), torch.ones(1)
    Scale.apply(x, y, 2.0).sum().backward()
    return [seen[0], (y.grad, None), x.grad.tolist()]


@fact([[5.0], True, 2])
def mark_dirty_returns_the_input(torch):
    class AddFour(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(4)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(torch, 1) * 1
    y = AddFour.apply(x)
    return [y.tolist(), y is x, x._version]


@fact([False, True, [1.0, 0.0]])
def mark_non_differentiable(torch):
    class Sorted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, places = x.max(0)
            ctx.mark_non_differentiable(places)
            ctx.place = places.item()
            return values, places

        @staticmethod
        def backward(ctx, g, unused):
            out = torch.zeros(2)
            out[ctx.place] = g
            return out

    x = leaf(torch, 2, 1)
    values, places = Sorted.apply(x)
    values.backward()
    return [places.requires_grad, values.requires_grad, x.grad.tolist()]


@fact(("RuntimeError", True))
def too_many_gradients_are_refused(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g, g

    y = Bad.apply(leaf(torch, 1)).sum()
    return raised(y.backward, "returned an incorrect number of gradients (expected 1, got 2)")


@fact(("RuntimeError", True))
def a_gradient_of_another_shape_is_refused(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return torch.ones(3)

    y = Bad.apply(leaf(torch, 1, 2)).sum()
    return raised(
        y.backward, "returned an invalid gradient at index 0 - got [3] but expected shape"
    )


@fact(("RuntimeError", True))
def once_differentiable_stops_at_the_first(torch):
    from importlib import import_module

    once = import_module(torch.__name__ + ".autograd.function").once_differentiable

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(torch, 3)
    (g,) = torch.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    return raised(lambda: g.sum().backward(), "does not require grad and does not have a grad_fn")


@fact(("RuntimeError", True))
def the_base_function_cannot_be_called(torch):
    return raised(
        lambda: square(torch)()(torch.ones(1)), "Legacy autograd function with non-static"
    )


@fact([["add", "mul"], True, True])
def torch_function_sees_every_call(torch):
    seen = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__.strip("_"))
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2).as_subclass(Watched)
    y = torch.add(x, 1)
    z = torch.mul(torch.ones(2), y)
    return [seen[:2], type(y) is Watched, type(z) is Watched]


@fact([3, [["add", (1, 2)], ["add", (5, 1)]]])
def torch_function_of_a_foreign_class(torch):
    class Length:
        def __init__(self, value):
            self.value = value

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            calls.append([func.__name__, tuple(getattr(a, "value", a) for a in args)])
            return sum(getattr(a, "value", a) for a in args)

    calls = []
    total = torch.add(Length(1), Length(2))
    torch.add(Length(5), 1)
    return [total, calls]


@fact(("TypeError", True))
def torch_function_may_decline(torch):
    class Shy:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    return raised(lambda: torch.add(Shy(), 1), "__torch_function__")


@fact([["pre", "forward", "after"], [6.0]])
def module_hooks_run_around_forward(torch):
    order = []

    class Double(torch.nn.Module):
        def forward(self, x):
            order.append("forward")
            return x * 2

    module = Double()

    def pre(module, args):
        order.append("pre")
        return (args[0] + 1,)

    def after(module, args, output):
        order.append("after")

    module.register_forward_pre_hook(pre)
    module.register_forward_hook(after)
    output = module(torch.tensor([2.0]))
    return [order, output.tolist()]


@fact([[[2.0, 2.0]], [[4.0]], [8.0, 8.0]])
def full_backward_hooks_see_and_change_gradients(torch):
    seen = []

    class Sum(torch.nn.Module):
        def forward(self, x):
            return (x * 2).sum().view(1)

    def hook(module, grad_input, grad_output):
        seen.append([grad_input[0].tolist(), grad_output[0].tolist()])
        return (grad_input[0] * 4,)

    module = Sum()
    module.register_full_backward_hook(hook)
    x = leaf(torch, 1, 1)
    module(x).backward(torch.ones(1))
    return [[seen[0][0]], [[4 * seen[0][1][0]]], x.grad.tolist()]
