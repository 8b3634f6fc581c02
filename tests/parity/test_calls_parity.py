"""Calls: the forms in which functions may be called, and the errors of those in which they may not."""

import os
import sys

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, os.path.dirname(__file__))

import call_forms  # noqa: E402

import cnn  # noqa: E402

# Forms that ours do not take, and why. A name ends in its arguments where only that form is meant.
DEPRECATED = "PyTorch warns of this order of arguments, and will drop it"
IN_THE_STUB = "PyTorch's own stub errs: the call raises TypeError there, see test_stub_errs"
CUDA = "PyTorch implements it on CUDA alone"
INTENDED = {
    **dict.fromkeys((".mm", ".bmm", ".addmm", ".baddbmm"), CUDA),
    ".full": "named dimensions",
    ".isin": "another name of the argument for a number, which goes by position",
    ".logspace": IN_THE_STUB,
    ".tensor": IN_THE_STUB,
    "Tensor.add": IN_THE_STUB,
    "Tensor.sub": IN_THE_STUB,
    "Tensor.mul": IN_THE_STUB,
    "Tensor.true_divide": IN_THE_STUB,
    "Tensor.floor_divide": IN_THE_STUB,
    "Tensor.cpu": IN_THE_STUB,
    "Tensor.cuda": IN_THE_STUB,
    "Tensor.new_ones": IN_THE_STUB,
    "Tensor.new_tensor": IN_THE_STUB,
    "Tensor.requires_grad_": IN_THE_STUB,
    ".dequantize": "a list has the place, and the name, of a tensor",
    "F.gelu": IN_THE_STUB,
    "F.one_hot": IN_THE_STUB,
    "F.scaled_dot_product_attention": IN_THE_STUB,
    **dict.fromkeys(("Tensor.lstsq", "Tensor.solve"), "they raise, as PyTorch's do"),
}
IS_THERE = "PyTorch takes it, though its stub does not say so; see test_stub_misses"
SAME_FUNCTION = "the method is the function, whose `out=` it takes as well"
GONE = "it raises, whatever it is called with, as PyTorch's does"
MORE = {
    **{
        f"Tensor.{name}": IS_THERE
        for name in "bfloat16 bool byte char double float half int long short requires_grad_".split()
    },
    **{f"F.{name}": IS_THERE for name in "elu_ gelu softplus softshrink".split()},
    **{
        f"Tensor.{name}": SAME_FUNCTION
        for name in (
            "cross diff histc histogram inner kron nanquantile quantile cholesky cholesky_inverse cholesky_solve "
            "geqrf inverse lu lu_solve matrix_power orgqr ormqr qr slogdet svd triangular_solve"
        ).split()
    },
    **dict.fromkeys(("Tensor.eig", "Tensor.lstsq", "Tensor.solve", "Tensor.symeig"), GONE),
}
# Functions of which neither a stub nor `inspect` tells the form.
UNREAD = set(
    """
    .einsum .unique .unique_consecutive .get_default_dtype .get_float32_matmul_precision .get_num_threads
    .set_num_threads .set_flush_denormal .get_num_interop_threads .init_num_threads .is_warn_always_enabled
    Tensor.is_nonzero Tensor.storage Tensor.storage_type
    .is_anomaly_check_nan_enabled .is_anomaly_enabled .is_grad_enabled .is_inference_mode_enabled
    .initial_seed .seed .get_rng_state .set_anomaly_enabled .can_cast .promote_types .get_device
    .are_deterministic_algorithms_enabled .get_default_device .get_deterministic_debug_mode
    .is_deterministic_algorithms_warn_only_enabled .set_default_device
    .set_deterministic_debug_mode .use_deterministic_algorithms
    .autocast_decrement_nesting .autocast_increment_nesting .clear_autocast_cache
    .get_autocast_cpu_dtype .get_autocast_dtype .get_autocast_gpu_dtype
    .is_autocast_cache_enabled .is_autocast_cpu_enabled .is_autocast_enabled
    .set_autocast_cache_enabled .set_autocast_cpu_dtype .set_autocast_cpu_enabled
    .set_autocast_dtype .set_autocast_enabled .set_autocast_gpu_dtype
    Tensor.as_subclass Tensor.is_shared Tensor.new Tensor.numpy Tensor.register_hook
    Tensor.register_post_accumulate_grad_hook Tensor.set_ Tensor.share_memory_ Tensor.stride
    Tensor.tolist Tensor.type Tensor.untyped_storage
    Tensor.ccol_indices Tensor.coalesce Tensor.col_indices Tensor.const_data_ptr Tensor.crow_indices
    Tensor.indices Tensor.int_repr Tensor.ipu Tensor.is_coalesced Tensor.mtia
    Tensor.q_per_channel_axis Tensor.q_per_channel_scales Tensor.q_per_channel_zero_points
    Tensor.q_scale Tensor.q_zero_point Tensor.qscheme Tensor.row_indices Tensor.values Tensor.xpu
    F.has_torch_function F.has_torch_function_unary F.has_torch_function_variadic
    F.adaptive_max_pool1d F.adaptive_max_pool2d F.adaptive_max_pool3d F.fractional_max_pool2d
    F.fractional_max_pool3d F.logsigmoid F.max_pool1d F.max_pool2d F.max_pool3d
    """.split()
)


