"""Group, instance, layer and RMS norm on a GPU: numbers of float64, rounded once, in few launches."""

import numpy as np
import pytest

import cnn
from cnn import nn
from emulation import counted
from op_cases import to_array

pytestmark = pytest.mark.cuda
F = nn.functional

DTYPES = (cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16)
# Of a result beside float64, relative and relative to the largest: 16 bits are rounded once.
ROUNDING = {cnn.float32: 0, cnn.float64: 0, cnn.float16: 2**-11, cnn.bfloat16: 2**-8}
PIXELS, VOXELS = cnn.channels_last, cnn.channels_last_3d


def instance(channels, **options):
    return nn.InstanceNorm2d(channels, affine=True, **options)


CASES = {  # name: layer, shape, memory format
    "groups": (lambda: nn.GroupNorm(3, 6), (4, 6, 5, 7), None),
    "groups of whole packs": (lambda: nn.GroupNorm(2, 16), (3, 16, 4, 4), None),
    "groups of pixels": (lambda: nn.GroupNorm(3, 6), (4, 6, 5, 7), PIXELS),
    "groups of whole packs of pixels": (lambda: nn.GroupNorm(3, 24), (2, 24, 5, 7), PIXELS),
    "groups of voxels": (lambda: nn.GroupNorm(2, 6), (2, 6, 2, 3, 4), VOXELS),
    "groups of a matrix": (lambda: nn.GroupNorm(2, 6), (50, 6), None),
    "groups of packs of a matrix": (lambda: nn.GroupNorm(2, 32), (70, 32), None),
    "groups of one element": (lambda: nn.GroupNorm(5, 5), (7, 5), None),
    "groups that are cut": (lambda: nn.GroupNorm(1, 4), (2, 4, 72, 72), None),
    "groups of pixels that are cut": (lambda: nn.GroupNorm(2, 6), (2, 6, 75, 91), PIXELS),
    "groups without weights": (lambda: nn.GroupNorm(2, 6, affine=False), (3, 6, 11), None),
    "images": (lambda: instance(3), (4, 3, 8, 9), None),
    "images of pixels": (lambda: instance(3), (4, 3, 8, 9), PIXELS),
    "images with statistics": (lambda: instance(5, track_running_stats=True), (3, 5, 6, 6), None),
    "images that are cut": (lambda: instance(2, track_running_stats=True), (2, 2, 144, 121), None),
    "images without weights": (lambda: nn.InstanceNorm1d(3), (2, 3, 40), None),
    "rows": (lambda: nn.LayerNorm(33), (3, 20, 33), None),
    "rows of packs": (lambda: nn.LayerNorm((4, 16)), (700, 4, 16), None),
    "rows without a bias": (lambda: nn.LayerNorm(24, bias=False), (5, 24), None),
    "rows without weights": (lambda: nn.LayerNorm(24, elementwise_affine=False), (5, 24), None),
    "rows that are cut": (lambda: nn.LayerNorm(20_001), (3, 20_001), None),
    "rows of packs that are cut": (lambda: nn.LayerNorm(20_000), (3, 20_000), None),
    "squares": (lambda: nn.RMSNorm(33), (3, 20, 33), None),
    "squares of packs": (lambda: nn.RMSNorm((4, 16)), (700, 4, 16), None),
    "squares without weights": (lambda: nn.RMSNorm(24, elementwise_affine=False), (5, 24), None),
    "squares that are cut": (lambda: nn.RMSNorm(20_000), (2, 20_000), None),
}


def drawn(shape, dtype, form, seed=0):
    x = cnn.tensor(np.random.default_rng(seed).standard_normal(shape)).to(dtype)
    return x.contiguous(memory_format=form) if form else x


def layer_of(name, dtype):
    layer = CASES[name][0]()
    with cnn.no_grad():
        for i, t in enumerate((*layer.parameters(), *layer.buffers())):
            if t.is_floating_point():
                t.copy_(drawn(t.shape, cnn.float32, None, 7 + i).abs() + 0.2)
    return layer.to(dtype)


def passed(layer, x, g, device):
    layer = layer.to(device)
    x = x.detach().to(device).requires_grad_()
    y = layer(x)
    y.backward(g.to(device))
    found = [y.detach(), x.grad, *(p.grad for p in layer.parameters())]
    return [*found, *(t for t in layer.buffers() if t.is_floating_point())]


def assert_close(got, exact, dtype, wide=1.0):
    want = to_array(exact)
    allowed = {cnn.float64: 1e-12}.get(dtype, 1e-5) * wide * max(1.0, np.abs(want).max(initial=0))
    error = np.abs(to_array(got.cpu()).astype(np.float64) - want)
    assert (error <= ROUNDING[got.dtype] * np.abs(want) + allowed).all(), error.max()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_float64(name, dtype):
    _, shape, form = CASES[name]
    x, g = drawn(shape, dtype, form), drawn(shape, dtype, form, 1)
    # Parameters and statistics of 16 bits, and of float32 beside 16-bit elements.
    for own in {dtype, cnn.float64 if dtype == cnn.float64 else cnn.float32}:
        exact = passed(layer_of(name, own).double(), x.double(), g.double(), "cpu")
        alike = passed(layer_of(name, own), x, g, "cpu")
        found = passed(layer_of(name, own), x, g, "cuda")
        again = passed(layer_of(name, own), x, g, "cuda")
        for got, same, want, cpu in zip(found, again, exact, alike, strict=True):
            assert got.dtype == cpu.dtype and got.stride() == cpu.stride()
            assert cnn.equal(got, same)
            assert_close(got, want, dtype)


