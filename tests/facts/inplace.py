"""In-place writes under autograd: saved, unsaved, cloned and viewed operands; versions."""

from __future__ import annotations

from facts import fact, raised
from facts.graph import leaf


@fact(("RuntimeError", True))
def a_leaf_that_requires_grad_is_not_written(torch):
    x = leaf(torch, 1, 2)
    return raised(lambda: x.add_(1), "a leaf Variable that requires grad is being used in an in-pl")


@fact(("RuntimeError", True))
def a_view_of_a_leaf_is_not_written(torch):
    x = leaf(torch, 1, 2)
    return raised(
        lambda: x[0:1].add_(1), "a view of a leaf Variable that requires grad is being used in an"
    )


VIEW_OF_LEAF = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation."
)


@fact([("RuntimeError", True)] * 10)
def a_leaf_that_is_a_view_is_not_written(torch):
    def assign(x, index, value=1.0):
        x[index] = value

    writes = [
        lambda x: x.add_(1),
        lambda x: x.copy_(torch.zeros(2, 3)),
        lambda x: assign(x, 0),
        lambda x: assign(x, slice(0, 0)),
        lambda x: assign(x, torch.tensor([0])),
        lambda x: assign(x, slice(None), torch.zeros(2, 3)),
        lambda x: x[0].zero_(),
        lambda x: x.t().mul_(2),
        lambda x: x.view(6)[1:].add_(1),
        lambda x: x.normal_(),
    ]
    leaves = [torch.arange(6.0).reshape(2, 3).requires_grad_() for _ in writes]
    return [raised(lambda w=write, x=x: w(x), VIEW_OF_LEAF) for write, x in zip(writes, leaves)]


