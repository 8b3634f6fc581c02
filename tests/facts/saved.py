"""What backward refuses: indices written since, results without a derivative."""

from __future__ import annotations

from facts import fact, raised

CHANGED = "has been modified by an inplace operation"


def after_write(torch, op, index, shape=(4, 4)):
    """What backward raises when `index` is written between op(x, index) and backward."""
    x = torch.arange(16.0).reshape(shape).requires_grad_()
    y = op(x, index)
    index.copy_(torch.zeros_like(index))
    kind, found = raised(lambda: y.sum().backward(), CHANGED)
    return kind if found is True or kind == "nothing" else found


def assigned(x, index, value):
    y = x * 1
    y[index] = value
    return y


ROWS = {
    "index": lambda t, x, i: x[i],
    "index of columns": lambda t, x, i: x[:, i],
    "index_put": lambda t, x, i: x.index_put((i,), t.ones(2, 4)),
    "index_put of values": lambda t, x, i: t.ones(4, 4).index_put((i,), x[:2]),
    "assignment": lambda t, x, i: assigned(x, i, 1.0),
    "index_select": lambda t, x, i: x.index_select(0, i),
    "index_add": lambda t, x, i: t.ones(4, 4).index_add(0, i, x[:2]),
    "embedding": lambda t, x, i: t.nn.functional.embedding(i, x),
    "cross_entropy": lambda t, x, i: t.nn.functional.cross_entropy(x[:2], i.long()),
}
LONG_ROWS = {
    "index_copy": lambda t, x, i: x.index_copy(0, i, t.ones(2, 4)),
    "index_fill": lambda t, x, i: x.index_fill(0, i, 2.0),
    "take": lambda t, x, i: x.take(i),
    "multi_margin": lambda t, x, i: t.nn.functional.multi_margin_loss(x[:2], i),
}
GATHERS = {
    "gather": lambda t, x, i: x.gather(1, i),
    "scatter": lambda t, x, i: x.scatter(1, i, t.ones(4, 2)),
    "scatter of a number": lambda t, x, i: x.scatter(1, i, 1.0),
    "scatter of a source": lambda t, x, i: t.ones(4, 4).scatter(1, i, x),
    "scatter_add": lambda t, x, i: t.ones(4, 4).scatter_add(1, i, x),
    "scatter_reduce": lambda t, x, i: x.scatter_reduce(1, i, t.ones(4, 2), "amax"),
}
MASKS = {
    "masked_fill": lambda t, x, m: x.masked_fill(m, 0.0),
    "masked_select": lambda t, x, m: x.masked_select(m),
    "masked_scatter": lambda t, x, m: x.masked_scatter(m, t.ones(16)),
    "index": lambda t, x, m: x[m],
    "assignment": lambda t, x, m: assigned(x, m, 1.0),
    "where": lambda t, x, m: t.where(m, x, t.ones(4, 4)),
}
UNCHECKED = {
    "index_add to x": lambda t, x, i: x.index_add(0, i, t.ones(2, 4)),
    "scatter_add to x": lambda t, x, i: x.scatter_add(0, i.unsqueeze(1), t.ones(2, 1)),
    "take_along_dim": lambda t, x, i: t.take_along_dim(x, i.unsqueeze(0), 1),
}


def all_after_write(torch, ops, index):
    return {
        name: after_write(torch, lambda x, i: op(torch, x, i), index()) for name, op in ops.items()
    }


@fact(
    [
        dict.fromkeys(ROWS, "RuntimeError"),
        {name: "RuntimeError" for name in ROWS if name != "cross_entropy"},
        dict.fromkeys(LONG_ROWS, "RuntimeError"),
        dict.fromkeys(UNCHECKED, "nothing"),
    ]
)
def an_index_that_was_written_is_found(torch):
    narrow = {name: op for name, op in ROWS.items() if name != "cross_entropy"}
    return [
        all_after_write(torch, ROWS, lambda: torch.tensor([1, 2])),
        all_after_write(torch, narrow, lambda: torch.tensor([1, 2], dtype=torch.int32)),
        all_after_write(torch, LONG_ROWS, lambda: torch.tensor([1, 2])),
        all_after_write(torch, UNCHECKED, lambda: torch.tensor([1, 2])),
    ]


