"""Autocast: which dtype ops run in, and that leaving it, in whatever way, restores what was."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import warnings
import weakref

import pytest

import cnn
from cnn import nn
from cnn.nn import functional as F

BF16, F16, F32, F64 = cnn.bfloat16, cnn.float16, cnn.float32, cnn.float64


def state(device="cpu"):
    return (
        cnn.is_autocast_enabled(device),
        cnn.get_autocast_dtype(device),
        cnn.is_autocast_cache_enabled(),
    )


INITIAL = (False, BF16, True)


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert state() == INITIAL and state("cuda") == (False, F16, True)
    assert cnn.autocast_increment_nesting() == 1 and cnn.autocast_decrement_nesting() == 0


@pytest.fixture
def x():
    return cnn.linspace(-1, 1, 16).view(4, 4)


# ---- Which dtype ----


@pytest.mark.parametrize("half", (BF16, F16))
def test_lists(x, half):
    narrow = x.to(half)
    with cnn.autocast("cpu", half):
        # The first list: in 16 bits.
        image, kernel = x.view(1, 1, 4, 4), cnn.ones(2, 1, 3, 3)
        for y in (
            x @ x, x.mm(x), cnn.addmm(x, x, x), F.linear(x, x, x[0]), F.conv2d(image, kernel),
            F.conv2d(image, kernel, padding="same"), F.conv_transpose2d(image, kernel[:1]),
            F.prelu(x, x[0]), F.scaled_dot_product_attention(x, x, x), cnn.einsum("ij,jk", x, x),
            cnn.tensordot(x, x, 1), cnn.bmm(x[None], x[None]),
        ):  # fmt: skip
            assert y.dtype == half
        # The second: in float32.
        for y in (
            F.mse_loss(narrow, narrow), F.kl_div(narrow, narrow.exp()), narrow.prod(), narrow.trace(),
            F.l1_loss(narrow, narrow), F.soft_margin_loss(narrow, narrow.sign()),
            F.cross_entropy(narrow, cnn.tensor([0, 1, 2, 3])), cnn.cdist(narrow, narrow),
            F.triplet_margin_loss(narrow, -narrow, x), cnn.quantile(narrow, 0.5),
            F.pad(narrow[None], (1, 1), "reflect"), F.grid_sample(image, narrow.view(1, 2, 4, 2)),
            F.binary_cross_entropy(narrow.sigmoid(), narrow.sigmoid()),
            F.adaptive_avg_pool3d(narrow.view(1, 1, 2, 2, 4), 1), cnn.linalg.qr(narrow)[0],
        ):  # fmt: skip
            assert y.dtype == F32
        # The third: in the widest.
        assert cnn.cat([narrow, x]).dtype == cnn.stack([x, narrow]).dtype == F32
        assert cnn.cat([narrow, narrow]).dtype == half
        # The others as ever.
        for y in (narrow + narrow, narrow.exp(), narrow.sum(), narrow.softmax(0), F.relu(narrow)):
            assert y.dtype == half
        assert (x + x).dtype == x.exp().dtype == x.mv(x[0]).dtype == F32 == (narrow + x).dtype


def test_what_is_not_cast(x):
    out, wide = cnn.empty(4, 4), x.double()
    with cnn.autocast("cpu"):
        assert cnn.mm(x, x, out=out) is out and out.dtype == F32
        assert x.clone().addmm_(x, x).dtype == F32
        assert cnn.quantile(x.to(BF16).float(), 0.5, out=cnn.empty(())).dtype == F32
        assert (wide @ wide).dtype == F64 and F.mse_loss(wide, wide).dtype == F64
        assert (x.long() @ x.long()).dtype == cnn.int64
        assert cnn.mm(x.to("meta"), x.to("meta")).dtype == F32
        assert (x.to(BF16).double() @ wide).dtype == F64
        with pytest.raises(RuntimeError, match="dtype"):
            x @ wide
    with cnn.autocast("cpu"), pytest.raises(RuntimeError, match="Unexpected floating ScalarType"):
        cnn.cat([x.half(), x.half()])


def test_inside_an_op_nothing_is_cast(x):
    """A network whose kernel reads memory of its own dtype; and an op made of listed ones."""
    lstm, gru = nn.LSTM(4, 3, 2, bidirectional=True), nn.GRU(4, 3)
    with cnn.autocast("cpu"):
        y, (h, c) = lstm(x[None])
        assert y.dtype == h.dtype == c.dtype == BF16
        z, state = gru(x[None])
        assert z.dtype == state.dtype == F32
        assert cnn.cdist(x.to(BF16), x.to(BF16)).dtype == F32
    assert lstm(x[None])[0].sub(y).abs().max() < 0.05 and gru(x[None])[0].sub(z).abs().max() < 0.05


# ---- Gradients ----


def test_gradients_reach_float32_weights(x):
    layer = nn.Linear(4, 3)
    with cnn.autocast("cpu"):
        loss = F.mse_loss(layer(x), cnn.zeros(4, 3))
    loss.backward()
    found = [p.grad for p in layer.parameters()]
    layer.zero_grad()
    F.mse_loss(layer(x), cnn.zeros(4, 3)).backward()
    for grad, p in zip(found, layer.parameters()):
        assert grad.dtype == F32 and (grad - p.grad).abs().max() < 0.02 * p.grad.abs().max() + 1e-3


def test_backward_inside_runs_in_the_dtypes_of_forward(x):
    weight = x.clone().requires_grad_()
    (weight @ x).sum().backward()
    expected, weight.grad = weight.grad, None
    y = (weight @ x).sum()
    with cnn.autocast("cpu"):
        y.backward()
    assert cnn.equal(weight.grad, expected)


def test_second_derivatives(x):
    weight = x.clone().requires_grad_()
    with cnn.autocast("cpu"):
        y = (weight @ weight).float().pow(2).sum()
        (first,) = cnn.autograd.grad(y, weight, create_graph=True)
        first.square().sum().backward()
    assert weight.grad.dtype == F32 and weight.grad.isfinite().all()


# ---- The cache ----


def node_of_weight(y):
    """What the second operand of a product came from."""
    return y.grad_fn.next_functions[1][0]


def test_a_weight_is_cast_once(x):
    weight = x.clone().requires_grad_()
    with cnn.autocast("cpu"):
        first = node_of_weight(x.mm(weight))
        assert first.name() == "ToCopyBackward0" and node_of_weight(x.mm(weight)) is first
        with cnn.autocast("cpu", enabled=False), cnn.autocast("cpu"):
            assert node_of_weight(x.mm(weight)) is first
        cnn.clear_autocast_cache()
        second = node_of_weight(x.mm(weight))
        assert second is not first
        with cnn.autocast("cpu", cache_enabled=False):
            assert not cnn.is_autocast_cache_enabled()
            assert node_of_weight(x.mm(weight)) is not node_of_weight(x.mm(weight))
        assert node_of_weight(x.mm(weight)) is second
        y = weight * 2  # no leaf
        assert node_of_weight(x.mm(y)) is not node_of_weight(x.mm(y))
        total = x.mm(weight).sum() + x.mm(weight).sum()
    with cnn.autocast("cpu"):
        assert node_of_weight(x.mm(weight)) is not second
    total.backward()
    expected = 2 * x.sum(0)[:, None].expand(4, 4)
    assert weight.grad.dtype == F32 and (weight.grad - expected).abs().max() < 0.05


def test_a_cast_follows_its_weight(x):
    """Trained inside one long region, in which the weight changes."""
    weight = cnn.ones(4, 4, requires_grad=True)
    with cnn.autocast("cpu"):
        before = x.mm(weight)
        with cnn.inference_mode():
            assert x.mm(weight).is_inference()
        with cnn.no_grad():
            assert not x.mm(weight).requires_grad and not x.mm(weight).is_inference()
            weight.mul_(2)
        assert cnn.equal(x.mm(weight), before * 2) and x.mm(weight).requires_grad
        with cnn.autocast("cpu", F16):
            assert x.mm(weight).dtype == F16
        weight.data = cnn.zeros(4, 4)
        assert not x.mm(weight).any()
        weight.data = cnn.ones(4, 4)
        assert x.mm(weight).any()
        rows = cnn.cat([cnn.zeros(4, 4), cnn.ones(4, 4)])
        weight.data = rows[:4]
        assert not x.mm(weight).any()
        weight.data = rows[4:]
        assert x.mm(weight).any()


def test_what_is_kept_goes_with_the_region(x):
    class Note:
        pass

    weight = x.clone().requires_grad_()
    weight.note = Note()
    gone = weakref.ref(weight.note)
    with cnn.autocast("cpu"):
        x.mm(weight)
        del weight
        assert gone() is not None
    gc.collect()
    assert gone() is None


# ---- Regions ----


def test_regions_nest(x):
    with cnn.autocast("cpu") as outer:
        assert isinstance(outer, cnn.autocast) and state() == (True, BF16, True)
        with cnn.autocast("cpu", F16, cache_enabled=False):
            assert state() == (True, F16, False) and (x @ x).dtype == F16
            with cnn.autocast("cpu", enabled=False):
                assert state() == (False, F16, False) and (x @ x).dtype == F32
            assert state() == (True, F16, False)
        assert state() == (True, BF16, True)


def test_one_region_entered_again(x):
    region = cnn.autocast("cpu", F16)
    with region:
        with cnn.autocast("cpu", enabled=False), region:
            assert state() == (True, F16, True)
        assert state() == (True, F16, True)
    assert state() == INITIAL

    @region
    def countdown(n):
        assert (x @ x).dtype == F16
        return countdown(n - 1) if n else "done"

    assert countdown(3) == "done" and state() == INITIAL


def test_exceptions_leave_it(x):
    with pytest.raises(KeyError):
        with cnn.autocast("cpu"):
            raise KeyError
    assert state() == INITIAL

    @cnn.autocast("cpu")
    def fails():
        cnn.mm(x, cnn.ones(3, 3))

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fails()
    assert state() == INITIAL
    leaf = x.clone().requires_grad_()
    with cnn.autocast("cpu"):
        for call in (
            lambda: leaf.add_(1), lambda: leaf.addmm_(x, x), lambda: F.linear(x, "no tensor"),
            lambda: F.kl_div(x, x, reduction="none such"), lambda: cnn.cdist(x, x[0]),
        ):  # fmt: skip
            with pytest.raises((RuntimeError, TypeError, ValueError)):
                call()
            assert state() == (True, BF16, True)


def test_what_cannot_be_entered_changes_nothing(x):
    with pytest.warns(UserWarning, match="not supported"):
        region = cnn.autocast("cpu", "float16")
    with cnn.autocast("cpu"):
        with pytest.raises(TypeError, match="must be torch.dtype, not str"):
            region.__enter__()
        with pytest.raises(KeyError):
            region.__exit__(None, None, None)
        assert state() == (True, BF16, True)


def test_decorators(x):
    class Net(nn.Module):
        @cnn.autocast("cpu")
        def forward(self, x):
            """Squares."""
            return x @ x

        @staticmethod
        @cnn.autocast("cpu", enabled=False)
        def plain(x):
            return x @ x

    assert Net()(x).dtype == BF16 and Net.forward.__doc__ == "Squares."
    with cnn.autocast("cpu"):
        assert Net.plain(x).dtype == F32

    @cnn.autocast("cpu")
    def generator():
        yield x @ x

    assert next(generator()).dtype == F32  # its body runs after the call
    with pytest.raises(TypeError, match="requires a callable, but got int"):
        cnn.autocast("cpu")(3)


def test_threads_have_their_own(x):
    seen = []

    def work(barrier):
        seen.append((x @ x).dtype)
        with region:
            barrier.wait()
            seen.append((x @ x).dtype)
            barrier.wait()
        seen.append((x @ x).dtype)

    region = cnn.autocast("cpu", F16)
    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=work, args=(barrier,)) for _ in range(2)]
    with cnn.autocast("cpu"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state() == (True, BF16, True)
    assert sorted(map(str, seen)) == sorted(map(str, [F32] * 4 + [F16] * 2))


def test_copies_and_pickles():
    region = cnn.autocast("cpu", F16, cache_enabled=False)
    with region:
        for other in (copy.deepcopy(region), pickle.loads(pickle.dumps(region))):
            assert (other.device, other.fast_dtype) == ("cpu", F16)
            with other:
                assert state() == (True, F16, False)
        assert state() == (True, F16, False)


def test_what_is_not_supported(x):
    with pytest.warns(UserWarning, match="In CPU autocast, but the target dtype is not supported"):
        region = cnn.autocast("cpu", F32)
    with region:
        assert state() == (False, F32, True) and (x @ x).dtype == F32
    if not cnn.cuda.is_available():
        with pytest.warns(UserWarning, match="CUDA is not available"):
            region = cnn.autocast("cuda")
        with region:
            assert not cnn.is_autocast_enabled("cuda") and (x @ x).dtype == F32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnn.autocast("cpu", F32, enabled=False)
        cnn.autocast("cuda", enabled=False)
    for device in ("meta", "xpu"):
        with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
            cnn.autocast(device)
        assert not cnn.amp.is_autocast_available(device)
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        cnn.autocast(cnn.device("cpu"))
    with pytest.raises(RuntimeError, match="Expected one of"):
        cnn.autocast("nowhere")
    assert cnn.amp.is_autocast_available("cpu") and cnn.amp.is_autocast_available("cuda")


def test_state_by_functions(x):
    cnn.set_autocast_enabled("cpu", True)
    cnn.set_autocast_dtype("cpu", F16)
    try:
        assert (x @ x).dtype == F16 and state() == (True, F16, True)
    finally:
        cnn.set_autocast_enabled("cpu", False)
        cnn.set_autocast_dtype("cpu", BF16)
    assert not cnn.is_autocast_enabled()  # CUDA's
    for call in (
        lambda: cnn.set_autocast_enabled("cpu", 1), lambda: cnn.set_autocast_dtype("cpu", 3),
        lambda: cnn.get_autocast_dtype(3), lambda: cnn.set_autocast_cache_enabled("yes"),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()


def test_old_names_warn():
    with pytest.warns(FutureWarning, match=r"torch.amp.autocast\('cpu', args...\)") as seen:
        region = cnn.cpu.amp.autocast(dtype=F16)
    assert seen[0].filename == __file__ and (region.device, region.fast_dtype) == ("cpu", F16)
    with pytest.warns(FutureWarning, match=r"torch.amp.GradScaler\('cpu', args...\)") as seen:
        assert cnn.cpu.amp.GradScaler(init_scale=2.0).get_scale() == 2.0
    assert seen[0].filename == __file__
    with pytest.warns(FutureWarning, match="custom_fwd") as seen:
        cnn.cuda.amp.custom_fwd(lambda ctx: None)
    assert seen[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"is_autocast_enabled\('cpu'\)") as seen:
        assert cnn.is_autocast_cpu_enabled() is False
    assert seen[0].filename == __file__
    with pytest.warns(DeprecationWarning):
        assert cnn.get_autocast_cpu_dtype() == BF16
    with pytest.warns(DeprecationWarning):
        assert cnn.get_autocast_gpu_dtype() == F16


# ---- GradScaler ----


def test_a_scaler_saves_small_gradients():
    """Products of 1e-5 vanish in float16; times the scale they do not."""
    results = []
    for enabled in (False, True):
        weight = cnn.full((2, 2), 1e-4, requires_grad=True)
        scaler = cnn.amp.GradScaler("cpu", enabled=enabled)
        with cnn.autocast("cpu", F16):
            y = cnn.full((1, 2), 1e-4) @ weight
        scaler.scale(y.float().sum() * 1e-4).backward()
        optimizer = cnn.optim.SGD([weight], lr=1.0)
        scaler.unscale_(optimizer)
        results.append(weight.grad[0, 0].item())
    assert results[0] == 0 and abs(results[1] / 1e-8 - 1) < 0.01


def test_a_step_with_infinities_is_left_out():
    weight = cnn.ones(2, requires_grad=True)
    optimizer = cnn.optim.SGD([weight], lr=1.0)
    scaler = cnn.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    scales = []
    for factor in (float("inf"), 0.5, 0.25, float("nan")):
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append((scaler.get_scale(), weight[0].item()))
    assert scales == [(2.0, 1.0), (2.0, 0.5), (4.0, 0.25), (2.0, 0.25)]
    again = pickle.loads(pickle.dumps(scaler))
    assert again.state_dict() == scaler.state_dict()


def test_cuda_scaler_without_a_gpu():
    if cnn.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="CUDA is not available.  Disabling.") as seen:
        scaler = cnn.GradScaler()
    assert seen[0].filename == __file__ and not scaler.is_enabled()