def is_deprecated(form):
    return form.startswith("(beta, self") or any(
        f"{scale}, {factor}" in form
        for scale in ("alpha", "value")
        for factor in ("other", "tensor1")
    )


def full(space, name):
    return f"{space}.{name}"


NAMES = call_forms.shared_names()


@pytest.mark.parametrize("space, name", NAMES, ids=[full(*n) for n in NAMES])
def test_form(space, name):
    """Same names in the same places, the same keywords, the same defaults."""
    found = call_forms.mismatches(space, name)
    if full(space, name) in INTENDED:
        assert found, "listed as intended, but there is no difference"
        return
    assert [f for f in found if not is_deprecated(f[0])] == []


@pytest.mark.parametrize("space, name", NAMES, ids=[full(*n) for n in NAMES])
def test_nothing_more(space, name):
    """No argument that PyTorch does not have, and none by position that goes by name there."""
    found = call_forms.extras(space, name)
    assert bool(found) == (full(space, name) in MORE), found


def test_what_is_read():
    """The two tests above look at nearly everything."""
    unread = {
        full(space, name)
        for space, name in NAMES
        if not (call_forms.forms_of_torch(space, name) and call_forms.forms_of_cnn(space, name))
    }
    assert unread - UNREAD == set()
    assert len(NAMES) > 900


def outcome(call, lib):
    """The type of the exception of a call written with `torch`, x of [2, 3] and y of [4]."""
    names = {"torch": lib, "x": lib.arange(6.0).reshape(2, 3), "y": lib.ones(4)}
    try:
        eval(call, names)
    except Exception as error:
        return type(error).__name__
    return "no error"


@pytest.mark.parametrize(
    "call",
    [
        "torch.linspace(0, 1)",
        "torch.logspace(0, 1)",
        "torch.tensor([1], torch.float64)",
        "x.add(1, out=x)",
        "x.sub(1, out=x)",
        "x.mul(1, out=x)",
        "x.true_divide(1, out=x)",
        "x.floor_divide(1, out=x)",
        "x.cpu(torch.preserve_format)",
        "x.cuda(None, False, torch.preserve_format)",
        "x.new_ones((2,), torch.float64)",
        "x.new_tensor([1], torch.float64)",
        "x.requires_grad_(mode=True)",
        "torch.nn.functional.gelu(x, 'tanh')",
        "torch.nn.functional.one_hot(tensor=x.long())",
    ],
)
def test_stub_errs(call):
    assert outcome(call, torch) == outcome(call, cnn) == "TypeError"


@pytest.mark.parametrize(
    "call",
    [
        "x.float(memory_format=torch.preserve_format)",
        "x.long(memory_format=torch.contiguous_format)",
        "x.requires_grad_(requires_grad=False)",
        "torch.nn.functional.elu_(x, 1, 1, 1)",
        "torch.nn.functional.gelu(x, out=torch.empty(0))",
        "torch.nn.functional.softplus(x, out=torch.empty(0))",
        "torch.nn.functional.softshrink(x, out=torch.empty(0))",
    ],
)
def test_stub_misses(call):
    assert outcome(call, torch) == outcome(call, cnn) == "no error"


