"""Bad input raises PyTorch's type of exception, says why, and writes nothing."""

from __future__ import annotations

import pytest

import cnn
import cnn.nn.functional as F

LONG = cnn.int64


def index(*values):
    return cnn.tensor(values, dtype=LONG)


def refused(kind, match, call, *targets):
    """The call raises, and the targets keep values, shape and version."""
    before = [(t.tolist(), t.shape, t._version) for t in targets]
    with pytest.raises(kind, match=match):
        call(*targets)
    assert [(t.tolist(), t.shape, t._version) for t in targets] == before


def case(kind, match, call, *shapes):
    return pytest.param(kind, match, call, shapes, id=match[:40])


# Shapes and dtypes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, match, call, shapes",
    [
        case(
            RuntimeError,
            "size of tensor a .3. must match the size of tensor b .4. at non-singleton dimension 1",
            lambda a, b: a + b,
            (2, 3),
            (2, 4),
        ),
        case(RuntimeError, "must match", lambda a, b: a.add_(b), (2, 3), (2, 4)),
        case(
            RuntimeError, "doesn't match the broadcast shape", lambda a, b: a.mul_(b), (3,), (2, 3)
        ),
        case(
            RuntimeError,
            "mat1 and mat2 shapes cannot be multiplied .2x3 and 2x3.",
            lambda a, b: a @ b,
            (2, 3),
            (2, 3),
        ),
        case(
            RuntimeError,
            "size mismatch, got input .2., mat .2x3., vec .2.",
            lambda a, b: a @ b,
            (2, 3),
            (2,),
        ),
        case(
            RuntimeError,
            "both arguments to matmul need to be at least 1D",
            lambda a, b: a @ b,
            (),
            (2,),
        ),
        case(
            RuntimeError,
            "Sizes of tensors must match except in dimension 0",
            lambda a, b: cnn.cat([a, b]),
            (2, 3),
            (2, 4),
        ),
        case(
            RuntimeError,
            "stack expects each tensor to be equal size",
            lambda a, b: cnn.stack([a, b]),
            (2,),
            (3,),
        ),
        case(
            RuntimeError,
            "shape .* is invalid for input of size 6",
            lambda a: a.reshape(4, 2),
            (2, 3),
        ),
        case(
            RuntimeError, "only one dimension can be inferred", lambda a: a.reshape(-1, -1), (2, 3)
        ),
        case(
            IndexError,
            "Dimension out of range .expected to be in range of .-2, 1., but got 2.",
            lambda a: a.sum(2),
            (2, 3),
        ),
        case(
            RuntimeError,
            "dim 0 appears multiple times in the list of dims",
            lambda a: a.sum((0, 0)),
            (2, 3),
        ),
        case(
            RuntimeError,
            "a Tensor with 2 elements cannot be converted to Scalar",
            lambda a: a.item(),
            (2,),
        ),
        case(
            RuntimeError,
            "Boolean value of Tensor with more than one value is ambiguous",
            bool,
            (2,),
        ),
        case(
            TypeError,
            "only integer tensors of a single element can be converted to an index",
            lambda a: [1][a],
            (1,),
        ),
        case(TypeError, "iteration over a 0-d tensor", list, ()),
        case(TypeError, "len.. of a 0-d tensor", len, ()),
        case(
            ValueError, "only one element tensors can be converted to Python scalars", float, (2,)
        ),
        case(RuntimeError, "copy_|must match", lambda a, b: a.copy_(b), (2, 3), (4,)),
        case(RuntimeError, "expand|must match", lambda a: a.__setitem__(0, cnn.ones(4)), (2, 3)),
    ],
)
def test_shapes(kind, match, call, shapes):
    refused(kind, match, call, *(cnn.arange(float(cnn.Size(s).numel())).reshape(s) for s in shapes))


