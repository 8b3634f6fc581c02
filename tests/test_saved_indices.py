"""Indices that change between the forward pass and backward: bounded where they are used."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

HOOKS = cnn.autograd.graph.saved_tensors_hooks
FAR = [10**9, -(10**9), 2**62, -(2**63)]


def x(*shape):
    values = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape)
    return cnn.tensor(values, dtype=cnn.float32, requires_grad=True)


# (tensor that is differentiated, index) -> result; the index lies in memory that NumPy shares.
GIVEN = {
    "x[i]": (lambda t, i: t[i], (5, 3), [0, 2, 2]),
    "x[:, i]": (lambda t, i: t[:, i], (3, 5), [0, 2, 2]),
    "x[i, i]": (lambda t, i: t[i, i], (5, 5), [0, 2, 2]),
    "x[i] = v": (lambda t, i: cnn.zeros(5, 3).index_put((i,), t), (3, 3), [0, 2, 1]),
    "index_put": (lambda t, i: t.index_put((i,), cnn.zeros(3)), (5, 3), [0, 2, 1]),
    "index_put, added": (
        lambda t, i: cnn.zeros(5, 3).index_put((i,), t, accumulate=True),
        (3, 3),
        [0, 2, 2],
    ),
    "index_select": (lambda t, i: t.index_select(1, i), (3, 5), [0, 2, 2]),
    "index_add": (lambda t, i: cnn.zeros(5, 3).index_add(0, i, t), (3, 3), [0, 2, 2]),
    "index_copy": (lambda t, i: cnn.zeros(5, 3).index_copy(0, i, t), (3, 3), [0, 2, 1]),
    "index_copy, over": (lambda t, i: t.index_copy(0, i, cnn.zeros(3, 3)), (5, 3), [0, 2, 1]),
    "index_fill": (lambda t, i: t.index_fill(0, i, 2.0), (5, 3), [0, 2, 2]),
    "index_fill, value": (lambda t, i: cnn.zeros(5, 3).index_fill(0, i, t), (), [0, 2, 2]),
    "index_reduce": (
        lambda t, i: cnn.ones(5, 3).index_reduce(0, i, t, "mean"),
        (3, 3),
        [0, 2, 2],
    ),
    "gather": (lambda t, i: t.gather(0, i), (5,), [0, 2, 2]),
    "scatter": (lambda t, i: cnn.zeros(5).scatter(0, i, t), (3,), [0, 2, 1]),
    "scatter, over": (lambda t, i: t.scatter(0, i, 1.0), (5,), [0, 2, 1]),
    "scatter_add": (lambda t, i: cnn.zeros(5).scatter_add(0, i, t), (3,), [0, 2, 2]),
    "scatter_reduce": (
        lambda t, i: cnn.zeros(5).scatter_reduce(0, i, t, "amax"),
        (3,),
        [0, 2, 2],
    ),
    "take": (lambda t, i: t.take(i), (5, 3), [0, 14, 2]),
    "put": (lambda t, i: cnn.zeros(5, 3).put(i, t), (3,), [0, 14, 2]),
    "put, over": (lambda t, i: t.put(i, cnn.zeros(3)), (5, 3), [0, 14, 2]),
    "embedding": (lambda t, i: F.embedding(i, t), (5, 3), [0, 2, 2]),
    "embedding, by frequency": (
        lambda t, i: F.embedding(i, t, scale_grad_by_freq=True),
        (5, 3),
        [0, 2, 2],
    ),
    "embedding_bag": (lambda t, i: F.embedding_bag(i.view(1, 3), t), (5, 3), [0, 2, 2]),
    "nll_loss": (lambda t, i: F.nll_loss(t, i), (3, 5), [0, 2, 2]),
    "nll_loss, weighted": (
        lambda t, i: F.nll_loss(t, i, cnn.rand(5), reduction="none"),
        (3, 5),
        [0, 2, 2],
    ),
    "nll_loss of images": (
        lambda t, i: F.nll_loss(t, i.view(1, 1, 3)),
        (1, 5, 1, 3),
        [0, 2, 2],
    ),
    "cross_entropy": (lambda t, i: F.cross_entropy(t, i), (3, 5), [0, 2, 2]),
    "cross_entropy, summed": (
        lambda t, i: F.cross_entropy(t, i, cnn.rand(5), reduction="sum"),
        (3, 5),
        [0, 2, 2],
    ),
    "cross_entropy, smoothed": (
        lambda t, i: F.cross_entropy(t, i, label_smoothing=0.1),
        (3, 5),
        [0, 2, 2],
    ),
    "cross_entropy of one": (lambda t, i: F.cross_entropy(t, i[0]), (5,), [2, 0, 0]),
}


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("name", GIVEN)
def test_a_buffer_that_numpy_overwrites(name, far):
    op, shape, index = GIVEN[name]
    buffer, t = np.array(index), x(*shape)
    y = op(t, cnn.from_numpy(buffer))
    buffer[:] = far
    with pytest.raises((IndexError, RuntimeError), match="out of (bounds|range)"):
        y.sum().backward()
    assert t.grad is None


@pytest.mark.parametrize("name", GIVEN)
def test_a_buffer_that_gets_other_indices_in_range(name):
    op, shape, index = GIVEN[name]
    buffer, t = np.array(index), x(*shape)
    y = op(t, cnn.from_numpy(buffer))
    buffer[:] = [1, 1, 0]
    y.sum().backward()
    assert t.grad.shape == t.shape


@pytest.mark.parametrize("name", GIVEN)
def test_an_unpack_hook_that_changes_indices(name):
    op, shape, index = GIVEN[name]
    t = x(*shape)
    with HOOKS(lambda s: s, lambda s: s if s.is_floating_point() else s + 10**9):
        y = op(t, cnn.tensor(index))
    # An index that backward does not read again, or keeps as it was, does no harm.
    try:
        y.sum().backward()
    except (IndexError, RuntimeError) as e:
        assert "out of" in str(e) or "unpack hook" in str(e)
    else:
        assert name.startswith(("x[", "index_put"))


# tensor -> (values, indices)
MADE = {
    "max": lambda t: t.max(1),
    "min": lambda t: t.min(1),
    "sort": lambda t: t.sort(1),
    "topk": lambda t: t.topk(2, 1),
    "kthvalue": lambda t: t.kthvalue(2, 1),
    "median": lambda t: t.median(1),
    "nanmedian": lambda t: t.nanmedian(1),
    "mode": lambda t: t.mode(1),
    "cummax": lambda t: t.cummax(1),
    "cummin": lambda t: t.cummin(1),
    "max_pool1d": lambda t: F.max_pool1d(t, 2, return_indices=True),
    "max_pool1d, overlapping": lambda t: F.max_pool1d(t, 3, 1, return_indices=True),
    "max_pool2d": lambda t: F.max_pool2d(t.view(1, 4, 6), 2, return_indices=True),
    "max_pool3d": lambda t: F.max_pool3d(t.view(1, 2, 2, 6), 2, return_indices=True),
    "adaptive_max_pool1d": lambda t: F.adaptive_max_pool1d(t, 2, return_indices=True),
    "adaptive_max_pool2d": lambda t: F.adaptive_max_pool2d(t.view(1, 4, 6), 2, return_indices=True),
    "fractional_max_pool2d": lambda t: F.fractional_max_pool2d(
        t.view(1, 4, 6), 2, 2, return_indices=True
    ),
}
OUT_OF_RANGE = "out of bounds|invalid max index"


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
@pytest.mark.parametrize("far", [*FAR, 2**32])
@pytest.mark.parametrize("name", sorted(MADE.keys() - {"fractional_max_pool2d"}))
def test_made_indices_that_numpy_overwrites(name, far, dtype):
    t = x(4, 6).detach().to(dtype).requires_grad_()
    values, indices = MADE[name](t)
    indices.numpy()[:] = far
    with pytest.raises((IndexError, RuntimeError), match=OUT_OF_RANGE):
        values.sum().backward()
    assert t.grad is None


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"fractional_max_pool2d"}))
def test_made_indices_of_other_data(name):
    values, indices = MADE[name](x(4, 6))
    indices.data = cnn.zeros(0, dtype=cnn.int64)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()


def test_fractional_pools_keep_indices_of_their_own():
    t = x(4, 6)
    values, indices = MADE["fractional_max_pool2d"](t)
    places = indices.flatten().tolist()
    indices.numpy()[:] = 10**9
    values.sum().backward()
    expected = np.zeros(24, "f4")
    expected[places] = 1
    np.testing.assert_array_equal(t.grad.flatten().numpy(), expected)


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
@pytest.mark.parametrize("width", [4, 6, 34, 70])
def test_a_pool_follows_indices_wherever_they_lead(width, dtype):
    """Also where they have been moved out of their windows, but not out of the plane."""
    t = x(2, 4, width).detach().to(dtype).requires_grad_()
    values, indices = F.max_pool2d(t, 2, return_indices=True)
    moved = (indices + width + 3) % (4 * width)
    indices.numpy()[0] = moved[0].numpy()  # one plane as it was, one moved
    g = cnn.arange(1.0, values.numel() + 1, dtype=dtype).reshape(values.shape)
    values.backward(g)
    expected = np.zeros((2, 4 * width))
    for plane in range(2):
        np.add.at(expected[plane], indices[plane].flatten().numpy(), g[plane].flatten().numpy())
    np.testing.assert_array_equal(t.grad.numpy().reshape(2, -1), expected)


def test_windows_without_an_element_have_no_gradient_of_any_order():
    t = cnn.tensor([[1.0, 2.0]], requires_grad=True)
    y = F.max_pool1d(t, 2, 1, padding=1, dilation=3)  # sees the elements -1 and 2
    assert y.tolist() == [[-np.inf]]
    up = cnn.ones(1, 1, requires_grad=True)
    (g,) = cnn.autograd.grad(y, t, up, create_graph=True)
    g.sum().backward()
    assert g.tolist() == [[0, 0]] and up.grad.tolist() == [[0]]


# ---- What unpack hooks may return -------------------------------------------------------------


def multiplied(unpack):
    a, b = x(3, 4), x(3, 4)
    with HOOKS(lambda t: t, unpack):
        y = a * b
    y.sum().backward()
    return a, b


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:2],
        lambda t: t.reshape(12),
        lambda t: t.unsqueeze(0),
        lambda t: t[:1],
        lambda t: t.double(),
        lambda t: t.half(),
        lambda t: t.to("meta"),
    ],
)
def test_an_unpack_hook_that_returns_another_kind_of_tensor(change):
    with pytest.raises(RuntimeError, match="unpack hook must return a tensor like the one"):
        multiplied(change)


def test_an_unpack_hook_that_returns_nothing():
    with pytest.raises(TypeError, match="unpack_hook"):
        multiplied(lambda t: None)


def strided(t):
    """The same values with gaps between them, in another order of dimensions."""
    if t.dim() == 0:
        return t
    wide = cnn.zeros(*reversed(t.shape), 2, dtype=t.dtype)[..., 1]
    turned = wide.permute(*reversed(range(t.dim())))
    return turned.copy_(t)


@pytest.mark.parametrize("name", [*GIVEN, *MADE])
def test_an_unpack_hook_that_returns_the_values_in_another_layout(name):
    def gradient(unpack):
        cnn.manual_seed(0)
        if name in GIVEN:
            op, shape, index = GIVEN[name]
            t, i = x(*shape), cnn.tensor(index)
            call = lambda: op(t, i)  # noqa: E731
        else:
            t = x(4, 6)
            call = lambda: MADE[name](t)[0]  # noqa: E731
        with HOOKS(lambda s: s, unpack):
            y = call()
        y.sum().backward()
        return t.grad.numpy()

    np.testing.assert_array_equal(gradient(strided), gradient(lambda s: s))


@pytest.mark.parametrize(
    "layer",
    [
        lambda t: F.layer_norm(t, (6,)),
        lambda t: F.softmax(t, 1),
        lambda t: F.log_softmax(t, 0),
        lambda t: F.group_norm(t, 3),
        lambda t: F.batch_norm(t, None, None, training=True),
        lambda t: F.conv1d(t.unsqueeze(0), cnn.ones(2, 4, 3)),
        lambda t: F.scaled_dot_product_attention(t, t, t),
        lambda t: cnn.nn.GRU(6, 2)(t)[0],
        lambda t: t.logcumsumexp(1),
        lambda t: t.cumprod(1),
        lambda t: t.std(1),
        lambda t: t.norm(dim=1),
        lambda t: t @ t.t(),
    ],
)
def test_layers_take_what_hooks_return_in_any_layout(layer):
    def gradient(unpack):
        cnn.manual_seed(0)
        t = (x(4, 6).detach() / 7).requires_grad_()
        with HOOKS(lambda s: s, unpack):
            y = layer(t)
        (y * cnn.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        return t.grad.numpy()

    np.testing.assert_allclose(gradient(strided), gradient(lambda s: s), rtol=1e-5, atol=1e-6)


# ---- Tensors that become others ----------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda b: setattr(b, "data", cnn.zeros(2)),
        lambda b: setattr(b, "data", cnn.zeros(3, 4).double()),
        lambda b: setattr(b, "data", cnn.zeros(4, 3).t()),
        lambda b: b.set_(cnn.zeros(5)),
        lambda b: b.set_(),
        lambda b: b.resize_(1),
        lambda b: b.t_(),
        lambda b: b.unsqueeze_(0),
    ],
)
def test_a_saved_tensor_of_another_geometry_is_noticed(change):
    a, b = x(3, 4), x(3, 4).detach()
    y = a * b
    change(b)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_data_of_the_same_geometry_stands_in_for_the_old():
    a, b = x(3, 4), x(3, 4).detach()
    y = a * b
    b.data = cnn.full((3, 4), 5.0)
    y.sum().backward()
    assert (a.grad == 5).all()


def test_set_is_noticed_whatever_the_version_of_the_new_memory():
    for writes in range(4):
        a, b, other = x(3), x(3).detach(), cnn.zeros(3)
        b.add_(1)
        for _ in range(writes):
            other.add_(1)
        y = a * b
        b.set_(other)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_a_mask_that_grows_while_it_is_kept():
    mask, t = np.array([True, False, False]), x(3)
    y = t[cnn.from_numpy(mask)]
    mask[:] = True
    y.sum().backward()
    assert t.grad.tolist() == [1, 0, 0]


def test_a_buffer_that_changes_while_it_is_read():
    """Another thread writes into the index during the loops, which run without the interpreter's lock."""
    buffer, t = np.zeros(1 << 20, "i8"), cnn.full((1000,), 3.0)
    index, stop = cnn.from_numpy(buffer), threading.Event()

    def write():
        while not stop.is_set():
            buffer[::3] = 2**40
            buffer[::3] = 999

    thread = threading.Thread(target=write)
    thread.start()
    read, refused, end = 0, 0, time.monotonic() + 0.5
    try:
        while time.monotonic() < end:
            try:
                assert (t[index] == 3).all() and (t.gather(0, index) == 3).all()
                read += 1
            except (IndexError, RuntimeError) as e:
                assert "out of bounds" in str(e)
                refused += 1
    finally:
        stop.set()
        thread.join()
    assert read + refused > 0
