"""Ops that read and write at indices, over operands and gradients in any layout; which shapes and dtypes fit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cnn


def numbers(*shape):
    return cnn.arange(1.0, int(np.prod(shape)) + 1, dtype=cnn.float64).reshape(shape)


# Tensors [4, 6, 5] that lie in memory in some way.
LAYOUTS = {
    "dense": lambda: numbers(4, 6, 5),
    "every other row": lambda: numbers(4, 12, 5)[:, ::2],
    "every other column": lambda: numbers(4, 6, 10)[:, :, 1::2],
    "inner part": lambda: numbers(6, 8, 9)[1:5, 1:7, 2:7],
    "transposed": lambda: numbers(5, 6, 4).transpose(0, 2),
    "permuted, with gaps": lambda: numbers(6, 10, 8).permute(2, 0, 1)[::2, :, ::2],
}
EXPANDED = {
    "expanded, first": lambda: numbers(6, 5).expand(4, 6, 5),
    "expanded, middle": lambda: numbers(4, 1, 5).expand(4, 6, 5),
    "expanded, last": lambda: numbers(4, 6, 1).expand(4, 6, 5),
    "one number": lambda: cnn.tensor(3.0, dtype=cnn.float64).expand(4, 6, 5),
}
ANY = {**LAYOUTS, **EXPANDED}

AT = cnn.tensor([0, 3, 2, 1])
TWICE = cnn.tensor([0, 3, 3, 1])
GRID = cnn.tensor([[[0, 1, 3]], [[3, 0, 2]]])


def positions(d):
    """[4, 6, 5] with four positions along d."""
    return [4 if i == d else n for i, n in enumerate((4, 6, 5))]


# name -> (dim -> arguments after the tensor); those named `source` are differentiated.
WRITES = {
    "index_put": lambda d, source: ((AT,) * (d + 1), source(4, *(6, 5)[d:])),
    "index_put, one value": lambda d, source: ((AT,) * (d + 1), source()),
    "index_put, added": lambda d, source: ((TWICE,) * (d + 1), source(4, *(6, 5)[d:]), True),
    "index_add": lambda d, source: (d, TWICE, source(*positions(d))),
    "index_copy": lambda d, source: (d, AT, source(*positions(d))),
    "index_fill": lambda d, source: (d, AT, source()),
    "index_reduce": lambda d, source: (d, TWICE, source(*positions(d)), "amax"),
    "put": lambda d, source: (AT * 29, source(4)),
    "put, added": lambda d, source: (TWICE * 29, source(4), True),
    "masked_scatter": lambda d, source: (numbers(4, 6, 5) % 3 == d, source(120)),
    "scatter": lambda d, source: (d, GRID, source(2, 2, 3)),
    "scatter, one value": lambda d, source: (d, GRID, -1.0),
    "scatter_add": lambda d, source: (d, GRID, source(2, 2, 3)),
    "scatter_reduce": lambda d, source: (d, GRID, source(2, 2, 3), "prod"),
}
READS = {
    "index": lambda x, d: x[(slice(None),) * d + (TWICE,)],
    "index, two dimensions": lambda x, d: x[TWICE, :, TWICE] if d else x[TWICE, TWICE],
    "index, mask": lambda x, d: x[cnn.tensor([True, False, True, True])],
    "index_select": lambda x, d: x.index_select(d, TWICE),
    "gather": lambda x, d: x.gather(d, GRID),
    "take": lambda x, d: x.take(TWICE * 29),
    "take_along_dim": lambda x, d: x.take_along_dim(GRID[:1, :1, :1] + d, d),
    "masked_select": lambda x, d: x.masked_select(numbers(4, 6, 5) % 3 == d),
    "embedding": lambda x, d: cnn.nn.functional.embedding(TWICE, x.select(d, 1)),
}
DIMS = [0, 1, 2]


def write(name, x, d, suffix="", source=lambda *shape: -numbers(*shape)):
    return getattr(x, name.split(",")[0] + suffix)(*WRITES[name](d, source))


def dense(x):
    return x.detach().clone(memory_format=cnn.contiguous_format)


def memory_of(x):
    """All of the memory that x is a view of, and a copy of it."""
    base = x if x._base is None else x._base
    return base, base.clone()


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("layout", ANY)
@pytest.mark.parametrize("name", WRITES)
def test_writing_out_of_place(name, layout, d):
    x = ANY[layout]()
    base, before = memory_of(x)
    y = write(name, x, d)
    assert y.shape == x.shape and (y == write(name, dense(x), d)).all()
    assert (base == before).all()


@pytest.mark.parametrize("d", DIMS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", WRITES)
def test_writing_in_place(name, layout, d):
    x = LAYOUTS[layout]()
    base, before = memory_of(x)
    expected = write(name, dense(x), d)
    assert write(name, x, d, "_") is x
    assert (x == expected).all()
    x.zero_()  # what is not of x is as it was
    assert (base[base != 0] == before[base != 0]).all()
    assert (base == 0).sum() == x.numel()


def gradients(call, x, up):
    """Of x and the sources that `call(x, source)` takes, by the gradient `up(y)`."""
    sources = []

    def source(*shape):
        sources.append((-numbers(*shape)).requires_grad_())
        return sources[-1]

    y = call(x, source)
    y.backward(up(y))
    return [t.grad for t in (x, *sources) if t.requires_grad]


def up_expanded(y):
    return cnn.tensor(2.0, dtype=cnn.float64).expand(y.shape)


def up_strided(y):
    g = cnn.arange(y.numel(), dtype=cnn.float64).reshape(y.shape)
    return g if y.dim() < 2 else g.transpose(0, -1).contiguous().transpose(0, -1)


@pytest.mark.parametrize("up", [up_expanded, up_strided])
@pytest.mark.parametrize("layout", ANY)
@pytest.mark.parametrize("name", WRITES)
def test_gradients_of_writing(name, layout, up):
    for d in DIMS:
        call = lambda x, source, d=d: write(name, x, d, source=source)  # noqa: E731
        found = gradients(call, ANY[layout]().detach().requires_grad_(), up)
        right = gradients(call, dense(ANY[layout]()).requires_grad_(), lambda y: dense(up(y)))
        assert len(found) == len(right) > 0
        for a, b in zip(found, right):
            assert a.shape == b.shape and (a == b).all(), d


@pytest.mark.parametrize("layout", ANY)
@pytest.mark.parametrize("name", READS)
def test_reading(name, layout):
    for d in DIMS:
        x = ANY[layout]()
        assert (READS[name](x, d) == READS[name](dense(x), d)).all()


@pytest.mark.parametrize("up", [up_expanded, up_strided])
@pytest.mark.parametrize("layout", ANY)
@pytest.mark.parametrize("name", READS)
def test_gradients_of_reading(name, layout, up):
    for d in DIMS:
        call = lambda x, _, d=d: READS[name](x, d)  # noqa: E731
        (found,) = gradients(call, ANY[layout]().detach().requires_grad_(), up)
        (right,) = gradients(call, dense(ANY[layout]()).requires_grad_(), lambda y: dense(up(y)))
        assert (found == right).all(), d


def test_values_of_sums_over_views():
    x = cnn.arange(1792.0).view(7, 16, 16)[:, ::2]
    at = cnn.tensor([0, 0, 3, 3, 4, 5, 6])
    assert x.index_add(0, at, cnn.ones(7, 8, 16)).sum() == 796096
    assert x.index_fill(0, cnn.tensor([1]), -1.0).sum() == 747008


@pytest.mark.parametrize("dtype", [cnn.float16, cnn.bfloat16])
@pytest.mark.parametrize("layout", ANY)
def test_sums_of_sixteen_bits(layout, dtype):
    x = (ANY[layout]() % 8).to(dtype)
    y = x.index_add(0, TWICE, cnn.ones(4, 6, 5, dtype=dtype))
    assert y.dtype == dtype
    right = dense(x).double().index_add(0, TWICE, cnn.ones(4, 6, 5, dtype=cnn.float64))
    assert (y.double() == right).all()


def test_bernoulli_takes_each_probability_to_its_own_element():
    p = (cnn.arange(12).reshape(3, 4) % 5 < 2).double()
    for x in (cnn.zeros(3, 4), cnn.zeros(4, 3).t(), cnn.zeros(3, 8)[:, ::2]):
        assert (x.bernoulli_(p) == p).all()
        assert (x.bernoulli_(p.t().contiguous().t()) == p).all()


# ---- Shapes that fit ---------------------------------------------------------------------------

SHAPES = [(), (0,), (1,), (2,), (5,), (1, 1), (0, 3), (2, 0), (2, 3)]


def padded(shape):
    return shape or (1,)


def fits(x, index, src):
    """An index is as large as x at most, but along the dimension, and as src; () counts as (1,)."""
    if 0 in index:
        return True
    x, index, src = padded(x), padded(index), padded(index if src is None else src)
    if len(index) != len(x) or len(index) != len(src):
        return False
    return all(i <= n for i, n in zip(index[1:], x[1:])) and all(i <= n for i, n in zip(index, src))


SCATTERS = {
    "scatter": lambda x, i, s: x.scatter(0, i, s),
    "scatter_": lambda x, i, s: x.clone().scatter_(0, i, s),
    "scatter, multiplied": lambda x, i, s: x.scatter(0, i, s, reduce="multiply"),
    "scatter, added": lambda x, i, s: x.scatter(0, i, s, reduce="add"),
    "scatter_add": lambda x, i, s: x.scatter_add(0, i, s),
    **{
        f"scatter_reduce, {reduce}": lambda x, i, s, reduce=reduce: x.scatter_reduce(
            0, i, s, reduce
        )
        for reduce in ("sum", "prod", "mean", "amax", "amin")
    },
}


@pytest.mark.parametrize("name", SCATTERS)
def test_shapes_for_scatter(name):
    for x, index, src in itertools.product(SHAPES, repeat=3):
        tensors = cnn.ones(x), cnn.zeros(index, dtype=cnn.int64), cnn.full(src, 2.0)
        if 0 in padded(x)[:1] and 0 not in index and fits(x, index, src):
            with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
                SCATTERS[name](*tensors)
        elif fits(x, index, src):
            assert SCATTERS[name](*tensors).shape == x
        else:
            with pytest.raises(RuntimeError, match="[Ii]ndex"):
                SCATTERS[name](*tensors)


@pytest.mark.parametrize("name", ["gather", "scatter of a number"])
def test_shapes_for_an_index_alone(name):
    for x, index in itertools.product(SHAPES, repeat=2):
        t, i = cnn.ones(x), cnn.zeros(index, dtype=cnn.int64)
        call = (lambda: t.gather(0, i)) if name == "gather" else (lambda: t.scatter(0, i, 2.0))
        if 0 in padded(x)[:1] and 0 not in index and fits(x, index, None):
            with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
                call()
        elif fits(x, index, None):
            assert call().shape == (index if name == "gather" else x)
        else:
            with pytest.raises(RuntimeError, match="[Ii]ndex"):
                call()


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_gradients_between_a_number_and_a_row(reduce):
    """An index () covers the first element of a row, and (1,) a single number."""
    for x, index, src in itertools.product([(), (1,), (3,)], [(), (1,)], [(), (1,), (3,)]):
        t = cnn.full(x, 2.0, requires_grad=True)
        s = cnn.full(src, 5.0, requires_grad=True)
        y = t.scatter_reduce(0, cnn.zeros(index, dtype=cnn.int64), s, reduce)
        assert y.shape == x
        y.sum().backward()
        first = {"sum": (1, 1), "prod": (5, 2), "mean": (0.5, 0.5), "amax": (0, 1), "amin": (1, 0)}
        assert t.grad.flatten().tolist() == [first[reduce][0]] + [1] * (t.numel() - 1)
        assert s.grad.flatten().tolist() == [first[reduce][1]] + [0] * (s.numel() - 1)
        assert t.grad.shape == x and s.grad.shape == src


# ---- dtypes of indices ---------------------------------------------------------------------------

INDEXED = {
    "x[i]": (lambda x, i: x[i], IndexError),
    "x[i] = v": (lambda x, i: x.__setitem__(i, 1.0), IndexError),
    "index_put": (lambda x, i: x.index_put((i,), cnn.tensor(1.0)), IndexError),
    "index_select": (lambda x, i: x.index_select(0, i), RuntimeError),
    "index_add": (lambda x, i: x.index_add(0, i, cnn.ones(2)), RuntimeError),
    "index_copy": (lambda x, i: x.index_copy(0, i, cnn.ones(2)), RuntimeError),
    "index_fill": (lambda x, i: x.index_fill(0, i, 1.0), IndexError),
    "index_reduce": (lambda x, i: x.index_reduce(0, i, cnn.ones(2), "prod"), RuntimeError),
    "gather": (lambda x, i: x.gather(0, i), RuntimeError),
    "scatter": (lambda x, i: x.scatter(0, i, 1.0), RuntimeError),
    "scatter_add": (lambda x, i: x.scatter_add(0, i, cnn.ones(2)), RuntimeError),
    "scatter_reduce": (lambda x, i: x.scatter_reduce(0, i, cnn.ones(2), "sum"), RuntimeError),
    "take": (lambda x, i: x.take(i), RuntimeError),
    "take_along_dim": (lambda x, i: x.take_along_dim(i, 0), RuntimeError),
    "put": (lambda x, i: x.put(i, cnn.ones(2)), RuntimeError),
    "embedding": (lambda x, i: cnn.nn.functional.embedding(i, x.view(5, 1)), RuntimeError),
}


@pytest.mark.parametrize("dtype", [cnn.int8, cnn.int16, cnn.float32])
@pytest.mark.parametrize("name", INDEXED)
def test_indices_of_dtypes_that_are_none(name, dtype):
    call, kind = INDEXED[name]
    x = cnn.arange(5.0)
    with pytest.raises(kind, match="long|int64|Long"):
        call(x, cnn.tensor([1, 0], dtype=dtype))
    assert x.tolist() == [0, 1, 2, 3, 4]


LONG_ALONE = {"index_copy", "index_fill", "take", "take_along_dim", "put"}


@pytest.mark.parametrize("name", INDEXED)
def test_indices_of_int32(name):
    call, kind = INDEXED[name]
    at = cnn.tensor([1, 0], dtype=cnn.int32)
    if name in LONG_ALONE:
        with pytest.raises(kind, match="long|int64|Long"):
            call(cnn.arange(5.0), at)
        return
    x, y = cnn.arange(5.0), cnn.arange(5.0)
    a, b = call(x, at), call(y, at.long())
    assert (x == y).all() and (a is None or (a == b).all())
