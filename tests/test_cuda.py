"""Tensors on a GPU give the CPU's results; without one every way there says why."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest

import cnn
from op_cases import EPSILON, flat_tensors, results_of, to_array
from op_table import ROWS

without_gpu = pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU")


def moved(value, device="cuda"):
    """The argument with its tensors, in lists too, on the device."""
    if isinstance(value, cnn.Tensor):
        return value.detach().to(device).requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(moved(v, device) for v in value)
    return value


# Whose lengths are a tensor of the CPU.
PACKED = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def on_device(row, args, device="cuda"):
    """A row's arguments on a GPU."""
    stay = [row.name in PACKED and isinstance(a, cnn.Tensor) and a.dtype == cnn.int64 for a in args]
    return [a if s else moved(a, device) for a, s in zip(args, stay)]


def tensors_in(args):
    return [t for t in flat_tensors(args) if isinstance(t, cnn.Tensor)]


def near(got, want, tolerance, dtype):
    assert got.dtype == want.dtype and got.shape == want.shape
    if not want.is_floating_point():
        np.testing.assert_array_equal(to_array(got), to_array(want))
        return
    want_array = to_array(want)
    rtol = max(EPSILON[want.dtype], EPSILON.get(dtype, 0)) * tolerance
    finite = np.abs(want_array[np.isfinite(want_array)])
    scale = max(1.0, finite.max()) if finite.size else 1.0
    np.testing.assert_allclose(to_array(got), want_array, rtol=rtol, atol=rtol * scale / 4)


def run(row, args, call):
    return results_of(row.call(*args, **call.kwargs))


PAIRS = [(row, dtype) for row in ROWS for dtype in row.dtypes]


@pytest.mark.cuda
@pytest.mark.parametrize(
    "row, dtype", PAIRS, ids=[f"{row.name}-{str(dtype)[6:]}" for row, dtype in PAIRS]
)
def test_values_equal_the_cpus(row, dtype):
    for call in row.cases_for(dtype):
        _, args = call.make(dtype, None)
        want = results_of(row.call(*args, **call.kwargs))
        on_gpu = on_device(row, args)
        got = run(row, on_gpu, call)
        assert len(got) == len(want)
        for g, w in zip(got, want):
            assert g.device.type == ("cuda" if tensors_in(on_gpu) else "cpu")
            near(g.cpu(), w, row.tolerance, dtype)


def strided(tensor):
    """The same elements in every second place of a larger tensor."""
    big = cnn.full([2 * n + 1 for n in tensor.shape], 77, dtype=tensor.dtype, device=tensor.device)
    view = big[tuple(slice(1, None, 2) for _ in tensor.shape)]
    view.copy_(tensor)
    return view


@pytest.mark.cuda
@pytest.mark.parametrize("row", [r for r in ROWS if r.strided], ids=lambda row: row.name)
def test_strided_inputs(row):
    for call in row.cases_for(row.dtypes[0]):
        _, args = call.make(row.dtypes[0], None)
        want = results_of(row.call(*args, **call.kwargs))
        on_gpu = [strided(a) if isinstance(a, cnn.Tensor) else a for a in on_device(row, args)]
        for g, w in zip(run(row, on_gpu, call), want):
            near(g.cpu(), w, row.tolerance, row.dtypes[0])


def gradients(row, args, call, specs):
    wanted = [t.requires_grad_() for t, grad in zip(flat_tensors(args), specs) if grad]
    results = [r for r in run(row, args, call) if r.requires_grad]
    if not results or not wanted:
        return []
    total = sum((r * r).sum() for r in results)
    return cnn.autograd.grad(total, wanted, allow_unused=True)


@pytest.mark.cuda
@pytest.mark.parametrize(
    "row", [r for r in ROWS if cnn.float64 in r.dtypes], ids=lambda row: row.name
)
def test_gradients_equal_the_cpus(row):
    for call in row.cases_for(cnn.float64):
        if not call.differentiable:
            continue
        _, args = call.make(cnn.float64, None)
        want = gradients(row, args, call, call.gradient_specs())
        _, args = call.make(cnn.float64, None)
        got = gradients(row, on_device(row, args), call, call.gradient_specs())
        assert len(got) == len(want)
        for g, w in zip(got, want):
            assert (g is None) == (w is None)
            if g is not None:
                near(g.cpu(), w, max(row.tolerance, 100), cnn.float64)


