"""Writing where elements share memory, with each other or with what is read: as PyTorch allows and refuses it."""

from __future__ import annotations

import warnings

import pytest

import cnn


def at(*indices):
    return cnn.tensor(indices)


def row():
    return cnn.tensor([0.5]).expand(3)


def rows():
    return cnn.tensor([[1.0], [-1.0]]).expand(2, 3)


def assign(x, key, value):
    x[key] = value
    return x


# (write, the values of `row()` after it, op that the warning names)
ALLOWED = {
    "fill_": (lambda x: x.fill_(2), 2, None),
    "zero_": (lambda x: x.zero_(), 0, None),
    "x[mask] = number": (lambda x: assign(x, x > 0, 9.0), 9, "index_put_"),
    "x[mask] = 0-d": (lambda x: assign(x, x > 0, cnn.tensor(9.0)), 9, "index_put_"),
    "x[mask] = values": (lambda x: assign(x, x > 0, cnn.arange(3.0)), 2, "index_put_"),
    "x[indices] = number": (lambda x: assign(x, at(0, 2), 4.0), 4, "index_put_"),
    "x[0] = number": (lambda x: assign(x, 0, 4.0), 4, None),
    "masked_fill_": (
        lambda x: x.masked_fill_(cnn.tensor([True, False, False]), 3.0),
        3,
        "masked_fill_",
    ),
    "masked_fill_, last": (
        lambda x: x.masked_fill_(cnn.tensor([False, False, True]), 3.0),
        3,
        "masked_fill_",
    ),
    "masked_fill_, none": (
        lambda x: x.masked_fill_(cnn.tensor([False, False, False]), 3.0),
        0.5,
        "masked_fill_",
    ),
    "index_put_": (lambda x: x.index_put_((at(0, 2),), cnn.tensor([1.0, 2.0])), 2, "index_put_"),
    "index_put_, added": (
        lambda x: x.index_put_((at(0, 2),), cnn.tensor([1.0, 2.0]), accumulate=True),
        3.5,
        "index_put_",
    ),
    "index_fill_": (lambda x: x.index_fill_(0, at(0), 3.0), 3, "index_fill_"),
    "index_fill_, 0-d": (lambda x: x.index_fill_(0, at(0), cnn.tensor(3.0)), 3, "index_fill_"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_writes_that_expanded_tensors_take(name):
    write, value, warns = ALLOWED[name]
    x = row()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert write(x) is x
    assert x.tolist() == [value] * 3
    said = [str(w.message) for w in caught if "on expanded tensors is deprecated" in str(w.message)]
    assert bool(said) == bool(warns) and all(f"Use of {warns} on" in s for s in said)


def test_sums_of_sixteen_bits_into_expanded_tensors():
    for dtype in (cnn.bfloat16, cnn.float16):
        x = cnn.full((1,), 0.5, dtype=dtype).expand(3)
        with pytest.warns(UserWarning, match="index_put_ on expanded"):
            x.index_put_((at(0, 2),), cnn.tensor([1.0, 2.0], dtype=dtype), accumulate=True)
        assert x.tolist() == [3.5] * 3


@pytest.mark.filterwarnings("ignore:Use of")
def test_only_the_rows_that_are_named_change():
    assert assign(rows(), rows() > 0, 9.0).tolist() == [[9] * 3, [-1] * 3]
    assert assign(rows(), cnn.tensor([True, False]), 9.0).tolist() == [[9] * 3, [-1] * 3]
    assert assign(rows(), rows() > 0, cnn.arange(3.0)).tolist() == [[2] * 3, [-1] * 3]
    assert rows().masked_fill_(rows() < 0, 3.0).tolist() == [[1] * 3, [3] * 3]
    assert rows().index_fill_(0, at(0), 3.0).tolist() == [[3] * 3, [-1] * 3]
    assert rows().index_fill_(1, at(0), 3.0).tolist() == [[3] * 3, [3] * 3]
    mask = cnn.zeros(2, 3, dtype=cnn.bool)
    mask[1, 1] = True
    assert rows().masked_fill_(mask, 3.0).tolist() == [[1] * 3, [3] * 3]


ONE = cnn.ones(1)
REFUSED = {
    "x[:] = number": lambda x: assign(x, slice(None), 5.0),
    "x[:] = 0-d": lambda x: assign(x, slice(None), cnn.tensor(5.0)),
    "x[...] = number": lambda x: assign(x, ..., 5.0),
    "copy_": lambda x: x.copy_(cnn.ones(3)),
    "add_": lambda x: x.add_(1),
    "index_add_": lambda x: x.index_add_(0, at(0), ONE),
    "index_copy_": lambda x: x.index_copy_(0, at(0), ONE),
    "index_reduce_": lambda x: x.index_reduce_(0, at(0), ONE, "prod"),
    "scatter_": lambda x: x.scatter_(0, at(0), ONE),
    "scatter_, number": lambda x: x.scatter_(0, at(0), 1.0),
    "scatter_add_": lambda x: x.scatter_add_(0, at(0), ONE),
    "scatter_reduce_": lambda x: x.scatter_reduce_(0, at(0), ONE, "sum"),
    "masked_scatter_": lambda x: x.masked_scatter_(x > 0, cnn.arange(3.0)),
    "put_": lambda x: x.put_(at(0), ONE),
    "put_, added": lambda x: x.put_(at(0), ONE, accumulate=True),
    "bernoulli_": lambda x: x.bernoulli_(1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_writes_that_expanded_tensors_refuse(name):
    x = row()
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        REFUSED[name](x)
    assert x.tolist() == [0.5] * 3


@pytest.mark.filterwarnings("ignore:Use of")
@pytest.mark.parametrize(
    "write",
    [
        lambda y: y.fill_(3.0),
        lambda y: y.zero_(),
        lambda y: y.masked_fill_(cnn.tensor([True, False, False]), 3.0),
        lambda y: y.index_put_((at(0),), cnn.tensor(3.0)),
        lambda y: y.index_fill_(0, at(0), 3.0),
    ],
)
def test_gradients_do_not_go_through_such_a_write(write):
    x = cnn.ones(1, requires_grad=True)
    y = (x * 2).expand(3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        write(y)
        y.sum().backward()


# ---- What is read while it is written --------------------------------------------------------------


def longs():
    return cnn.arange(4)


REVERSED = at(3, 2, 1, 0)
SHARED = {
    "index_put_, index": lambda x: x.index_put_((x,), longs()),
    "index_put_, values": lambda x: x.index_put_((REVERSED,), x),
    "index_put_, part": lambda x: x.index_put_((at(0, 1, 2),), x[1:]),
    "x[i] = x": lambda x: assign(x, REVERSED, x),
    "x[i] = part": lambda x: assign(x, at(0, 1, 2), x[1:]),
    "x[i] = element": lambda x: assign(x, at(0, 1, 2), x[3]),
    "index_add_, index": lambda x: x.index_add_(0, x, longs()),
    "index_add_, source": lambda x: x.index_add_(0, REVERSED, x),
    "index_add_, part": lambda x: x.index_add_(0, at(3, 2), x[1:3]),
    "index_copy_, index": lambda x: x.index_copy_(0, x, longs()),
    "index_copy_, source": lambda x: x.index_copy_(0, REVERSED, x),
    "index_fill_, index": lambda x: x.index_fill_(0, x, 3),
    "index_fill_, part": lambda x: x.index_fill_(0, x[1:3], 3),
    "index_reduce_, source": lambda x: x.index_reduce_(0, REVERSED, x, "prod"),
    "index_reduce_, index": lambda x: x.index_reduce_(0, x, longs(), "prod"),
    "scatter_, index": lambda x: x.scatter_(0, x, longs()),
    "scatter_, source": lambda x: x.scatter_(0, REVERSED, x),
    "scatter_, part": lambda x: x.scatter_(0, at(3, 2), x[1:3]),
    "scatter_, number": lambda x: x.scatter_(0, x, 3),
    "scatter_add_, index": lambda x: x.scatter_add_(0, x, longs()),
    "scatter_add_, source": lambda x: x.scatter_add_(0, REVERSED, x),
    "scatter_reduce_, source": lambda x: x.scatter_reduce_(0, REVERSED, x, "sum"),
    "scatter_reduce_, index": lambda x: x.scatter_reduce_(0, x, longs(), "sum"),
    "put_, index": lambda x: x.put_(x, longs()),
    "put_, source": lambda x: x.put_(REVERSED, x),
    "take, out=": lambda x: cnn.take(x, REVERSED, out=x),
    "take, out= part": lambda x: cnn.take(x, at(1, 0), out=x[1:3]),
    "take, out= index": lambda x: cnn.take(longs(), x, out=x),
    "take_along_dim, out=": lambda x: cnn.take_along_dim(x, REVERSED, 0, out=x),
    "gather, out=": lambda x: cnn.gather(x, 0, REVERSED, out=x),
    "gather, out= part": lambda x: cnn.gather(x, 0, at(1, 0), out=x[1:3]),
    "index_select, out=": lambda x: cnn.index_select(x, 0, REVERSED, out=x),
    "index_select, out= part": lambda x: cnn.index_select(x, 0, at(1, 0), out=x[1:3]),
    "index_select, out= index": lambda x: cnn.index_select(longs(), 0, x, out=x),
    "masked_select, out=": lambda x: cnn.masked_select(x, x > -1, out=x),
    "masked_select, out= part": lambda x: cnn.masked_select(x, x > 1, out=x[1:3]),
    "nonzero, out=": lambda x: cnn.nonzero(x, out=x),
    "scatter, out= source": lambda x: cnn.scatter(longs(), 0, REVERSED, x, out=x),
    "scatter, out= index": lambda x: cnn.scatter(longs(), 0, x, longs(), out=x),
    "scatter_add, out= source": lambda x: cnn.scatter_add(longs(), 0, REVERSED, x, out=x),
    "scatter_reduce, out= source": lambda x: cnn.scatter_reduce(
        longs(), 0, REVERSED, x, "sum", out=x
    ),
    "index_add, out= source": lambda x: cnn.index_add(longs(), 0, REVERSED, x, out=x),
    "index_copy, out= source": lambda x: cnn.index_copy(longs(), 0, REVERSED, x, out=x),
    "index_reduce, out= source": lambda x: cnn.index_reduce(longs(), 0, REVERSED, x, "prod", out=x),
}


@pytest.mark.parametrize("name", SHARED)
def test_operands_that_share_memory_with_the_result(name):
    x = longs()
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        SHARED[name](x)
    assert x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "call, expected",
    [
        (lambda x: assign(x, x < 2, x[3]), [3, 3, 2, 3]),
        (lambda x: x.index_fill_(0, at(0, 1), x[3]), [3, 3, 2, 3]),
        (lambda x: x.masked_fill_(x > 1, x[0]), [0, 1, 0, 0]),
        (lambda x: x.masked_scatter_(x > -1, x), [0, 1, 2, 3]),
        (lambda x: cnn.gather(cnn.arange(10, 14), 0, x, out=x), [10, 11, 12, 13]),
        (lambda x: cnn.take_along_dim(cnn.arange(10, 14), x, 0, out=x), [10, 11, 12, 13]),
        (lambda x: cnn.scatter(x, 0, at(1, 0), at(7, 8), out=x), [8, 7, 2, 3]),
        (lambda x: cnn.scatter_add(x, 0, at(1, 0), at(7, 8), out=x), [8, 8, 2, 3]),
        (lambda x: cnn.index_add(x, 0, at(1, 0), at(7, 8), out=x), [8, 8, 2, 3]),
        (lambda x: cnn.index_copy(x, 0, at(1, 0), at(7, 8), out=x), [8, 7, 2, 3]),
    ],
)
def test_operands_that_may_share_memory(call, expected):
    x = longs()
    assert call(x) is x and x.tolist() == expected


@pytest.mark.parametrize(
    "call",
    [
        lambda out: cnn.take(cnn.arange(5.0), at(1, 2), out=out),
        lambda out: cnn.gather(cnn.arange(5.0), 0, at(1, 2), out=out),
        lambda out: cnn.index_select(cnn.arange(5.0), 0, at(1, 2), out=out),
        lambda out: cnn.masked_select(cnn.arange(5.0), cnn.arange(5.0) > 2, out=out),
        lambda out: cnn.take_along_dim(cnn.arange(5.0), at(1, 2), 0, out=out),
    ],
)
@pytest.mark.parametrize("dtype", [cnn.float64, cnn.float16, cnn.int8])
def test_out_of_another_dtype(call, dtype):
    out = cnn.zeros(2, dtype=dtype)
    with pytest.raises(RuntimeError, match="dtype|scalar type"):
        call(out)
    assert out.tolist() == [0, 0]
