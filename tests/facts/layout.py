"""Strides of results, aliasing of views and copies, `out=`."""

from __future__ import annotations

import warnings

from facts import fact, raised


def columns(torch):
    """A dense [2, 3] tensor laid out by columns."""
    return torch.arange(6.0).view(3, 2).t()


@fact([(1, 2)] * 6)
def pointwise_results_keep_the_order_of_dense_inputs(torch):
    x = columns(torch)
    results = x + x, x * 2, x.exp(), torch.empty_like(x), x.clone(), x.to(torch.float64)
    return [y.stride() for y in results]


@fact([(3, 1), (1, 2), (1, 2)])
def the_first_dense_operand_decides_the_layout(torch):
    x, y = columns(torch), torch.ones(2, 3)
    return [(y + x).stride(), (x + y).stride(), (x + torch.ones(3)).stride()]


@fact([(2, 1), (3, 1), (3, 1), (3, 1)])
def results_of_inputs_with_gaps_are_dense(torch):
    x = torch.arange(12.0).view(2, 6)
    results = x[:, ::3] + 1, x[:, ::2].clone(), torch.empty_like(x[:, ::2]), x[:, :3].exp()
    return [y.stride() for y in results]


@fact([(48, 1, 12, 3)] * 3)
def any_dense_order_goes_through_pointwise_ops(torch):
    x = torch.ones(2, 4, 4, 3).permute(0, 3, 1, 2)
    return [x.stride(), torch.relu(x).stride(), (x + x).stride()]


@fact([(1, 2), (3, 1), (3, 1)])
def clone_and_contiguous_of_columns(torch):
    x = columns(torch)
    y = x.clone(memory_format=torch.contiguous_format)
    return [x.clone().stride(), y.stride(), x.contiguous().stride()]


@fact([(0, 1), (1, 0), (4, 0, 1), (0, 0), (1, 4), (8, 1)])
def strides_of_views(torch):
    x = torch.zeros(8)
    y = torch.zeros(2, 4)
    views = [
        x[:4].expand(3, 4),
        torch.zeros(3, 1).expand(3, 5),
        y.unsqueeze(1).expand(2, 5, 4),
        torch.tensor(1.0).expand(2, 2),
        y.t(),
        torch.zeros(4, 8)[::1, 2:4],
    ]
    return [v.stride() for v in views]


@fact([(5, 2), (1,), (2, 2, 1), (4, 2, 1), 3])
def strides_of_unfold_diagonal_and_squeeze(torch):
    x = torch.zeros(4, 5)
    return [
        x[:, ::2].stride(),
        x.flatten().stride(),
        torch.zeros(8).unfold(0, 4, 2).view(3, 2, 2).transpose(0, 1).stride(),
        torch.zeros(2, 1, 2, 2).squeeze(1).stride(),
        torch.zeros(3, 3).diagonal().numel(),
    ]


@fact([True, True, True, False, False, False, True])
def views_alias_and_copies_do_not(torch):
    x = torch.zeros(2, 3)
    others = [
        x.view(6),
        x.t(),
        x[0],
        x[[0]],
        x.clone(),
        x.t().reshape(6),
        x.reshape(3, 2),
    ]
    start = x.untyped_storage().data_ptr()
    return [o.untyped_storage().data_ptr() == start for o in others]


@fact([True, True, True, False, True])
def conversions_that_change_nothing_return_the_tensor(torch):
    x = torch.zeros(2)
    return [
        x.to(torch.float32) is x,
        x.contiguous() is x,
        x.float() is x,
        x.to(torch.float32, copy=True) is x,
        x.cpu() is x,
    ]


@fact([[0.0, 9.0], [0.0, 9.0], [7.0, 9.0]])
def writes_reach_through_data_detach_and_numpy(torch):
    x = torch.zeros(2, requires_grad=True)
    x.data[1] = 9
    first = x.tolist()
    second = x.detach().tolist()
    x.detach().numpy()[0] = 7
    return [first, second, x.tolist()]


@fact((True, [2.0, 2.0], True))
def out_is_returned_and_written(torch):
    out = torch.empty(2)
    address = out.data_ptr()
    result = torch.add(torch.ones(2), torch.ones(2), out=out)
    return result is out, out.tolist(), out.data_ptr() == address


