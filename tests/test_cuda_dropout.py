"""Dropout on a GPU: PyTorch's mask as far as it is known, the same one in the gradient, a launch each.
And what else draws: what it costs, and what is made of it.
"""

import math

import numpy as np
import pytest

import cnn
from cnn import cuda
from drawing import FLOATS, NAMES, agree, drawings, lying, same_offset, seeded
from emulation import counted

pytestmark = pytest.mark.cuda
F = cnn.nn.functional

# Dropout ------------------------------------------------------------------------------------------


def pack_of(x):
    """Elements that one thread takes: what 16 bytes hold, if memory and size allow."""
    pack = 16 // x.element_size()
    while pack > 1 and (x.data_ptr() % (pack * x.element_size()) or x.numel() % pack):
        pack //= 2
    return pack


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", (1, 6, 64, 1003, 4096))
def test_dropout_is_the_models(dtype, n):
    model = seeded()
    for p in (0.3, 0.5):
        x = cnn.linspace(1, 2, n, dtype=dtype, device="cuda")
        keep = 1 - p if dtype == cnn.float64 else float(np.float32(1 - p))
        kept = model.dropout(n, keep, pack_of(x))
        y = F.dropout(x, p)
        assert y.dtype == dtype and (lying(y) != 0).tolist() == kept.tolist()
        agree(lying(y), np.where(kept, lying(x) / (1 - p), 0), dtype)
        same_offset(model)


@pytest.mark.parametrize("dtype", (cnn.float32, cnn.float64), ids=str)
@pytest.mark.parametrize("rest", (0, 1, 2))
def test_dropout_beyond_one_turn(dtype, rest):
    model = seeded()
    n = 4 * model.most + 512 + rest
    x = cnn.ones(n, dtype=dtype, device="cuda")
    keep = 0.7 if dtype == cnn.float64 else float(np.float32(0.7))
    kept = model.dropout(n, keep, pack_of(x))
    y = F.dropout(x, 0.3)
    for part in (slice(0, 300), slice(model.most - 100, model.most + 100), slice(n - 600, n)):
        assert (lying(y[part]) != 0).tolist() == kept[part].tolist()
    same_offset(model)


def test_dropout_of_other_layouts():
    base = cnn.linspace(1, 2, 96, device="cuda")
    for x in (base.view(8, 12).t(), base.view(2, 4, 3, 4).to(memory_format=cnn.channels_last)):
        model = seeded()
        y = F.dropout(x, 0.5)
        assert y.stride() == x.stride()
        assert (lying(y) != 0).tolist() == model.dropout(96, 0.5, 4).tolist()
    for x in (base.view(48, 2)[:, 0], base.view(8, 12)[:, 1:9], base[:3].view(3, 1).expand(3, 32)):
        model = seeded()
        y = F.dropout(x, 0.5)
        kept = model.dropout(x.numel(), 0.5, 1)  # in C order
        assert (y != 0).flatten().tolist() == kept.tolist()
        assert cnn.equal(y, x * (y != 0) * 2)
    odd = base[1:34]
    model = seeded()
    assert (F.dropout(odd, 0.5) != 0).tolist() == model.dropout(33, 0.5, 1).tolist()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_gradient_has_the_same_mask(dtype):
    cuda.manual_seed(2)
    for shape, p in (((40,), 0.3), ((6, 7), 0.5), ((3, 5, 4), 0.9)):
        x = cnn.ones(shape, dtype=dtype, device="cuda", requires_grad=True)
        y = F.dropout(x, p)
        assert y.grad_fn.name() == "NativeDropoutBackward0"
        weights = cnn.linspace(1, 2, x.numel(), dtype=dtype, device="cuda").view(shape)
        (grad,) = cnn.autograd.grad((y * weights).sum(), x)
        agree(lying(grad), lying(y.detach()) * lying(weights), dtype, 2 / (1 - p))
        assert ((grad != 0) == (y != 0)).all()
    x = cnn.ones(4, 6, device="cuda", requires_grad=True)
    y = F.dropout(x.t(), 0.5)
    (grad,) = cnn.autograd.grad(y.sum(), x)  # an expanded gradient
    assert cnn.equal(grad.t(), y)
    x = cnn.linspace(-1, 1, 12, dtype=cnn.float64, device="cuda").requires_grad_()
    y = (F.dropout(x**2, 0.5) ** 2).sum()
    (first,) = cnn.autograd.grad(y, x, create_graph=True)
    (second,) = cnn.autograd.grad(first.sum(), x)
    kept = (first != 0).double() * 4  # of 4 x^4
    assert cnn.allclose(first, kept * 4 * x**3) and cnn.allclose(second, kept * 12 * x**2)


def test_dropout_keeps_what_is_not_finite():
    x = cnn.full((200,), math.inf, device="cuda")
    y = F.dropout(x, 0.5)
    assert (y.isnan() | (y == math.inf)).all() and y.isnan().any()


def test_dropout_in_place():
    model = seeded()
    x = cnn.linspace(1, 2, 50, device="cuda")
    y = x.clone()
    assert F.dropout(y, 0.3, inplace=True) is y
    kept = model.units(50) < np.float32(0.7)
    agree(lying(y), np.where(kept, lying(x) / 0.7, 0), cnn.float32)
    leaf = cnn.ones(50, device="cuda", requires_grad=True)
    y = F.dropout(leaf * 2, 0.3, inplace=True)
    y.sum().backward()
    assert cnn.equal(leaf.grad, y.detach())


