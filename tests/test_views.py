"""Views share memory, history and a version counter: writing through them, and what is refused."""

from __future__ import annotations

import pytest

import cnn

VIEWS = {
    "view": lambda x: x.view(3, 2),
    "reshape": lambda x: x.reshape(6),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "permute": lambda x: x.permute(1, 0),
    "select": lambda x: x.select(0, 1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "slice": lambda x: x[:, 1:],
    "step": lambda x: x[:, ::2],
    "item": lambda x: x[1, 2],
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1),
    "diagonal": lambda x: x.diagonal(),
    "unfold": lambda x: x.unfold(1, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 2), (3, 1), 1),
    "of a view": lambda x: x.view(3, 2)[1:].t(),
}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())


def base():
    return cnn.arange(6, dtype=cnn.float64).reshape(2, 3).clone()


@views
def test_a_view_shares_memory_and_version(view):
    x = base()
    y = view(x)
    assert y._base is x and y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    y.fill_(9)
    assert (x == 9).sum().item() == y.numel()
    assert x._version == y._version == 1
    x.add_(1)
    assert (y == 10).all() and x._version == y._version == 2


@views
def test_gradients_of_writes_through_a_view(view):
    """d/dx of sum(w * y), where y is x with part of it multiplied through a view."""
    weight = cnn.linspace(1, 2, 6, dtype=cnn.float64).reshape(2, 3)
    place = view(cnn.arange(6).reshape(2, 3)).reshape(-1)
    x = base().requires_grad_()
    y = x.clone()
    view(y).mul_(3)
    assert y.grad_fn is not None
    (y * weight).sum().backward()
    scale = cnn.ones(6, dtype=cnn.float64)
    scale[place] = 3
    assert cnn.equal(x.grad, scale.reshape(2, 3) * weight)


@views
def test_a_view_taken_before_a_write_to_its_base_sees_the_new_history(view):
    x = base().requires_grad_()
    y = x.clone()
    seen = view(y)
    y.mul_(5)
    assert cnn.equal(seen.detach(), view(base() * 5))
    seen.sum().backward()
    want = cnn.zeros(6, dtype=cnn.float64)
    want[view(cnn.arange(6).reshape(2, 3)).reshape(-1)] = 5
    assert cnn.equal(x.grad, want.reshape(2, 3))


@views
def test_second_order_through_a_written_view(view):
    def f(x):
        y = x.clone()
        view(y).mul_(view(x))
        return y.pow(2)

    x = (base() + 1).requires_grad_()
    assert cnn.autograd.gradcheck(f, x)
    assert cnn.autograd.gradgradcheck(f, x)


def test_a_value_written_through_a_view_gets_a_gradient():
    x = cnn.zeros(2, 3, dtype=cnn.float64)
    value = cnn.ones(3, dtype=cnn.float64, requires_grad=True)
    x[1] = value
    assert x.requires_grad
    (x * cnn.arange(6.0, dtype=cnn.float64).reshape(2, 3)).sum().backward()
    assert value.grad.tolist() == [3, 4, 5]


def test_detached_tensors_share_the_version_and_data_does_not():
    x = cnn.ones(3, requires_grad=True) * 1
    x.detach().add_(1)
    assert x._version == 1
    x.data.add_(1)
    assert x._version == 1 and x.tolist() == [3, 3, 3]


# Version checks -----------------------------------------------------------------------------------


def modified(message):
    return pytest.raises(RuntimeError, match="modified by an inplace operation.*" + message)


@pytest.mark.parametrize(
    "write",
    [
        lambda y: y.add_(1),
        lambda y: y.view(-1)[0].zero_(),
        lambda y: y.detach().mul_(2),
        lambda y: y.t().fill_(0),
    ],
)
def test_a_saved_tensor_that_was_changed_is_told_with_its_versions(write):
    x = cnn.ones(2, 3, requires_grad=True)
    y = x * 1
    z = y * y
    write(y)
    with modified(r"\[torch.FloatTensor \[2, 3\]\].*is at version 1; expected version 0"):
        z.sum().backward()