@fact([dict.fromkeys(GATHERS, "RuntimeError")] * 2)
def an_index_of_gather_that_was_written_is_found(torch):
    return [
        all_after_write(torch, GATHERS, lambda: torch.tensor([[1, 2]] * 4, dtype=dtype))
        for dtype in (torch.int64, torch.int32)
    ]


@fact(dict.fromkeys(MASKS, "RuntimeError"))
def a_mask_that_was_written_is_found(torch):
    return all_after_write(torch, MASKS, lambda: torch.arange(16).reshape(4, 4) > 7)


@fact(["RuntimeError", "RuntimeError", "RuntimeError", "nothing"])
def indices_of_results_that_were_written_are_found(torch):
    x = torch.arange(16.0).reshape(4, 4).requires_grad_()
    pool = torch.nn.functional.max_pool2d
    seen = []
    for values, places in (
        x.max(1),
        x.sort(1),
        pool(x[None], 2, return_indices=True),
        pool(x[None], 2, return_indices=True),
    ):
        if len(seen) < 3:
            places.zero_()
        seen.append(raised(lambda y=values: y.sum().backward(), CHANGED)[0])
    return seen


@fact([[1.0, 0.0, 1.0], "RuntimeError"])
def an_index_kept_for_backward_is_freed_by_it(torch):
    x = torch.ones(3, requires_grad=True)
    y = x[torch.tensor([0, 2])].sum()
    y.backward()
    return [x.grad.tolist(), raised(y.backward, "second time")[0]]


@fact(["RuntimeError", [[3.0], [1.0]]])
def take_along_a_dim_counts_from_the_end(torch):
    x = torch.tensor([[1.0, 2.0, 3.0], [1.0, 5.0, 6.0]])
    return [
        raised(lambda: torch.take_along_dim(x, torch.tensor([-4, -1])), "")[0],
        torch.take_along_dim(x, torch.tensor([[-1], [0]]), 1).tolist(),
    ]


@fact([("RuntimeError", True)] * 6)
def what_has_no_derivative_says_so(torch):
    x = torch.ones(2, requires_grad=True)
    missing = "derivative for aten::{} is not implemented"
    return [
        raised(y.sum().backward, missing.format(op))
        for y, op in (
            (x // 2, "floor_divide"),
            (2 // x, "floor_divide"),
            (torch.floor_divide(x, torch.ones(2)), "floor_divide"),
            ((x * 1).floor_divide_(2), "floor_divide_"),
            (2 % x, "remainder"),
            (torch.heaviside(x, x), "heaviside"),
        )
    ]


@fact([[0.0, 0.0], [0.0, 0.0], [-2.0, -2.0], [0.0, 0.0], "torch::autograd::NotImplemented"])
def rounded_division_has_a_gradient_of_zero(torch):
    x = torch.tensor([2.5, 2.5], requires_grad=True)
    grad = torch.autograd.grad
    (first,) = grad((torch.tensor([6.0, 6.0]) % x).sum(), x, create_graph=True)
    return [
        grad(torch.div(x, 2, rounding_mode="floor").sum(), x)[0].tolist(),
        grad(torch.div(x, x, rounding_mode="trunc").sum(), x)[0].tolist(),
        first.tolist(),
        grad(first.sum(), x)[0].tolist(),
        (x // 2).grad_fn.name(),
    ]


@fact([["nan", "nan", "4.0"], ["0.0", "0.0", "4.0"]])
def the_gradient_of_logit_outside_its_domain(torch):
    seen = []
    for eps in (None, 0.01):
        x = torch.tensor([-0.5, 1.5, 0.5], requires_grad=True)
        torch.logit(x, eps).sum().backward()
        seen.append([str(v) for v in x.grad.tolist()])
    return seen


@fact([[3.0, 4.0], [1.0, 0.0], [2.0, 4.0], [2.0, 1.0], [2.0, 1.0], "RsubBackward1"])
def functions_take_a_number_first(torch):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    calls = [torch.add, torch.sub, torch.mul, torch.div, torch.floor_divide]
    return [call(2, x).tolist() for call in calls] + [(1 - x).grad_fn.name()]


@fact(("RuntimeError", True))
def a_pack_hook_does_not_write(torch):
    def pack(t):
        return t.mul_(2)

    x = torch.ones(2, requires_grad=True)
    y = x * 1

    def square():
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            return y * y

    return raised(square, "A saved tensor pack hook is modifying its input in place.")