def test_dtypes():
    whole, real = cnn.ones(3, dtype=LONG), cnn.ones(3)
    refused(
        RuntimeError,
        "result type Float can't be cast to the desired output type Long",
        lambda x: x.add_(real),
        whole,
    )
    refused(RuntimeError, "result type Float can't be cast", lambda x: x.div_(2), whole)
    refused(RuntimeError, "result type Float can't be cast", lambda x: cnn.exp(real, out=x), whole)
    refused(
        RuntimeError,
        "same dtype",
        lambda x: cnn.mm(cnn.ones(2, 2), cnn.ones(2, 2, dtype=cnn.float64)),
        real,
    )
    refused(RuntimeError, "ZeroDivisionError", lambda x: x.floor_divide_(0), whole)
    refused(RuntimeError, "Integers to negative integer powers", lambda x: x.pow_(-1), whole)
    refused(RuntimeError, "only Tensors of floating point", lambda x: x.requires_grad_(), whole)
    refused(RuntimeError, "mean.*floating point", lambda x: x.mean(), whole)
    refused(
        RuntimeError,
        "with two bool tensors|bool tensor",
        lambda x: cnn.ones(2, dtype=cnn.bool) - cnn.ones(2, dtype=cnn.bool),
        real,
    )
    refused(NotImplementedError, "not implemented for 'Float'", lambda x: x & x, real)
    refused(
        TypeError,
        "must be Tensor, not str|invalid combination|received",
        lambda x: cnn.add(x, "one"),
        real,
    )
    refused(TypeError, "unexpected keyword", lambda x: x.sum(dims=0), real)


def test_out_keeps_its_size_when_the_call_fails():
    out = cnn.ones(5, dtype=LONG)
    refused(RuntimeError, "can't be cast", lambda x: cnn.add(cnn.ones(2, 3), 1.5, out=x), out)
    refused(
        RuntimeError, "must match", lambda x: cnn.add(cnn.ones(2), cnn.ones(3), out=x), cnn.ones(5)
    )
    leaf = cnn.ones(3, requires_grad=True)
    refused(
        RuntimeError,
        "don't support automatic differentiation",
        lambda x: cnn.exp(leaf, out=x),
        cnn.zeros(3),
    )


# Devices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda a, m: a + m,
        lambda a, m: a.add_(m),
        lambda a, m: a @ m,
        lambda a, m: cnn.cat([a, m]),
        lambda a, m: cnn.where(a > 0, a, m),
        lambda a, m: cnn.nn.functional.linear(a, m),
        lambda a, m: a.index_select(0, cnn.zeros(1, dtype=LONG, device="meta")),
        lambda a, m: a[cnn.zeros(1, dtype=LONG, device="meta")],
        lambda a, m: cnn.mul(a, a, out=m),
    ],
)
def test_devices_do_not_mix(call):
    a = cnn.ones(2, 2)
    refused(
        (RuntimeError, NotImplementedError),
        None,
        lambda x: call(x, cnn.ones(2, 2, device="meta")),
        a,
    )


def test_devices_that_are_not_there():
    refused(
        RuntimeError,
        "Expected one of cpu, cuda|device type|Invalid device",
        lambda: cnn.ones(2, device="abacus"),
    )
    if not cnn._C._cuda_is_available():
        refused((RuntimeError, AssertionError), "CUDA", lambda: cnn.ones(2, device="cuda"))
        refused((RuntimeError, AssertionError), "CUDA", lambda: cnn.ones(2).cuda())


def test_meta_tensors_have_no_values():
    x = cnn.ones(2, device="meta")
    for call in (
        x.sum().item,
        x.tolist,
        x.numpy,
        lambda: bool(x.sum()),
        x.cpu,
        lambda: x.nonzero(),
    ):
        with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
            call()


# Sizes --------------------------------------------------------------------------------------------

HUGE = 1 << 62


@pytest.mark.parametrize(
    "make",
    [
        lambda: cnn.empty(-1),
        lambda: cnn.zeros(2, -3),
        lambda: cnn.ones(3).new_zeros(-1),
        lambda: cnn.full((-1,), 0.0),
        lambda: cnn.rand(-2),
        lambda: cnn.empty_strided((-1,), (1,)),
    ],
)
def test_negative_sizes(make):
    refused(RuntimeError, "[Nn]egative", make)


@pytest.mark.parametrize(
    "make",
    [
        lambda: cnn.empty(HUGE, HUGE),
        lambda: cnn.zeros(HUGE, 4),
        lambda: cnn.empty(HUGE),
        lambda: cnn.ones(1 << 40),
        lambda: cnn.rand(1 << 44),
        lambda: cnn.empty_strided((2, 2), (HUGE, HUGE)),
        lambda: cnn.arange(float(1 << 60)),
        lambda: cnn.eye(1 << 31),
        lambda: cnn.ones(1).repeat(1 << 45),
        lambda: cnn.ones(1 << 20).outer(cnn.ones(1 << 24)),
        lambda: cnn.ones(2).resize_(1 << 45),
        lambda: cnn.randperm(1 << 45),
        lambda: cnn.ones(1).expand(1 << 45).clone(),
        lambda: cnn.ones(1).repeat(HUGE, HUGE),
        lambda: cnn.constant_pad_nd(cnn.ones(1), (HUGE, HUGE)),
        lambda: cnn.linspace(0, 1, 1 << 45),
        lambda: cnn.empty(1 << 40, 2, device="meta").unfold(0, 1 << 31, 3),
    ],
)
def test_sizes_beyond_memory_or_64_bits(make):
    with pytest.raises((RuntimeError, MemoryError, OverflowError)) as caught:
        make()
    assert str(caught.value)
    assert cnn.ones(3).sum() == 3  # and all goes on