@fact([[("RuntimeError", True)] * 2, (True, True, None, 1), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
def a_leaf_that_is_a_part_is_written_through_its_base(torch):
    base = torch.arange(6.0).reshape(2, 3)
    part = base[0].requires_grad_()
    refused = [
        raised(lambda: part.add_(1), VIEW_OF_LEAF),
        raised(lambda: part[1:].add_(1), VIEW_OF_LEAF),
    ]
    base.add_(1)
    return [refused, (part.requires_grad, part.is_leaf, part.grad_fn, part._version), base.tolist()]


@fact([("RuntimeError", True), ("RuntimeError", True), (False, True), (True, True, None)])
def leaves_made_of_views_under_no_grad_and_detached(torch):
    base = torch.arange(6.0).reshape(2, 3)
    with torch.no_grad():
        view = base[0]
    view.requires_grad_()
    detached = base.detach()[0].requires_grad_()
    x = base.detach().requires_grad_()
    x.data[0] = 1.0
    plain = x.detach()
    plain[0].add_(1)
    return [
        raised(lambda: view.add_(1), "A view was created in no_grad mode and is being modified in"),
        raised(lambda: detached.add_(1), VIEW_OF_LEAF),
        (plain.requires_grad, plain.is_leaf),
        (x.requires_grad, x.is_leaf, x.grad_fn),
    ]


@fact([[1.0, 2.0, 3.0], [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]], "AsStridedBackward0"])
def a_part_that_is_a_leaf_joins_the_history_of_its_written_base(torch):
    base = torch.arange(6.0).reshape(2, 3)
    other = torch.ones(3, requires_grad=True)
    base[1] = other
    part = base[0]
    (base * torch.tensor([[1.0], [2.0]])).sum().backward()
    return [
        [v + 1 for v in part.tolist()],
        base.tolist(),
        base.grad_fn.name().split("::")[-1],
    ]


@fact([("RuntimeError", True)] * 3)
def parts_made_at_once_are_not_written_with_gradients(torch):
    weight = torch.ones(3, requires_grad=True)
    first, _ = torch.arange(6.0).reshape(2, 3).unbind(0)
    left, _ = torch.arange(6.0).split(3)
    (only,) = torch.arange(3.0).split(3)
    text = "This view is the output of a function that returns multiple views."
    return [raised(lambda p=part: p.mul_(weight), text) for part in (first, left, only)]


@fact([2.0, 2.0])
def a_leaf_is_written_under_no_grad(torch):
    x = leaf(torch, 1, 1)
    with torch.no_grad():
        x.add_(1)
    return x.tolist()


@fact(("RuntimeError", True))
def a_saved_operand_that_was_written_is_found(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    z = y * y
    y.add_(1)
    return raised(
        lambda: z.sum().backward(),
        "one of the variables needed for gradient computation has been modified by an inplace "
        "operation: [torch.FloatTensor [2]], which is output 0 of Add, is at version 1; "
        "expected version 0 instead. Hint: ",
    )


@fact(("RuntimeError", True))
def a_saved_output_that_was_written_is_found(torch):
    y = leaf(torch, 1, 2).exp()
    z = y.sum()
    y.mul_(2)
    return raised(
        lambda: (z + y.sum()).backward(), "which is output 0 of Exp, is at version 1; expected"
    )


@fact(("RuntimeError", True))
def a_saved_leaf_written_under_no_grad_is_found(torch):
    x = leaf(torch, 1, 2)
    y = x * x
    with torch.no_grad():
        x.zero_()
    return raised(lambda: y.sum().backward(), "[torch.FloatTensor [2]] is at version 1; expected")


@fact([[3.0, 3.0], [1.0, 1.0]])
def an_unsaved_operand_may_be_written(torch):
    x = leaf(torch, 1, 2)
    y = x * 1
    z = y * 3
    y.add_(10)
    z.sum().backward()
    first = x.grad.tolist()
    x.grad = None
    a = x + 0
    b = a + 1
    a.mul_(5)
    b.sum().backward()
    return [first, x.grad.tolist()]


@fact([[4.0, 8.0]])
def an_operand_saved_from_a_clone_may_be_written(torch):
    x = leaf(torch, 1, 2)
    y = x * 2
    copy = y.clone()
    z = copy * copy / 2
    y.add_(1)
    z.sum().backward()
    return [x.grad.tolist()]


@fact([[12.0], [1.0, 0.0], 2])
def in_place_ops_have_gradients(torch):
    x = leaf(torch, 2)
    y = x * 1
    y.mul_(3).mul_(4)
    y += y.detach()
    y.sum().backward()
    z = leaf(torch, 1, -1)
    w = z * 1
    w.relu_()
    w.sum().backward()
    version = torch.zeros(1)
    version.add_(1).add_(1)
    return [x.grad.tolist(), z.grad.tolist(), version._version]


@fact([[5.0, 1.0, 1.0], "AsStridedBackward0", "torch::autograd::CopySlices"])
def a_write_through_a_view_reaches_the_base(torch):
    x = leaf(torch, 1, 2, 3)
    y = x * 1
    view = y[:1]
    view.mul_(5)
    y.sum().backward()
    return [x.grad.tolist(), view.grad_fn.name(), y.grad_fn.name()]


@fact([[1.0, 1.0, 0.0], [1.0]])
def a_value_is_written_into_a_slice(torch):
    x, v = leaf(torch, 1, 2, 3), leaf(torch, 9)
    y = x * 1
    y[2:] = v
    y.sum().backward()
    return [x.grad.tolist(), v.grad.tolist()]


@fact([[0.0, 6.0], [0.0, 1.0]])
def writes_in_a_loop(torch):
    x = leaf(torch, 3, 5)
    out = torch.zeros(2)
    out[1] = x[0] * x[0]
    out.sum().backward()
    y = leaf(torch, 1, 2)
    z = y * 1
    z[0] = 0
    z.sum().backward()
    return [[x.grad[1].item(), x.grad[0].item()], y.grad.tolist()]


@fact([1, 1, 0, 1])
def versions_are_shared_by_views_and_detach_but_not_data(torch):
    x = torch.zeros(4)
    view, detached, data = x[:2], x.detach(), x.data
    view.add_(1)
    return [x._version, detached._version, data._version, view._version]


@fact(("RuntimeError", True))
def an_output_of_a_multi_output_view_is_not_written(torch):
    a, _ = (leaf(torch, 1, 2) * 1).split(1)
    return raised(
        lambda: a.add_(1), "is a view and is being modified inplace. This view is the out"
    )


@fact(("RuntimeError", True))
def a_view_made_under_no_grad_is_not_written(torch):
    x = leaf(torch, 1, 2) * 1
    with torch.no_grad():
        view = x[:1]
    return raised(
        lambda: view.add_(leaf(torch, 1)),
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled.",
    )


@fact([True, True, [1.0, 2.0]])
def detach_in_place_cuts_the_history(torch):
    x = leaf(torch, 1, 2)
    y = x * 1
    same = y.detach_()
    return [same is y, y.is_leaf and y.grad_fn is None, y.tolist()]


@fact([True, [2.0, 0.0]])
def set_data_keeps_the_leaf(torch):
    x = leaf(torch, 1, 2)
    y = (x * torch.tensor([2.0, 0.0])).sum()
    x.data = torch.tensor([7.0, 8.0])
    y.backward()
    return [x.is_leaf and x.tolist() == [7.0, 8.0], x.grad.tolist()]


@fact([[2, 2], "RuntimeError"])
def a_failed_write_leaves_version_and_data(torch):
    x = torch.zeros(2)
    x.add_(1)
    x.add_(1)
    before = x._version
    kind, _ = raised(lambda: x.add_(torch.ones(3)), "")
    return [[before, x._version], kind]


@fact([[1.0, 1.0], ("RuntimeError", True)])
def a_write_of_another_shape_or_kind_is_refused(torch):
    x = torch.ones(2)
    kind = raised(
        lambda: torch.ones(2, dtype=torch.int64).add_(1.5), "can't be cast to the desired"
    )
    return [x.tolist(), kind]