def test_the_error_names_the_op_whose_result_was_changed():
    x = cnn.ones(2, 3, requires_grad=True)
    y = x.exp()
    y.add_(1)
    with modified("output 0 of Exp,"):
        y.sum().backward()


def test_a_tensor_that_was_not_saved_may_be_changed():
    x = cnn.ones(3, requires_grad=True)
    y = x * 2
    z = y + 1
    y.add_(10)
    z.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_number_factor_keeps_nothing_alive_nor_its_version():
    x = cnn.ones(3, requires_grad=True)
    y = x * 1
    z = y * cnn.full((3,), 4.0)
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == [4, 4, 4]


def test_the_saved_operand_of_an_in_place_op_is_the_one_before():
    x = cnn.tensor([2.0, 3.0], dtype=cnn.float64, requires_grad=True)
    y = x.clone()
    y.mul_(y)
    y.sum().backward()
    assert x.grad.tolist() == [4, 6]


# What is refused ----------------------------------------------------------------------------------


def refused(match, write, *tensors, kind=RuntimeError):
    before = [(t.tolist(), t._version) for t in tensors]
    with pytest.raises(kind, match=match):
        write()
    assert [(t.tolist(), t._version) for t in tensors] == before


def test_leaves_that_require_grad_are_not_written():
    x = cnn.ones(3, requires_grad=True)
    refused("leaf Variable that requires grad", lambda: x.add_(1), x)
    refused("leaf Variable that requires grad", lambda: x[0].zero_(), x)
    refused("leaf Variable that requires grad", lambda: x.view(3).mul_(2), x)
    with cnn.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "split", [lambda y: y.unbind(0), lambda y: y.split(1), lambda y: y.chunk(2)]
)
def test_outputs_of_multi_views_are_not_written(split):
    y = cnn.ones(2, 3, requires_grad=True) * 1
    part = split(y)[0]
    refused("returns multiple views", lambda: part.add_(1), y)


def test_views_made_without_grad_are_not_written_with_grad():
    y = cnn.ones(2, 3, requires_grad=True) * 1
    with cnn.no_grad():
        view = y.view(6)
    refused("no_grad mode", lambda: view.add_(1), y)


@pytest.mark.parametrize(
    "write",
    [
        lambda e: e.add_(1),
        lambda e: e.copy_(cnn.ones(4, 3)),
        lambda e: e.mul_(cnn.ones(3)),
        lambda e: e.exp_(),
        lambda e: e.uniform_(),
        lambda e: e.index_add_(0, cnn.tensor([0]), cnn.ones(1, 3)),
        lambda e: e.scatter_(0, cnn.zeros(1, 3, dtype=cnn.int64), 1.0),
        lambda e: cnn.add(cnn.ones(4, 3), 1, out=e),
        lambda e: cnn.cumsum(cnn.ones(4, 3), 0, out=e),
        lambda e: cnn.mm(cnn.ones(4, 2), cnn.ones(2, 3), out=e),
    ],
)
def test_expanded_tensors_are_not_written(write):
    x = cnn.zeros(3)
    refused(
        "refers to a single memory location|unsupported operation",
        lambda: write(x.expand(4, 3)),
        x,
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x[1:].add_(x[:-1]),
        lambda x: x[1:].copy_(x[:-1]),
        lambda x: cnn.mul(x[:-1], 2, out=x[1:]),
        lambda x: x[:-1].sub_(x[1:]),
    ],
)
def test_partly_overlapping_operands_are_refused(write):
    x = cnn.arange(8.0)
    refused("overlap|memory", lambda: write(x), x)


def test_the_same_tensor_as_both_operands_is_no_overlap():
    x = cnn.arange(4.0)
    x.add_(x)
    assert x.tolist() == [0, 2, 4, 6]
    cnn.mul(x, x, out=x)
    assert x.tolist() == [0, 4, 16, 36]
    x.view(2, 2).sub_(x.view(2, 2))
    assert x.tolist() == [0, 0, 0, 0]