WRONG_CALLS = """
torch.add(x, 1, nope=2)
torch.add(x)
torch.add()
torch.add(x, 'one')
torch.add('one', x)
torch.sum(x, dim='a')
torch.sum(x, 1.5)
torch.sum(x, 0, True, False)
x.sum(axis=0, dim=0)
x.sum(dim=7)
torch.zeros()
torch.zeros('a')
torch.zeros(2.5)
torch.zeros(2, 3, dtype='float32')
torch.zeros(2, device='nowhere')
torch.zeros((2, 'a'))
torch.zeros(-1)
torch.zeros(2, out=torch.empty(0, dtype=torch.int64), dtype=torch.float32)
torch.ones(2, nope=1)
torch.ones(2, pin_memory=True)
torch.full((2,), 'a')
torch.full((2,))
torch.arange()
torch.arange(0, 1, 0)
torch.eye(-1)
torch.cat(x)
torch.cat([])
torch.cat([x, 1])
torch.cat([x], dim='a')
torch.stack([x, y])
torch.matmul(x, 2)
torch.mm(x, x)
torch.max(x, 1, 2, 3)
torch.max(x, 'a')
x.max(1, out=None)
x.view()
x.view('a')
x.view(4.0)
x.reshape(5)
x.transpose(0)
x.transpose(0, 5)
x.permute(0)
x.permute(0, 0)
x.expand(3)
x.split()
x.split('a')
x.split(split_size_or_sections=1)
torch.split(x, split_size=1)
torch.swapaxes(x, dim0=0, dim1=1)
torch.hsplit(x, 2)
torch.tensor_split(x, x)
x.copy_(src=x)
x.clamp()
x.to('nope')
x.type('nope')
x.item()
x.backward(1)
x.add_('a')
x.add_(y, out=x)
x.masked_fill(x > 0)
x.index_select(0, 1)
x.gather(0, x)
x.unsqueeze()
x.unsqueeze(9)
x.topk()
x.topk(9)
x[9]
x['a']
x[1.5]
x[0, 0, 0]
x + 'a'
'a' + x
x @ 1
x < 'a'
~x
-(x > 0)
x.numpy(force=1)
torch.tensor()
torch.tensor('a')
torch.tensor([1, 'a'])
torch.tensor([[1], [2, 3]])
torch.tensor([1], nope=1)
torch.from_numpy([1])
torch.as_tensor('a')
torch.where(x > 0, x)
torch.norm(x, p='nope')
torch.einsum('ij', x, x)
torch.einsum(x)
torch.nonzero(x, out=x)
torch.nonzero(x, as_tuple=True, out=x)
torch.searchsorted(x, x, side='middle')
torch.searchsorted(x, x, side='left', right=True)
torch.searchsorted(x, x, sorter=y)
torch.repeat_interleave(x, 2, output_size=1)
torch.kron(x.clone().requires_grad_(), x, out=x)
torch.diag(x, out=torch.empty(0, dtype=torch.float64))
torch.rand(2, generator=1)
torch.randperm(-1)
torch.multinomial(x, 0)
torch.nn.functional.relu()
torch.nn.functional.relu(1)
torch.nn.functional.softmax(x, dim=5)
torch.nn.functional.linear(x, y)
torch.nn.functional.linear(x)
torch.nn.functional.conv2d(x, x)
torch.nn.functional.cross_entropy(x, y)
torch.nn.functional.cross_entropy(x)
torch.nn.functional.dropout(x, p=2)
torch.nn.functional.one_hot(x)
torch.nn.Linear()
torch.nn.Linear('a', 2)
torch.nn.Linear(2, 2, nope=1)
torch.nn.Linear(3, 4)(1)
torch.nn.Linear(3, 4)(y)
torch.nn.Conv2d(1, 2)
torch.optim.SGD([], lr=0.1)
torch.optim.SGD(x, lr=0.1)
torch.optim.SGD([x], lr=-1)
torch.optim.SGD([x], lr=0.1, nope=1)
torch.Size('a')
torch.device()
torch.device('nope')
torch.device(5.5)
torch.Generator('nope')
torch.manual_seed('a')
""".strip().splitlines()


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call(call):
    expected = outcome(call, torch)
    assert expected != "no error"
    assert outcome(call, cnn) == expected


@pytest.mark.parametrize(
    "call, alternative",
    [
        ("cnn.gather(x, 0, x.long(), sparse_grad=True)", "sparse_grad=False"),
        ("cnn.nn.functional.embedding(x.long(), x, sparse=True)", "sparse=False"),
    ],
)
def test_not_supported(call, alternative):
    """Arguments without support are refused, with a word on what to do instead."""
    with pytest.raises(NotImplementedError, match=alternative):
        eval(call, {"cnn": cnn, "x": cnn.ones(2, 3)})


# `out=` of ops that are copied into it --------------------------------------------------------------

OUT = [
    "torch.zeros(2, 3, out={})",
    "torch.ones((2, 3), out={})",
    "torch.full((2, 3), 7.0, out={})",
    "torch.arange(1, 4, out={})",
    "torch.arange(3.0, out={})",
    "torch.linspace(0, 1, 5, out={})",
    "torch.eye(2, 3, out={})",
    "torch.diag(x, out={})",
    "torch.take(x, torch.tensor([0, 5]), out={})",
    "torch.masked_select(x, x > 2, out={})",
    "torch.where(x > 2, x, -x, out={})",
    "torch.msort(x, out={})",
    "torch.ldexp(x, x, out={})",
    "torch.take_along_dim(x, x.argsort(1), 1, out={})",
    "torch.hstack([x, x], out={})",
    "torch.vstack([x, x], out={})",
    "torch.dstack([x, x], out={})",
    "torch.column_stack([x, x], out={})",
    "torch.kron(x, x, out={})",
    "torch.inner(x, x, out={})",
    "torch.cross(x, x + 1, 1, out={})",
    "torch.diff(x, out={})",
    "torch.quantile(x, 0.5, out={})",
    "torch.histc(x, 4, out={})",
    "torch.norm(x, 2, None, False, {})",
]