def test_shares_of_dropout():
    cuda.manual_seed(1)
    for p in (0.1, 0.5, 0.9):
        for dtype in FLOATS:
            y = F.dropout(cnn.ones(20000, dtype=dtype, device="cuda"), p)
            assert abs((y == 0).float().mean() - p) < 0.015
    # Of neighbours, and of one call and the next, no mask tells of another.
    for dtype in FLOATS:
        x = cnn.ones(8192, dtype=dtype, device="cuda")
        one, two = ((F.dropout(x, 0.5) != 0).float() * 2 - 1 for _ in range(2))
        for shift in range(9):
            assert abs((one * two.roll(shift)).mean()) < 0.05
            assert abs((one * two.roll(-shift)).mean()) < 0.05
            assert shift == 0 or abs((one * one.roll(shift)).mean()) < 0.05


# What it costs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "integers", "chances", "randint"])
def test_nothing_waits_and_one_launch_draws(name):
    x, p = cnn.empty(1000, device="cuda"), cnn.full((1000,), 0.4, device="cuda")
    calls = {"integers": lambda: x.random_(9), "chances": lambda: x.bernoulli_(p),
             "randint": lambda: cnn.randint(0, 9, (50,), device="cuda")}  # fmt: skip
    draw = calls.get(name) or (lambda: drawings(cnn.float32)[name][0](x))
    draw()
    counts = counted(draw)
    assert counts.launches == 1 and counts.copies == 0 and counts.waits == 0


def test_dropout_is_a_launch_forward_and_one_backward():
    for dtype in FLOATS:
        x = cnn.ones(64, 32, dtype=dtype, device="cuda", requires_grad=True)
        dy = cnn.ones_like(x)
        F.dropout(x).backward(dy)
        kept = []
        counts = counted(lambda x=x, kept=kept: kept.append(F.dropout(x)))
        assert counts == (1, 0, 0, 2)  # two blocks: the result and the mask
        counts = counted(lambda x=x, y=kept[0], dy=dy: cnn.autograd.grad(y, x, dy))
        assert counts[:3] == (1, 0, 0)


def test_permutations_do_not_wait():
    cnn.randperm(5000, device="cuda")
    counts = counted(lambda: cnn.randperm(5000, device="cuda"))
    assert counts.copies == 0 and counts.waits == 0


# What is made of them -----------------------------------------------------------------------------


def test_models_made_on_the_cpu_keep_its_numbers():
    cnn.manual_seed(1)
    expected = cnn.nn.Linear(5, 4)
    cnn.manual_seed(1)
    moved = cnn.nn.Linear(5, 4).cuda()
    assert cnn.equal(moved.weight.cpu(), expected.weight)
    cnn.manual_seed(1)
    there = cnn.nn.Linear(5, 4, device="cuda")
    assert not cnn.equal(there.weight.cpu(), expected.weight)
    assert abs(there.weight).max() <= 5**-0.5


def test_rrelu_trains():
    x = cnn.linspace(-2, 2, 40, device="cuda").requires_grad_()
    layer = cnn.nn.RReLU(0.1, 0.3)
    y = layer(x)
    y.sum().backward()
    slopes = x.grad[x < 0]
    assert y.device == x.device and ((slopes >= 0.1) & (slopes <= 0.3)).all()
    assert (x.grad[x > 0] == 1).all()


@pytest.mark.parametrize("n", (2, 3))
def test_fractional_pooling(n):
    x = cnn.arange(2.0 * 3 * 8**n).view(2, 3, *[8] * n).sin()
    samples = cnn.rand(2, 3, n)
    pool = getattr(F, f"fractional_max_pool{n}d")
    expected, places = pool(x, 2, 4, return_indices=True, _random_samples=samples)
    leaf = x.cuda().requires_grad_()
    got, at = pool(leaf, 2, 4, return_indices=True, _random_samples=samples.cuda())
    assert cnn.equal(got.cpu(), expected) and cnn.equal(at.cpu(), places)
    got.sum().backward()
    assert leaf.grad.sum().item() == got.numel()
    cuda.manual_seed(3)
    drawn = cnn.rand(2, 3, n, device="cuda").cpu()
    cuda.manual_seed(3)
    assert cnn.equal(pool(x.cuda(), 2, 4).cpu(), pool(x, 2, 4, _random_samples=drawn))


def test_recomputation_draws_the_same_masks():
    x = cnn.ones(300, device="cuda", requires_grad=True)
    y = cnn.utils.checkpoint.checkpoint(lambda x: F.dropout(x**2), x, use_reentrant=False)
    y.sum().backward()
    assert cnn.equal(x.grad, 2 * y.detach())


def test_vmap_knows_what_draws():
    x = cnn.ones(3, 8, device="cuda")
    with pytest.raises(RuntimeError, match="called random operation"):
        cnn.func.vmap(lambda r: r * cnn.rand(8, device="cuda"))(x)
    same = cnn.func.vmap(lambda r: r * cnn.rand(8, device="cuda"), randomness="same")(x)
    assert cnn.equal(same[0], same[1])
    other = cnn.func.vmap(lambda r: r * cnn.rand(8, device="cuda"), randomness="different")(x)
    assert not cnn.equal(other[0], other[1])
