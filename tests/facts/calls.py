"""Calls at the edge: tensors of no dimension or no element, numbers as tensors, odd dtypes."""

from __future__ import annotations

from facts import fact, raised
from facts.graph import leaf


@fact([[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4], [-2, -1, 0, 1, 2], [-6, -4], ("ValueError", True)])
def arange_of_fractions_in_integers(torch):
    """int64 is counted after the numbers are cut, narrower ones before."""
    return [
        torch.arange(0.5, 6.7, 1.5, dtype=torch.int64).tolist(),
        torch.arange(0.5, 6.7, 1.5, dtype=torch.int32).tolist(),
        torch.arange(-2.5, 3.7, dtype=torch.int64).tolist(),
        torch.arange(250, 254, 2, dtype=torch.int8).tolist(),
        raised(lambda: torch.arange(0, 5, 0.5, dtype=torch.int64), "step must be nonzero"),
    ]


@fact([[1.0, 2.0, 3.0], [1.0, 2.0], [1.0, 10.0], ("RuntimeError", True), ("RuntimeError", True)])
def linspace_between_tensors(torch):
    one, two = torch.tensor(1), torch.tensor(2.0, requires_grad=True)
    return [
        torch.linspace(one, 3, 3).tolist(),
        torch.linspace(one, two, 2).tolist(),
        torch.logspace(0, one, 2).tolist(),
        raised(lambda: torch.linspace(torch.ones(2), 1, 3), "0-dimensional start and end"),
        raised(lambda: torch.logspace(0, torch.ones(2), 3), "0-dimensional start and end"),
    ]


@fact(
    [[4.0, 8.0], [1.0, 8.0], ("RuntimeError", True), ("RuntimeError", True), ("RuntimeError", True)]
)
def powers_in_place(torch):
    return [
        torch.ones(2, dtype=torch.float16).ldexp_(torch.tensor([2, 3])).tolist(),
        torch.tensor([1.0, 2.0], dtype=torch.float64).float_power_(3).tolist(),
        raised(lambda: torch.ones(2, dtype=torch.int32).ldexp_(torch.tensor(2)), "desired output"),
        raised(lambda: torch.ones(2).float_power_(2), "requires dtype Double"),
        raised(lambda: torch.float_power(torch.ones(2), 2, out=torch.ones(2)), "requires dtype"),
    ]


@fact([[[0.0, 1.0], [3.0, 4.0]], (3, 1), [[2.0, 2.0, 0.0, 2.0, 2.0, 0.0], 1]])
def as_strided_in_place(torch):
    x = leaf(torch, 0, 1, 2, 3, 4, 5)
    y = x * 2
    version = y._version
    y.as_strided_((2, 2), (3, 1))
    y.sum().backward()
    z = torch.arange(6.0).as_strided_((2, 2), (3, 1))
    return [z.tolist(), z.stride(), [x.grad.tolist(), y._version - version]]


@fact([[4, 5], ("RuntimeError", True), ("RuntimeError", True)])
def narrow_from_a_tensor(torch):
    x = torch.arange(6)
    return [
        x.narrow(0, torch.tensor(-2), 2).tolist(),
        raised(lambda: x.narrow(0, torch.tensor([1]), 2), "0-dim integral"),
        raised(lambda: x.narrow(0, torch.tensor(1.0), 2), "0-dim integral"),
    ]


@fact([("IndexError", True), 1.0])
def a_number_has_no_dimension_to_roll(torch):
    return [
        raised(lambda: torch.tensor(1.0).roll(1, 0), "no dimensions"),
        torch.tensor(1.0).roll(1).item(),
    ]


@fact([("RuntimeError", True)] * 8 + [("TypeError", True)] * 2)
def stacks_need_tensors(torch):
    names = ("hstack", "vstack", "dstack", "column_stack")
    return [
        raised(lambda: getattr(torch, name)(empty), f"{name} expects a non-empty TensorList")
        for name in names
        for empty in ([], ())
    ] + [
        raised(lambda: torch.vstack(torch.ones(2)), "must be tuple of Tensors"),
        raised(lambda: torch.hstack([1]), "element 0"),
    ]