@pytest.mark.parametrize("call", OUT)
@pytest.mark.parametrize("shape", [(0,), (9, 9)])
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_out(call, shape):
    """`out` is resized, filled and returned; without it the result is the same."""
    results = []
    for lib in (torch, cnn):
        names = {"torch": lib, "x": lib.arange(6.0).reshape(2, 3), "out": lib.empty(shape)}
        given = eval(call.format("out"), names)
        assert given is names["out"]
        without = eval(call.format("None"), names)
        assert without.tolist() == given.tolist()
        results.append((given.tolist(), tuple(given.shape), str(given.dtype)))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn", "empty"])
def test_factory_takes_dtype_of_out(name):
    for lib in (torch, cnn):
        out = lib.empty(0, dtype=lib.float64)
        assert getattr(lib, name)(2, 3, out=out, requires_grad=True) is out
        assert out.shape == (2, 3) and out.dtype == lib.float64 and out.requires_grad


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_pairs_in_out():
    for lib in (torch, cnn):
        x = lib.tensor([[3.0, 1.0], [2.0, 4.0]])
        out = lib.empty(0), lib.empty(0, dtype=lib.int64)
        for call in (
            lambda **o: lib.max(x, 1, **o),
            lambda **o: lib.sort(x, 1, **o),
            lambda **o: lib.sort(x, dim=1, stable=True, **o),
            lambda **o: lib.topk(x, 1, **o),
            lambda **o: lib.cummax(x, 0, **o),
        ):
            values, indices = call(out=None)
            written = call(out=out)
            assert written[0] is out[0] and written[1] is out[1]
            assert written[0].tolist() == values.tolist()
            assert written[1].tolist() == indices.tolist()
        low, high = lib.empty(0), lib.empty(0)
        lib.aminmax(x, out=(low, high))
        assert (low.item(), high.item()) == (1.0, 4.0)


@pytest.mark.parametrize(
    "call",
    [
        "torch.nonzero(x > 2, as_tuple=True)",
        "(x > 2).nonzero(as_tuple=True)",
        "torch.nonzero(x > 2, as_tuple=False)",
        "torch.where(x > 2)",
        "torch.repeat_interleave(torch.tensor([1, 0, 3]))",
        "torch.repeat_interleave(torch.tensor([1, 0, 3]), output_size=4)",
        "torch.searchsorted(torch.tensor([3, 1, 2]), 2, sorter=torch.tensor([1, 2, 0]))",
        "torch.searchsorted(torch.tensor([1, 2, 2, 3]), 2, side='right')",
        "torch.searchsorted(torch.tensor([1, 2, 2, 3]), self=2)",
        "torch.tensor_split(x, torch.tensor(2))",
        "torch.tensor_split(x, torch.tensor([1, 2]), dim=1)",
        "torch.tensor_split(x, tensor_indices_or_sections=torch.tensor([1]), dim=1)",
        "torch.hsplit(x, sections=3)",
        "torch.hsplit(x[0], indices=(1, 2))",
        "torch.vsplit(x, 2)",
        "x[None].dsplit(indices=[1])",
        "torch.split(tensor=x, split_size_or_sections=[1, 2], dim=1)",
        "torch.swapaxes(x, axis0=0, axis1=1)",
        "torch.rsub(x, 1, 2)",
        "torch.subtract(x, 1, 2)",
        "x.clone().subtract_(1, 2)",
        "x.expand(2, 2, 3, implicit=True)",
        "x.norm()",
        "torch.norm(x, dim=1, keepdim=True)",
        "torch.norm(x, None, 0, False, None, torch.float64)",
        "torch.where(x > 2, self=1.0, other=x)",
        "torch.tril_indices(2, 3, dtype=torch.int32, pin_memory=False)",
        "torch.from_dlpack(x, copy=True)",
        "torch.from_dlpack(x, device='cpu')",
    ],
)
def test_value_of_form(call):
    def value(lib):
        result = eval(call, {"torch": lib, "x": lib.arange(6.0).reshape(2, 3)})
        if isinstance(result, tuple):
            return [(r.tolist(), str(r.dtype)) for r in result]
        return result.tolist(), str(result.dtype)

    assert value(cnn) == value(torch)


def test_like_with_generator():
    x = cnn.zeros(3, 4)
    for name, args in (("rand_like", ()), ("randn_like", ()), ("randint_like", (5,))):
        torch_like, like = getattr(torch, name), getattr(cnn, name)
        want = torch_like(torch.zeros(3, 4), *args, generator=torch.Generator().manual_seed(3))
        got = like(x, *args, generator=cnn.Generator().manual_seed(3))
        assert got.tolist() == want.tolist()
