"""Normalisations on a GPU: the CPU's numbers in few launches."""

import numpy as np
import pytest

import cnn
from cnn import nn
from emulation import counted
from op_cases import to_array

pytestmark = pytest.mark.cuda
F = nn.functional

LAYOUTS = {  # name: shape, memory format
    "matrix": ((70, 9), None),
    "rows": ((3, 5, 7), None),
    "one image": ((1, 4, 3, 3), None),
    "pictures": ((4, 5, 6, 7), None),
    "wide pictures": ((2, 3, 32, 48), None),
    "pixels": ((4, 37, 6, 5), cnn.channels_last),
    "few pixels": ((2, 3, 4, 4), cnn.channels_last),
    "volumes": ((2, 3, 2, 3, 4), None),
    "voxels": ((2, 3, 2, 3, 4), cnn.channels_last_3d),
    "many rows": ((3000, 2), None),
}
DTYPES = (cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16)
TOLERANCE = {cnn.float32: 2e-5, cnn.float64: 1e-12, cnn.float16: 4e-3, cnn.bfloat16: 3e-2}


def drawn(shape, dtype, form, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    x = cnn.tensor(values).to(dtype)
    return x.contiguous(memory_format=form) if form else x


def batch_norm(shape, dtype, training, relu, affine=True):
    """A layer whose numbers are all different, alone or with a ReLU in one pass."""
    norm = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    norm = norm[len(shape) - 1](shape[1], affine=affine, momentum=0.3)
    with cnn.no_grad():
        for i, p in enumerate((*norm.parameters(), norm.running_mean, norm.running_var)):
            p.copy_(drawn(p.shape, cnn.float32, None, 7 + i).abs() + 0.2)
    layer = nn.Sequential(norm, nn.ReLU()) if relu else nn.Sequential(norm)
    return layer.to(dtype if dtype == cnn.float64 else cnn.float32).train(training)


def passed(layer, x, g, device):
    layer = layer.to(device)
    x = x.detach().to(device).requires_grad_()
    y = layer(x)
    y.backward(g.to(device))
    norm = layer[0]
    grads = [p.grad for p in norm.parameters()]
    return [y, x.grad, *grads, norm.running_mean, norm.running_var]


@pytest.mark.parametrize("relu", (False, True), ids=("alone", "relu"))
@pytest.mark.parametrize("training", (True, False), ids=("training", "evaluation"))
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_batch_norm_is_the_cpus(layout, dtype, training, relu):
    shape, form = LAYOUTS[layout]
    x, g = drawn(shape, dtype, form), drawn(shape, dtype, form, 1)
    if form is None and len(shape) > 2:  # not as it lies
        g = g.transpose(0, 1).contiguous().transpose(0, 1)
    on_cpu = passed(batch_norm(shape, dtype, training, relu), x, g, "cpu")
    on_gpu = passed(batch_norm(shape, dtype, training, relu), x, g, "cuda")
    again = passed(batch_norm(shape, dtype, training, relu), x, g, "cuda")
    for got, want, same in zip(on_gpu, on_cpu, again):
        assert got.dtype == want.dtype and got.stride() == want.stride()
        assert cnn.equal(got, same)
        scale = float(want.abs().max()) or 1.0
        tol = TOLERANCE[dtype] * scale
        np.testing.assert_allclose(to_array(got.cpu()), to_array(want), rtol=0, atol=tol)


@pytest.mark.parametrize("form", (cnn.contiguous_format, cnn.channels_last), ids=str)
@pytest.mark.parametrize("outlier", (False, True), ids=("alike", "with an outlier"))
def test_batch_norm_far_from_zero(form, outlier):
    values = 1e4 + np.random.default_rng(0).standard_normal((16, 3, 24, 24))
    if outlier:
        values[0, :, 0, 0] = -3e5
    x = cnn.tensor(values.astype(np.float32)).contiguous(memory_format=form)
    exact = x.double().numpy()
    mean, var = exact.mean((0, 2, 3)), exact.var((0, 2, 3))
    running_mean, running_var = cnn.zeros(3).cuda(), cnn.zeros(3).cuda()
    y = F.batch_norm(x.cuda(), running_mean, running_var, training=True, momentum=1.0)
    n = exact.size / 3
    np.testing.assert_allclose(running_mean.cpu().numpy(), mean, 1e-7)
    np.testing.assert_allclose(running_var.cpu().numpy(), var * n / (n - 1), 1e-6)
    want = (exact - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    np.testing.assert_allclose(y.cpu().numpy(), want, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("size", (1e-18, 6e18))
def test_squares_may_leave_the_range_of_floats(size):
    x = drawn((8, 2, 5), cnn.float32, None) * size
    y = F.batch_norm(x.cuda(), None, None, training=True, eps=1e-45)
    exact = x.double().numpy()
    want = (exact - exact.mean((0, 2), keepdims=True)) / exact.std((0, 2), keepdims=True)
    np.testing.assert_allclose(y.cpu().numpy(), want, rtol=1e-5, atol=1e-6)


def test_batch_norm_of_views_and_of_odd_addresses():
    memory = drawn((2, 3, 5, 8), cnn.float32, None)
    for view in (
        lambda m: m[..., 1:],
        lambda m: m.flatten()[1:226].view(3, 3, 5, 5),
        lambda m: m.transpose(0, 1),
        lambda m: m[:1].expand(4, 3, 5, 8),
    ):
        got = F.batch_norm(view(memory.cuda()), None, None, training=True)
        want = F.batch_norm(view(memory), None, None, training=True)
        np.testing.assert_allclose(got.cpu().numpy(), want.numpy(), rtol=0, atol=1e-5)


def test_running_statistics_that_do_not_lie_dense():
    x = drawn((4, 3, 5), cnn.float32, None)
    stats = [cnn.ones(3, 2), cnn.ones(3, 2)]
    moved = [t.cuda() for t in stats]
    F.batch_norm(x, stats[0][:, 0], stats[1][:, 0], training=True)
    F.batch_norm(x.cuda(), moved[0][:, 0], moved[1][:, 0], training=True)
    for got, want in zip(moved, stats):
        np.testing.assert_allclose(got.cpu().numpy(), want.numpy(), rtol=1e-5)


@pytest.mark.parametrize("relu", (False, True), ids=("alone", "relu"))
@pytest.mark.parametrize("form", (cnn.contiguous_format, cnn.channels_last), ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_launches_of_batch_norm(dtype, form, relu):
    shape = (4, 5, 16, 16)
    x, g = drawn(shape, dtype, form).cuda(), drawn(shape, dtype, form, 1).cuda()
    layer = batch_norm(shape, dtype, True, relu).cuda()
    norm = layer[0]
    with cnn.no_grad():
        assert counted(lambda: norm(x)).launches == 3 + 1  # the last counts the batches
        norm.eval()
        assert counted(lambda: layer(x)).launches == 1
        norm.train()
    leaf = x.requires_grad_()
    y = layer(leaf)
    assert counted(lambda: layer(leaf)).launches == 3 + 1
    fused = relu and dtype == cnn.float32
    counts = counted(lambda: y.backward(g))
    assert counts.waits == counts.copies == 0
    assert counts.launches == 3 + (relu and not fused)
    norm.eval()
    y = layer(leaf)
    for p in (leaf, *norm.parameters()):
        p.grad = None
    assert counted(lambda: y.backward(g)).launches == 3 + relu


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16), ids=str)
def test_weights_of_16_bits_get_their_gradients_from_the_kernels(dtype):
    x, g = (drawn((40, 5, 3), dtype, None, i) for i in range(2))
    results = []
    for device in ("cpu", "cuda"):
        layer = nn.BatchNorm1d(5, dtype=dtype).to(device)
        y = layer(x.to(device).requires_grad_())
        counts = counted(lambda y=y, device=device: y.backward(g.to(device)))
        results.append([p.grad for p in layer.parameters()])
    assert counts.launches == 3
    for want, got in zip(*results):
        assert got.dtype == dtype
        np.testing.assert_allclose(to_array(got.cpu()), to_array(want), rtol=TOLERANCE[dtype])


# Layer norm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", ((24, 8), (700, 5), (3, 100, 33), (2, 1), (5000, 3)), ids=str)
def test_layer_norm_is_the_cpus(shape, dtype):
    x, g = drawn(shape, dtype, None), drawn(shape, dtype, None, 1)
    wide = cnn.float64 if dtype == cnn.float64 else cnn.float32
    for params in {dtype, wide}:
        weight, bias = drawn(shape[-1:], params, None, 2), drawn(shape[-1:], params, None, 3)
        results = []
        for device in ("cpu", "cuda", "cuda"):
            leaves = [t.to(device, copy=True).requires_grad_() for t in (x, weight, bias)]
            y = F.layer_norm(leaves[0], shape[-1:], *leaves[1:])
            y.backward(g.to(device))
            results.append([y, *(leaf.grad for leaf in leaves)])
        for want, got, again in zip(*results):
            assert got.dtype == want.dtype and cnn.equal(got, again)
            tol = TOLERANCE[dtype] * max(1.0, float(want.abs().max()))
            np.testing.assert_allclose(to_array(got.cpu()), to_array(want), rtol=0, atol=tol)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_launches_of_layer_norm(dtype):
    x, g = (drawn((64, 16), dtype, None, i).cuda() for i in range(2))
    layer = nn.LayerNorm(16, dtype=dtype).cuda()
    assert counted(lambda: layer(x)).launches == 1
    y = layer(x.requires_grad_())
    counts = counted(lambda: y.backward(g))
    assert counts.waits == counts.copies == 0
    assert counts.launches == 2  # the gradient of x; those of the weight and the bias