def test_numbers_that_do_not_fit():
    refused(ValueError, "Overflow", lambda: cnn.tensor(1 << 70))
    refused((TypeError, ValueError), "Overflow", lambda: cnn.ones(2).reshape(1 << 70))


@pytest.mark.parametrize(
    "data, kind",
    [
        ([[1, 2], [3]], ValueError),
        ([[1], 2], (ValueError, TypeError)),
        ([1, [2]], (ValueError, TypeError)),
        ([[1, 2], [3, [4]]], (ValueError, TypeError)),
        (["a"], (ValueError, TypeError)),
        ([None], (TypeError, RuntimeError)),
        ([object()], (RuntimeError, TypeError)),
        ([[1], []], ValueError),
    ],
)
def test_ragged_and_foreign_data(data, kind):
    with pytest.raises(kind):
        cnn.tensor(data)


def test_lists_that_contain_themselves_do_not_crash():
    loop = []
    loop.append(loop)
    with pytest.raises(TypeError, match="self-referential"):
        cnn.tensor(loop)


# Indices ------------------------------------------------------------------------------------------

TABLE = [
    ("embedding", lambda x, i: cnn.nn.functional.embedding(i, x)),
    ("index", lambda x, i: x[i]),
    ("setitem", lambda x, i: x.__setitem__(i, 7.0)),
    ("index_put_", lambda x, i: x.index_put_((i,), cnn.zeros(3))),
    ("accumulate", lambda x, i: x.index_put_((i,), cnn.zeros(3), accumulate=True)),
    ("index_select", lambda x, i: x.index_select(0, i)),
    ("index_add_", lambda x, i: x.index_add_(0, i, cnn.ones(len(i), 3))),
    ("index_copy_", lambda x, i: x.index_copy_(0, i, cnn.ones(len(i), 3))),
    ("index_fill_", lambda x, i: x.index_fill_(0, i, 5.0)),
    ("gather", lambda x, i: x.gather(0, i.unsqueeze(1))),
    ("scatter_", lambda x, i: x.scatter_(0, i.unsqueeze(1), 5.0)),
    ("scatter_src", lambda x, i: x.scatter_(0, i.unsqueeze(1), cnn.ones(len(i), 1))),
    ("scatter_add_", lambda x, i: x.scatter_add_(0, i.unsqueeze(1), cnn.ones(len(i), 1))),
    (
        "scatter_reduce_",
        lambda x, i: x.scatter_reduce_(0, i.unsqueeze(1), cnn.ones(len(i), 1), "sum"),
    ),
]


@pytest.mark.parametrize("bad", [[0, 4], [4, 0], [1, -5], [1, 1 << 40], [0, -(1 << 62)]], ids=str)
@pytest.mark.parametrize("use", [use for _, use in TABLE], ids=[name for name, _ in TABLE])
def test_indices_out_of_range(use, bad):
    x = cnn.arange(12.0).reshape(4, 3)
    refused((IndexError, RuntimeError), "out of (range|bounds)", lambda t: use(t, index(*bad)), x)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x[4],
        lambda x: x[-5],
        lambda x: x[0, 3],
        lambda x: x[0, 0, 0],
        lambda x: x.select(0, 4),
        lambda x: x.take(index(12)),
        lambda x: x.__setitem__(4, 1.0),
        lambda x: x.__setitem__((0, -4), 1.0),
        lambda x: x[cnn.ones(3, dtype=cnn.bool)],
        lambda x: x.__setitem__(cnn.ones(3, dtype=cnn.bool), 1.0),
        lambda x: x[index(0, 1), index(0, 1, 2)],
        lambda x: x[1.5],
    ],
)
def test_wrong_subscripts(call):
    refused(IndexError, None, call, cnn.arange(12.0).reshape(4, 3))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0, 1 << 40], [-(1 << 62), 0]], ids=str)