@pytest.mark.parametrize("name", ("groups", "groups of pixels", "images", "rows", "squares"))
def test_gradients_of_gradients_are_the_cpus(name):
    _, shape, form = CASES[name]
    x, g, v = (drawn(shape, cnn.float64, form, i) for i in range(3))
    results = []
    for device in ("cpu", "cuda"):
        layer = layer_of(name, cnn.float64).to(device)
        leaves = [t.to(device).detach().requires_grad_() for t in (x, g)]
        inputs = [leaves[0], *layer.parameters()]
        first = cnn.autograd.grad(layer(leaves[0]), inputs, leaves[1], create_graph=True)
        total = (first[0] * v.to(device)).sum() + sum((t * t).sum() for t in first[1:])
        results.append(cnn.autograd.grad(total, [*leaves, *layer.parameters()], allow_unused=True))
    for want, got in zip(*results):
        assert (want is None) == (got is None)
        if want is not None:
            assert_close(got, want, cnn.float64)


def of_groups(x, groups):
    rows = x.reshape(x.shape[0], groups, -1)
    mean, var = rows.mean(2, keepdims=True), rows.var(2, keepdims=True)
    return ((rows - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)


@pytest.mark.parametrize("cut", (False, True), ids=("whole", "cut"))
@pytest.mark.parametrize("form", (cnn.contiguous_format, PIXELS), ids=str)
def test_far_from_zero(form, cut):
    size = 96 if cut else 12
    values = 1e4 + np.random.default_rng(0).standard_normal((2, 4, size, size))
    x = cnn.tensor(values.astype(np.float32)).contiguous(memory_format=form)
    exact = x.double().numpy()
    moved = x.cuda()
    for got, want in (
        (F.group_norm(moved, 2), of_groups(exact, 2)),
        (F.instance_norm(moved), of_groups(exact, 4)),
        (F.layer_norm(moved, x.shape[1:]), of_groups(exact, 1)),
    ):
        np.testing.assert_allclose(got.cpu().numpy(), want, rtol=1e-5, atol=2e-6)
    # Gradients take the mean that float32 holds, as on the CPU.
    g = drawn(x.shape, cnn.float32, form, 1)
    for norm in (lambda x: F.group_norm(x, 2), lambda x: F.layer_norm(x, x.shape[1:])):
        grads = []
        for device in ("cpu", "cuda"):
            leaf = x.to(device).detach().requires_grad_()
            grads.append(cnn.autograd.grad(norm(leaf), leaf, g.to(device))[0])
        assert_close(grads[1], grads[0].double(), cnn.float32)


def test_numbers_of_any_size():
    x = drawn((6, 40), cnn.float32, None)
    for size in (1e-18, 6e18):
        got = F.layer_norm((x * size).cuda(), (40,), eps=1e-45).cpu().numpy()
        exact = (x * size).double().numpy()
        want = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    x[2, 3], x[4, 0] = np.nan, np.inf
    for norm in (lambda x: F.layer_norm(x, (40,)), lambda x: F.rms_norm(x, (40,))):
        np.testing.assert_allclose(norm(x.cuda()).cpu().numpy(), norm(x).numpy(), 1e-5, 1e-6)


def test_many_groups():
    x, g = drawn((70_000, 2, 3), cnn.float32, None), drawn((70_000, 2, 3), cnn.float32, None, 1)
    exact = x.double().numpy()
    leaf = x.cuda().requires_grad_()
    y = F.group_norm(leaf, 2)
    np.testing.assert_allclose(y.detach().cpu().numpy(), of_groups(exact, 2), 1e-5, 1e-5)
    weight = cnn.ones(3).cuda().requires_grad_()
    F.rms_norm(leaf, (3,), weight).backward(g.cuda())
    rstd = 1 / np.sqrt((exact**2).mean(2, keepdims=True) + np.finfo(np.float32).eps)
    want = (g.double().numpy() * exact * rstd).sum((0, 1))
    np.testing.assert_allclose(weight.grad.cpu().numpy(), want, 1e-5, 1e-3)


@pytest.mark.parametrize("dtype", (cnn.float32, cnn.bfloat16), ids=str)
def test_long_groups(dtype):
    n = (1 << 20) + 8
    x, g = drawn((1, n), dtype, None), drawn((1, n), dtype, None, 1)
    for norm in (lambda x: F.layer_norm(x, (n,)), lambda x: F.rms_norm(x, (n,))):
        results = []
        for device, wide in (("cpu", cnn.float64), ("cuda", dtype)):
            leaf = x.to(wide).to(device).detach().requires_grad_()
            y = norm(leaf)
            y.backward(g.to(wide).to(device))
            results.append((y.detach(), leaf.grad))
        for want, got in zip(*results):
            assert_close(got, want, dtype)


@pytest.mark.parametrize("dtype", (cnn.float32, cnn.float16), ids=str)
def test_views_and_odd_addresses(dtype):
    memory = drawn((4, 8, 6, 9), dtype, None)
    weights = drawn((9,), dtype, None, 1)
    for view in (
        lambda m: m[..., 1:],
        lambda m: m.flatten()[1:1537].view(4, 8, 6, 8),
        lambda m: m.transpose(0, 3),
        lambda m: m[:1].expand(4, 8, 6, 9),
        lambda m: m.contiguous(memory_format=PIXELS)[:, :, 1:],
    ):
        for norm in (
            lambda x, w: F.group_norm(x, 4, w, w),
            lambda x, w: F.instance_norm(x, weight=w, bias=w),
            lambda x, w: F.layer_norm(x.movedim(1, -1), (8,), w, w),
            lambda x, w: F.rms_norm(x.movedim(1, -1), (8,), w),
        ):
            results = []
            for m, w in ((memory.double(), weights.double()), (memory.cuda(), weights.cuda())):
                leaves = [t.detach().requires_grad_() for t in (m, w)]
                x = view(leaves[0])
                y = norm(x, leaves[1][1:])
                y.backward(drawn(y.shape, dtype, None, 2).to(y.dtype).to(y.device))
                results.append((y.detach(), leaves[0].grad, leaves[1].grad))
            for want, got in zip(*results):
                assert_close(got, want, dtype, 4 if dtype == cnn.float32 else 400)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_images(dtype):
    for layer, shape in (
        (nn.GroupNorm(2, 4), (0, 4, 3)),
        (nn.LayerNorm(4), (0, 4)),
        (nn.RMSNorm(4), (0, 4)),
        (nn.InstanceNorm1d(4, affine=True), (0, 4, 3)),
    ):
        x = cnn.empty(shape, dtype=dtype).cuda().requires_grad_()
        layer = layer.to(dtype).cuda()
        y = layer(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape
        assert all(float(p.grad.abs().sum()) == 0 for p in layer.parameters())


def test_statistics_that_do_not_lie_dense():
    x = drawn((4, 3, 5), cnn.float32, None)
    stats = [cnn.ones(3, 2), cnn.ones(3, 2)]
    moved = [t.cuda() for t in stats]
    F.instance_norm(x, stats[0][:, 0], stats[1][:, 0])
    F.instance_norm(x.cuda(), moved[0][:, 0], moved[1][:, 0])
    for got, want in zip(moved, stats):
        np.testing.assert_allclose(got.cpu().numpy(), want.numpy(), rtol=1e-5)


def test_weights_of_another_dtype():
    x = drawn((4, 6), cnn.float32, None).cuda()
    weight = drawn((6,), cnn.float64, None, 1).cuda()
    want = F.rms_norm(x.double(), (6,), weight)
    np.testing.assert_allclose(F.rms_norm(x, (6,), weight).cpu().numpy(), want.cpu().numpy(), 1e-5)
    for norm in (lambda: F.layer_norm(x, (6,), weight), lambda: F.group_norm(x, 2, weight)):
        with pytest.raises(RuntimeError, match="mixed dtype"):
            norm()


# Launches: forward; backward: two for weight and bias, and one for each of a group's passes.
LAUNCHES = dict.fromkeys(CASES, (1, 3)) | {
    "groups that are cut": (2, 4),
    "groups of pixels that are cut": (2, 4),
    "groups without weights": (1, 1),
    "images of pixels": (2, 4),  # its result is planes: one of each is a copy
    "images with statistics": (2, 3),
    "images that are cut": (3, 4),
    "images without weights": (1, 1),
    "rows without weights": (1, 1),
    "rows that are cut": (2, 4),
    "rows of packs that are cut": (2, 4),
    "squares without weights": (1, 1),
    "squares that are cut": (2, 4),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_launches(name, dtype):
    _, shape, form = CASES[name]
    x, g = drawn(shape, dtype, form).cuda(), drawn(shape, dtype, form, 1).cuda()
    layer = layer_of(name, dtype).cuda()
    if name.startswith("images"):
        g = g.contiguous()
    forward, backward = LAUNCHES[name]
    with cnn.no_grad():
        counts = counted(lambda: layer(x))
    assert (counts.launches, counts.copies, counts.waits) == (forward, 0, 0)
    y = layer(x.requires_grad_())
    counts = counted(lambda: y.backward(g))
    assert counts.launches <= backward and counts.copies == counts.waits == 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_launches_by_running_statistics(dtype):
    layer = layer_of("images with statistics", dtype).cuda().eval()
    x, g = (drawn((3, 5, 6, 6), dtype, None, i).cuda() for i in range(2))
    with cnn.no_grad():
        assert counted(lambda: layer(x)).launches == 1
    y = layer(x.requires_grad_())
    assert counted(lambda: y.backward(g)).launches == 3
    np.testing.assert_allclose(
        to_array(y.detach().cpu()), to_array(layer.cpu()(x.detach().cpu()).detach()), 1e-2, 1e-2
    )