@fact([[[4.0]], 6.0, [[2.0, 2.0]], *[("RuntimeError", True)] * 3, ("IndexError", True)])
def tensordot_where_a_size_is_one(torch):
    def ones(*size):
        return torch.ones(size)

    return [
        torch.tensordot(ones(1, 1, 1), ones(2, 1, 2), ([0, 1], [2, 0])).tolist(),
        torch.tensordot(ones(1, 3), ones(2, 1), 2).item(),
        torch.tensordot(ones(2, 1), ones(1, 2), ([0], [0])).tolist(),
        raised(lambda: torch.tensordot(ones(3, 3), ones(2, 1), 3), "dims < ndim_a"),
        raised(lambda: torch.tensordot(ones(3, 3), ones(2, 2), 1), "need to match"),
        raised(lambda: torch.tensordot(ones(3), ones(3).long(), 1), "same dtype"),
        raised(lambda: torch.tensordot(ones(3), ones(3), ([1], [0])), "Dimension out of range"),
    ]


@fact([[], [], [(), (1,), (), (1,)], [(), (), (), (1,)]])
def losses_of_a_number(torch):
    """A number is one class; the loss has the shape of the targets, or that of the batch."""
    functional = torch.nn.functional
    x, zero = torch.tensor(0.3), torch.tensor(0)
    multi, labels = functional.multi_margin_loss, functional.multilabel_margin_loss

    def shapes(loss, *pairs):
        return [tuple(loss(x, y, reduction="none").shape) for x, y in pairs]

    normal = functional.batch_norm
    none = torch.zeros(0)
    return [
        normal(none, none, none, training=True).tolist(),
        normal(none, none, none).tolist(),
        shapes(
            multi, (x, zero), (x, zero.view(1)), (x.view(1, 1), zero), (x.view(1), zero.view(1))
        ),
        shapes(
            labels, (x, zero), (x, zero.view(1)), (x.view(1), zero), (x.view(1, 1), zero.view(1, 1))
        ),
    ]


@fact([0.0, ("ValueError", True), ("ValueError", True)])
def the_variance_of_gaussian_nll(torch):
    def loss(*shape):
        x = torch.zeros(2, 3)
        return torch.nn.functional.gaussian_nll_loss(x, x, torch.ones(shape))

    wrong = "var is of incorrect size"
    return [loss(2, 1).item(), raised(lambda: loss(2, 2), wrong), raised(lambda: loss(1, 1), wrong)]


@fact([[True, True], [False, True], [0.0, float("inf")], [False, True]])
def bools_where_numbers_are_usual(torch):
    x = torch.tensor([False, True])
    return [
        x.clamp_min(torch.tensor(True)).tolist(),
        x.clamp_max(x).tolist(),
        x.logit().clamp_min(0).tolist(),
        x.clamp_max_(torch.tensor(True)).tolist(),
    ]


@fact([("RuntimeError", True), (1.0, 3.0)])
def aminmax_into_tensors(torch):
    x = torch.tensor([3.0, 1.0, 2.0])
    low, high = torch.zeros(()), torch.zeros(())
    torch.aminmax(x, out=(low, high))
    return [
        raised(
            lambda: torch.aminmax(x, out=(low, high.double())),
            "Expected out tensor to have dtype",
        ),
        (low.item(), high.item()),
    ]


@fact(["RuntimeError", "RuntimeError", "NotImplementedError", "RuntimeError", "RuntimeError"])
def integers_where_fractions_are_meant(torch):
    functional, i, x = torch.nn.functional, torch.tensor([1, 2, 3]), torch.ones(3)
    return [
        raised(call, "")[0]
        for call in (
            lambda: functional.kl_div(i, x, reduction="sum"),
            lambda: functional.kl_div(x, i > 1, reduction="sum"),
            lambda: torch.histc(i, 4),
            lambda: torch.isin(i, i > 1),
            lambda: functional.soft_margin_loss(i, x),
        )
    ]