def cast(args, dtype):
    """The arguments with their floating-point tensors, in lists too, cast."""
    if isinstance(args, cnn.Tensor):
        return args.to(dtype) if args.is_floating_point() else args
    if isinstance(args, (list, tuple)):
        return type(args)(cast(arg, dtype) for arg in args)
    return args


LISTED = [row for row in ROWS if cnn._C._autocast_policy(row.name, "cuda")]


@pytest.mark.cuda
@pytest.mark.parametrize("row", LISTED, ids=lambda row: row.name)
@pytest.mark.parametrize("given", (cnn.float32, cnn.float16))
def test_autocast_by_its_lists(row, given):
    policy = cnn._C._autocast_policy(row.name, "cuda")
    expected = {"lower_precision_fp": cnn.float16, "promote": given}.get(policy, cnn.float32)
    if given not in row.dtypes:
        pytest.skip("not for this dtype")
    for call in row.cases_for(given):
        _, args = call.make(given, None)
        on_gpu = on_device(row, args)
        if policy == "banned":
            with pytest.raises(RuntimeError, match="unsafe to autocast"), cnn.autocast("cuda"):
                row.call(*on_gpu, **call.kwargs)
            continue
        by_hand = run(row, cast(on_gpu, expected), call)
        with cnn.autocast("cuda"):
            found = run(row, on_gpu, call)
        for y, e in zip(found, by_hand):
            assert y.dtype == e.dtype == expected and cnn.allclose(y, e, equal_nan=True)


@pytest.mark.cuda
def test_autocast_of_functions_written_in_python():
    F = cnn.nn.functional
    x = cnn.linspace(-1, 1, 16, device="cuda").view(4, 4)
    narrow, one = x.half(), cnn.ones(4, 4, device="cuda")
    with cnn.autocast("cuda"):
        for y in (
            F.l1_loss(narrow, narrow), F.kl_div(narrow, narrow), F.cosine_similarity(narrow, narrow),
            F.hinge_embedding_loss(narrow, one), F.soft_margin_loss(narrow, one), F.pdist(narrow),
            F.triplet_margin_loss(narrow, narrow, narrow), cnn.cdist(narrow, narrow),
            F.cross_entropy(narrow, cnn.zeros(4, dtype=cnn.int64, device="cuda")),
            F.softmax(narrow, 0), narrow.softmax(0), narrow ** 1.5, 2.0 ** narrow, narrow.norm(),
            F.normalize(narrow).sum(), cnn.tensordot(narrow, x), F.bilinear(narrow, x, one[None]),
        ):  # fmt: skip
            assert y.dtype == cnn.float32
        for y in (cnn.einsum("ij,jk", x, x), F.linear(x, x), x @ x, x.mv(x[0])):
            assert y.dtype == cnn.float16
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            F.binary_cross_entropy(one, one)
        # The CPU keeps to its own lists, which are off.
        assert (x.cpu() @ x.cpu()).dtype == cnn.float32 and narrow.cpu().exp().dtype == cnn.float16


@pytest.mark.cuda
def test_there_and_back():
    x = cnn.arange(24.0).reshape(4, 6)
    y = x.cuda()
    assert y.device == cnn.device("cuda", cnn.cuda.current_device())
    assert y.is_cuda and y.get_device() == y.device.index
    assert cnn.equal(y.t().cpu(), x.t())
    assert y[2, 3].item() == x[2, 3].item()
    assert y.cuda() is y and y.to("cuda") is y
    x.copy_(y + 1)
    assert x[0, 0] == 1
    y.copy_(cnn.zeros(6))
    assert y.sum().item() == 0
    assert "device='cuda:0'" in repr(y)


@pytest.mark.cuda
def test_devices_do_not_mix():
    x = cnn.ones(3)
    with pytest.raises(RuntimeError, match="found at least two devices"):
        x + x.cuda()
    # But a number may come from the CPU.
    assert (x.cuda() + cnn.tensor(2.0)).cpu().tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        x.to("cuda:100")
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        cnn.cuda.set_device(100)