@pytest.mark.parametrize("loss", [cnn.nn.functional.cross_entropy, cnn.nn.functional.nll_loss])
def test_labels_out_of_range(loss, labels):
    x = cnn.zeros(2, 3, requires_grad=True)
    refused(IndexError, "out of bounds", lambda t: loss(t, index(*labels)), x)
    assert x.grad is None


def test_labels_of_wrong_shape_and_dtype():
    loss, x = cnn.nn.functional.cross_entropy, cnn.zeros(2, 3)
    refused(
        ValueError,
        "Expected input batch_size .2. to match target batch_size .3.",
        lambda t: loss(t, index(0, 1, 2)),
        x,
    )
    refused(
        RuntimeError,
        "expected scalar type Long|Expected floating point type|Long",
        lambda t: loss(t, cnn.zeros(2)),
        x,
    )
    refused(RuntimeError, "weight", lambda t: loss(t, index(0, 1), weight=cnn.ones(2)), x)
    refused(
        ValueError,
        "is not a valid value for reduction",
        lambda t: loss(t, index(0, 1), reduction="all"),
        x,
    )


def test_out_of_range_in_large_parallel_calls():
    x, i = cnn.zeros(1000, 8), cnn.zeros(300_000, dtype=LONG)
    i[299_999] = 1000
    for call in (
        lambda: x[i],
        lambda: x.index_select(0, i),
        lambda: cnn.nn.functional.embedding(i, x),
        lambda: x.index_add_(0, i, cnn.ones(300_000, 8)),
    ):
        with pytest.raises((IndexError, RuntimeError), match="out of"):
            call()
    assert not x.any() and x._version == 0


# Modules of numbers: kernels, strides, probabilities ----------------------------------------------


@pytest.mark.parametrize(
    "match, call",
    [
        (
            "expected input.* to have 2 channels, but got 3 channels",
            lambda f, x: f.conv2d(x, cnn.ones(4, 2, 3, 3)),
        ),
        (
            "Kernel size can't be greater than actual input size",
            lambda f, x: f.conv2d(x, cnn.ones(4, 3, 9, 9)),
        ),
        ("stride", lambda f, x: f.conv2d(x, cnn.ones(4, 3, 3, 3), stride=0)),
        ("groups", lambda f, x: f.conv2d(x, cnn.ones(4, 3, 3, 3), groups=0)),
        ("negative padding|padding", lambda f, x: f.conv2d(x, cnn.ones(4, 3, 3, 3), padding=-1)),
        ("pad should be at most half|padding", lambda f, x: f.max_pool2d(x, 2, padding=2)),
        ("kernel size should be greater than zero|kernel", lambda f, x: f.max_pool2d(x, 0)),
        ("too small|size", lambda f, x: f.avg_pool2d(x, 9)),
        ("normalized_shape", lambda f, x: f.layer_norm(x, (7,))),
        ("running_mean|weight", lambda f, x: f.batch_norm(x, cnn.zeros(2), cnn.ones(2))),
        ("num_channels|divisible", lambda f, x: f.group_norm(x, 2)),
    ],
)
def test_layers(match, call):
    refused(
        (RuntimeError, ValueError),
        match,
        lambda x: call(cnn.nn.functional, x),
        cnn.ones(1, 3, 6, 6),
    )


def test_random():
    x = cnn.zeros(3)
    refused(RuntimeError, "from", lambda t: t.uniform_(1, 0), x)
    refused(RuntimeError, "std", lambda t: t.normal_(0, -1), x)
    refused(RuntimeError, "p|0 and 1", lambda t: t.bernoulli_(1.5), x)
    refused(
        (ValueError, RuntimeError),
        "dropout probability|between 0 and 1",
        lambda t: cnn.nn.functional.dropout(t, 1.5),
        x,
    )
    refused(RuntimeError, "from|high|low", lambda t: cnn.randint(5, 5, (2,)), x)
    refused(
        RuntimeError,
        "sum of probabilities|invalid multinomial|non-negative|< 0",
        lambda t: cnn.multinomial(cnn.tensor([-1.0, 2.0]), 1),
        x,
    )
    refused(
        RuntimeError,
        "without replacement|larger sample",
        lambda t: cnn.multinomial(cnn.ones(2), 3),
        x,
    )