@fact(((2,), [2.0, 2.0], 0))
def an_empty_out_is_resized_in_silence(torch):
    out = torch.empty(0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.add(torch.ones(2), 1, out=out)
    return tuple(out.shape), out.tolist(), len(seen)


@fact(((2,), ["UserWarning"]))
def an_out_of_another_shape_is_resized_with_a_warning(torch):
    out = torch.empty(3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.add(torch.ones(2), 1, out=out)
    return tuple(out.shape), [w.category.__name__ for w in seen]


@fact([("RuntimeError", True), ("RuntimeError", True)])
def out_refuses_gradients_and_lossy_types(torch):
    x = torch.ones(2, requires_grad=True)
    return [
        raised(lambda: torch.add(x, 1, out=torch.empty(2)), "don't support automatic different"),
        raised(
            lambda: torch.add(torch.ones(2), 1, out=torch.empty(2, dtype=torch.int64)),
            "result type Float can't be cast to the desired output type Long",
        ),
    ]


@fact([2.0, 2.0])
def out_of_a_wider_type_is_filled(torch):
    out = torch.empty(2, dtype=torch.float64)
    return torch.add(torch.ones(2), 1, out=out).tolist()


@fact([(1, 4), [[2.0, 2.0], [2.0, 2.0]]])
def out_keeps_its_own_strides(torch):
    out = torch.zeros(2, 4).t()[:2]
    torch.add(torch.ones(2, 2), 1, out=out)
    return [out.stride(), out.tolist()]


@fact([("RuntimeError", True), ("RuntimeError", True), ("RuntimeError", True)])
def overlapping_writes_are_refused(torch):
    x = torch.arange(4.0)
    cell = torch.zeros(1).expand(3)
    return [
        raised(lambda: x[1:].add_(x[:-1]), "some elements of the input tensor and the written-to"),
        raised(lambda: cell.add_(1), "more than one element of the written-to tensor refers to a"),
        raised(lambda: torch.exp(x[:-1], out=x[1:]), "some elements of the input tensor and the"),
    ]


@fact([0.0, 1.0, 2.0, 3.0])
def a_refused_write_leaves_the_data(torch):
    x = torch.arange(4.0)
    raised(lambda: x[1:].add_(x[:-1]), "")
    raised(lambda: x.add_(torch.ones(3)), "")
    return x.tolist()


@fact(
    [("RuntimeError", True), ("RuntimeError", True), ("RuntimeError", True), ("IndexError", True)]
)
def shapes_in_messages(torch):
    a, b = torch.ones(2, 3), torch.ones(4)
    return [
        raised(lambda: a + b, "The size of tensor a (3) must match the size of tensor b (4) at"),
        raised(lambda: a.view(4), "shape '[4]' is invalid for input of size 6"),
        raised(lambda: a @ a, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
        raised(lambda: a.sum(2), "Dimension out of range (expected to be in range of [-2, 1], but"),
    ]


@fact([("RuntimeError", True), ("RuntimeError", True), ("IndexError", True), ("TypeError", True)])
def more_messages(torch):
    a = torch.ones(2, 3)
    return [
        raised(lambda: a.t().view(6), "view size is not compatible with input tensor's size and"),
        raised(lambda: bool(a), "Boolean value of Tensor with more than one value is ambiguous"),
        raised(lambda: a[5], "index 5 is out of bounds for dimension 0 with size 2"),
        raised(lambda: torch.ones(2.5), "must be tuple of ints, not float"),
    ]


@fact(["torch.float32", "torch.float64", "torch.float32", "torch.int64", "torch.float16"])
def promotion_by_category(torch):
    ints, floats = torch.ones(2, dtype=torch.int64), torch.ones(2)
    zero_dim = torch.tensor(1.0, dtype=torch.float64)
    return [
        str((ints + 1.5).dtype),
        str((ints + zero_dim).dtype),
        str((floats + zero_dim).dtype),
        str((ints + True).dtype),
        str((floats.half() * 2.5).dtype),
    ]


OVERLAP = (
    "some elements of the input tensor and the written-to tensor refer to a single memory location"
)


@fact([("RuntimeError", True)] * 6 + [[[0.0, 1.0], [2.0, 3.0]]])
def a_transposed_self_is_not_read_while_it_is_written(torch):
    x = torch.arange(4.0).view(2, 2)
    writes = [
        lambda: x.add_(x.t()),
        lambda: x.copy_(x.t()),
        lambda: x.t().mul_(x),
        lambda: torch.add(x.t(), 0, out=x),
        lambda: torch.exp(x.t(), out=x),
        lambda: x.view(4)[:2].add_(x.view(4)[1:3]),
    ]
    return [raised(write, OVERLAP) for write in writes] + [x.tolist()]


@fact([[2.0, 7.0], [[3.0, 5.0], [2.0, 3.0]]])
def parts_that_do_not_meet_are_written(torch):
    x, y = torch.arange(4.0).view(2, 2), torch.arange(4.0).view(2, 2)
    first = (x * 2 + 1)[:, 0].sub_(x.mul_(0)[:, 1]).add_(torch.tensor([1.0, 2.0]))
    y[0].add_(y[1]).add_(1)
    return [first.tolist(), y.tolist()]


@fact([("RuntimeError", True), [1.0], [1.0, 3.0, 6.0, 10.0]])
def an_input_is_not_resized_by_out(torch):
    x, y = torch.ones(1), torch.arange(1.0, 5.0)
    refused = raised(lambda: torch.add(x, torch.ones(3), out=x), "output with shape [1]")
    return [refused, x.tolist(), torch.cumsum(y, 0, out=y).tolist()]