@pytest.mark.cuda
@pytest.mark.caching
def test_memory_is_kept_and_counted():
    before = cnn.cuda.memory_allocated()
    x = cnn.empty(1 << 20, device="cuda")
    assert cnn.cuda.memory_allocated() >= before + (4 << 20)
    assert cnn.cuda.max_memory_allocated() >= cnn.cuda.memory_allocated()
    place = x.data_ptr()
    del x
    assert cnn.cuda.memory_allocated() == before
    assert cnn.empty(1 << 20, device="cuda").data_ptr() == place
    cnn.cuda.empty_cache()
    assert cnn.cuda.memory_reserved() >= cnn.cuda.memory_allocated()
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        cnn.empty(1 << 50, device="cuda")


@pytest.mark.cuda
def test_a_model_trains():
    def losses(device):
        cnn.manual_seed(0)
        model = cnn.nn.Sequential(cnn.nn.Linear(8, 32), cnn.nn.ReLU(), cnn.nn.Linear(32, 4))
        model.to(device)
        optimizer = cnn.optim.Adam(model.parameters(), lr=0.01)
        x = cnn.randn(64, 8).to(device)
        target = cnn.randint(0, 4, (64,)).to(device)
        out = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = cnn.nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        return out

    cnn.cuda.synchronize()
    np.testing.assert_allclose(losses("cuda"), losses("cpu"), rtol=1e-5)
    assert losses("cuda") == losses("cuda")  # the same bits every time


@pytest.mark.cuda
def test_composed_functions_stay_on_the_device():
    x = cnn.tensor([3.0, 1.0, 1.0, 2.0])
    calls = [
        lambda x: cnn.histc(x, 3),
        lambda x: cnn.unique(x, return_inverse=True, return_counts=True),
        lambda x: cnn.unique_consecutive(x.reshape(4, 1), return_counts=True, dim=0),
        lambda x: x.repeat_interleave(2),
        lambda x: cnn.bernoulli((x > 1).float()),
    ]
    for call in calls:
        for got, want in zip(results_of(call(x.cuda())), results_of(call(x))):
            assert got.device.type == "cuda"
            near(got.cpu(), want, 1, want.dtype)


# Without a GPU ------------------------------------------------------------------------------------


@without_gpu
def test_without_a_gpu_the_reason_is_told():
    assert not cnn.cuda.is_available()
    assert cnn.cuda.device_count() == 0
    reason = cnn.cuda.unavailable_reason()
    maps = pathlib.Path("/proc/self/maps").read_text()
    library = pathlib.Path(re.search(r"(/\S*libcnn\.so[.\d]*)$", maps, re.M)[1])
    if (library.parent / "libcnn_cuda.so").exists():
        assert "driver" in reason or "GPU" in reason
    else:
        assert "could not be opened" in reason and "cnn[cuda]" in reason


@without_gpu
@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.cuda(),
        lambda x: x.to("cuda"),
        lambda x: x.to("cuda:1"),
        lambda x: cnn.empty(2, device="cuda"),
        lambda x: cnn.zeros(2, device=0),
        lambda x: cnn.nn.Linear(2, 2).cuda(),
        lambda x: cnn.nn.Linear(2, 2).to("cuda"),
        lambda x: cnn.cuda.synchronize(),
        lambda x: cnn.cuda.current_device(),
        lambda x: cnn.cuda.set_device(0),
        lambda x: cnn.cuda.get_device_name(),
    ],
)
def test_without_a_gpu_what_needs_one_raises(call):
    with pytest.raises(RuntimeError, match="CUDA is not available: .{20}"):
        call(cnn.ones(2))


@without_gpu
def test_without_a_gpu_nothing_is_allocated():
    cnn.cuda.empty_cache()
    assert cnn.cuda.memory_allocated() == 0
    assert cnn.cuda.max_memory_allocated() == 0
    assert cnn.cuda.memory_reserved() == 0
    with pytest.raises(ValueError, match="Expected a cuda device"):
        cnn.cuda.get_device_name("cpu")