def test_backward():
    x = cnn.ones(3, requires_grad=True)
    refused(
        RuntimeError,
        "grad can be implicitly created only for scalar outputs",
        lambda t: (t * 2).backward(),
        x,
    )
    refused(
        RuntimeError,
        "does not require grad and does not have a grad_fn",
        lambda: cnn.ones(1).backward(),
    )
    refused(RuntimeError, "Mismatch in shape", lambda t: (t * 2).backward(cnn.ones(4)), x)
    step = cnn.heaviside(x, cnn.ones(3))
    refused(
        RuntimeError,
        "derivative for aten::heaviside is not implemented",
        lambda: step.sum().backward(),
    )
    y = (x * x).sum()
    y.backward()
    refused(
        RuntimeError, "Trying to backward through the graph a second time", lambda: y.backward()
    )
    assert x.grad.tolist() == [2, 2, 2]


TOO_LARGE = [("int8", 255), ("uint8", -300), ("int16", 70000), ("float16", 1e6), ("bfloat16", 1e39)]
NARROW_NUMBERS = {  # a number in the dtype of the tensor
    "masked_fill": lambda x, v: x.masked_fill(x > 0, v),
    "fill_": lambda x, v: x.fill_(v),
    "full_like": cnn.full_like,
    "clamp": lambda x, v: x.clamp(v),
    "scatter": lambda x, v: x.scatter(0, cnn.tensor([0]), v),
    "index_fill": lambda x, v: x.index_fill(0, cnn.tensor([0]), v),
    "pad": lambda x, v: F.pad(x, (1, 1), value=v),
    "hardtanh": lambda x, v: F.hardtanh(x, 0, abs(v)),
    "threshold": lambda x, v: F.threshold(x, 0, v),
    "linspace": lambda x, v: cnn.linspace(0, v, 3, dtype=x.dtype),
}
FLOAT_NUMBERS = {  # a number in float, also for tensors of 16 bits
    "where": lambda x, v: cnn.where(x > 0, x, v),
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "celu": F.celu,
    "softplus": F.softplus,
    "lerp": lambda x, v: x.lerp(x, v),
    "addcmul": lambda x, v: x.addcmul(x, x, value=v),
    "addmm": lambda x, v: x.addmm(x.outer(x), x.outer(x), alpha=v),
}


@pytest.mark.parametrize("dtype, value", TOO_LARGE)
@pytest.mark.parametrize("name", NARROW_NUMBERS)
def test_numbers_too_large_for_the_dtype(name, dtype, value):
    x = cnn.tensor([1, 2]).to(getattr(cnn, dtype))
    with pytest.raises(RuntimeError, match="value cannot be converted to type .* without overflow"):
        NARROW_NUMBERS[name](x, value)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.bfloat16, cnn.float16])
@pytest.mark.parametrize("name", FLOAT_NUMBERS)
def test_numbers_too_large_for_float(name, dtype):
    x = cnn.tensor([1.0, 2.0], dtype=dtype)
    with pytest.raises(RuntimeError, match="cannot be converted to type float without overflow"):
        FLOAT_NUMBERS[name](x, 1e39)
    FLOAT_NUMBERS[name](x, 1e6)
    FLOAT_NUMBERS[name](x, float("inf"))


@pytest.mark.parametrize("dtype, value", TOO_LARGE[:3])
def test_a_choice_too_large_for_the_dtype(dtype, value):
    x = cnn.tensor([1, 2]).to(getattr(cnn, dtype))
    with pytest.raises(RuntimeError, match="cannot be converted to type .* without overflow"):
        cnn.where(x > 1, x, value)


def test_assigned_numbers_round():
    x = cnn.ones(2, dtype=cnn.float16)
    x[0] = 1e6
    assert x.tolist() == [float("inf"), 1.0]
    assert cnn.scalar_tensor(1e6, dtype=cnn.float16).item() == float("inf")


def test_bounds_too_large_for_the_dtype():
    for dtype, value in [(cnn.float16, 1e6), (cnn.bfloat16, 1e39), (cnn.float32, 1e39)]:
        with pytest.raises(RuntimeError, match="to is out of bounds for"):
            cnn.empty(2, dtype=dtype).uniform_(0, value)


def test_no_list_of_indices():
    with pytest.raises(TypeError, match="indices"):
        cnn.index(cnn.ones(2, 3), None)
    assert cnn.index(cnn.ones(2, 3), [None, cnn.tensor([0])]).shape == (2, 1)