def test_inference_tensors_do_not_meet_autograd():
    with cnn.inference_mode():
        y = cnn.ones(3)
    assert y.is_inference()
    refused("[Ii]nference", lambda: y.add_(1), y) if cnn.is_grad_enabled() else None
    with pytest.raises(RuntimeError, match="[Ii]nference"):
        cnn.ones(3, requires_grad=True) * y


def test_wrong_views_are_refused():
    x = base()
    refused("invalid for input of size 6", lambda: x.view(4, 2), x)
    refused("view size is not compatible", lambda: x.t().view(6), x)
    refused("out of range", lambda: x.select(2, 0), x, kind=IndexError)
    refused("out of range", lambda: x.select(0, 2), x, kind=IndexError)
    refused("out of bounds for storage|exceed|setStorage", lambda: x.as_strided((4, 4), (3, 1)), x)
    refused("must match the existing size", lambda: x.expand(2, 4), x)
    refused("step must be greater than zero", lambda: x[::-1], x, kind=ValueError)
    refused("sum exactly to 2", lambda: x.split([2**62, 2**62, 2**62, 2**62 + 2]), x)


@pytest.mark.parametrize("write", ["through the leaf", "through the view"])
def test_a_view_of_a_leaf_that_is_a_view_keeps_its_gradient_after_a_write_without_history(write):
    """PyTorch drops the gradient here without a word."""
    x = cnn.arange(6.0).reshape(2, 3).requires_grad_()
    y = x[0]
    with cnn.no_grad():
        (x if write == "through the leaf" else y).add_(1)
    (y * 2).sum().backward()
    assert x.grad.tolist() == [[2.0] * 3, [0.0] * 3]


IN_PLACE = {
    "t_": lambda x: x.t_(),
    "transpose_": lambda x: x.transpose_(0, -1),
    "swapaxes_": lambda x: x.swapaxes_(1, 0),
    "swapdims_": lambda x: x.swapdims_(0, 1),
    "unsqueeze_": lambda x: x.unsqueeze_(1),
    "squeeze_": lambda x: x[:, :1].squeeze_(1),
    "squeeze_ all": lambda x: x[:1].squeeze_(),
    "as_strided_": lambda x: x.as_strided_(x.shape[::-1], x.stride()[::-1]),
}
in_place = pytest.mark.parametrize("name", IN_PLACE)


def out_of_place(name, x):
    if name.startswith("squeeze_"):
        return (x[:, :1] if name == "squeeze_" else x[:1]).squeeze()
    return x.unsqueeze(1) if name == "unsqueeze_" else x.t()


@in_place
def test_the_tensor_itself_is_turned(name):
    x = base()
    y = IN_PLACE[name](x)
    assert y is x or name.startswith("squeeze_")
    assert y.tolist() == out_of_place(name, base()).tolist()
    assert x._version == 1
    y.zero_()
    assert (x if y is x else x.view(-1)[:1]).count_nonzero() == 0


@in_place
@pytest.mark.parametrize("of_a_view", (False, True))
def test_gradients_through_a_tensor_that_was_turned(name, of_a_view):
    gradients = []
    for turn in (IN_PLACE[name], lambda x: out_of_place(name, x)):
        leaf = base().requires_grad_()
        y = leaf * leaf
        y = turn(y.view(2, 3) if of_a_view else y)
        y.mul_(y.detach() + 1)
        (y * cnn.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        gradients.append(leaf.grad.tolist())
    assert gradients[0] == gradients[1]


def test_what_cannot_be_turned():
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        base().requires_grad_().t_()
    x = base().requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        x.view(3, 2).unsqueeze_(0)
    with pytest.raises(RuntimeError, match="<= 2 dimensions"):
        cnn.zeros(1, 2, 3).t_()
    with pytest.raises(IndexError, match="out of range"):
        base().unsqueeze_(4)
    y = x * 1
    z = y.sin()
    y.unsqueeze_(0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