@fact([("NotImplementedError", True)] * 30)
def activations_of_integers(torch):
    functional = torch.nn.functional
    names = (
        "elu celu selu gelu silu mish softplus logsigmoid hardswish hardsigmoid leaky_relu "
        "hardshrink softshrink"
    ).split()
    calls = [getattr(functional, name) for name in names] + [
        lambda x: functional.prelu(x, x[:1]),
        functional.glu,
    ]
    return [
        raised(lambda: call(torch.tensor([1, 2], dtype=dtype)), "not implemented for")
        for call in calls
        for dtype in (torch.int64, torch.bool)
    ]


@fact(["NotImplementedError", "NotImplementedError", *["RuntimeError"] * 8])
def classes_of_margin_losses(torch):
    functional, x = torch.nn.functional, torch.ones(2, 3)
    multi, labels = functional.multi_margin_loss, functional.multilabel_margin_loss

    def target(*values, dtype=torch.int64):
        return torch.tensor(values, dtype=dtype)

    return [
        raised(call, "")[0]
        for call in (
            lambda: multi(x.long(), target(0, 1)),
            lambda: labels(x.int(), target([0, 1, 2], [0, 1, 2])),
            lambda: multi(x, target(0, 1, dtype=torch.int32)),
            lambda: labels(x, target([0, 1, 2], [0, 1, 2], dtype=torch.int32)),
            lambda: multi(x, target(0, 1), weight=torch.ones(3, dtype=torch.float64)),
            lambda: multi(x, target(0, 3)),
            lambda: multi(x, target(0, -1)),
            lambda: labels(x, target([0, 3, 1], [0, 1, 2])),
            lambda: labels(x, target([0, -7, 1], [0, 1, 2])),
            lambda: multi(x, target(0, 1, 2)),
        )
    ]


@fact([[0.0, 0.0, 0.0], "torch.float16", ("RuntimeError", True), 0.0])
def soft_margin_keeps_its_input(torch):
    loss = torch.nn.functional.soft_margin_loss
    x = torch.tensor([100.0, 200.0, 300.0])
    unsigned = torch.tensor([2, 2, 2], dtype=torch.uint8)
    half = loss(torch.ones(3, dtype=torch.float16), torch.ones(3), reduction="none")
    return [
        loss(x, unsigned, reduction="none").tolist(),
        str(half.dtype),
        raised(lambda: loss(x, torch.ones(2, 3)), "doesn't match the broadcast shape"),
        loss(x, torch.ones(1)).item() // 1,
    ]


@fact(["IndexError", "IndexError", *["RuntimeError"] * 4, "NotImplementedError", "ValueError"])
def dimensions_of_turns_and_products(torch):
    x, v = torch.ones(2, 2), torch.ones(3)
    return [
        raised(call, "")[0]
        for call in (
            lambda: x.rot90(1, (0, 5)),
            lambda: torch.cross(v, v, dim=5),
            lambda: x.rot90(1, (0, -2)),
            lambda: torch.cross(torch.tensor(1.0), torch.ones(5, 3), dim=None),
            lambda: torch.cross(torch.ones(5, 3), v, dim=1),
            lambda: torch.cross(v, v.double(), dim=0),
            lambda: torch.cross(v > 0, v > 0, dim=0),
            lambda: torch.broadcast_shapes((-1, 2), (2,)),
        )
    ]


@fact([[1, 1, 1], [True, True, True], ("RuntimeError", True)])
def masked_fill_cuts_a_fraction(torch):
    x = torch.tensor([1, 2, 3])
    return [
        x.masked_fill(x > 1, torch.tensor(1.5)).tolist(),
        (x > 0).masked_fill(x > 1, torch.tensor(0.5)).tolist(),
        raised(lambda: x.masked_fill(x > 1, torch.tensor(1e30)), "without overflow"),
    ]


@fact([[4, 0, -3], [1, 10], [1, 2, 6]])
def ranges_in_integers_have_integer_ends(torch):
    return [
        torch.linspace(4.3, -3.9, 3, dtype=torch.int64).tolist(),
        torch.logspace(0, 1.2, 2, dtype=torch.int64).tolist(),
        torch.logspace(0, 2, 3, base=2.5, dtype=torch.int64).tolist(),
    ]
