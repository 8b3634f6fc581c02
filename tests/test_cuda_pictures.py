"""Convolution, pooling and resampling on a GPU: the CPU's results, and nets made of them train as there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cnn
from cnn import nn

F = nn.functional

pytestmark = pytest.mark.cuda


def agree(call, *args, tolerance=1e-5, exact=False):
    """call's results and its gradients, of sums of squares, are the CPU's."""
    found = []
    for device in ("cpu", "cuda"):
        here = [a.detach().to(device).requires_grad_(a.requires_grad) for a in args]
        y = call(*here)
        results = y if isinstance(y, tuple) else (y,)
        wanted = [a for a in here if a.requires_grad]
        grads = ()
        if wanted:
            total = sum((r.double() * r.double()).sum() for r in results if r.is_floating_point())
            grads = cnn.autograd.grad(total, wanted)
        found.append((*results, *grads))
        assert all(r.device.type == device for r in found[-1])
    for want, got in zip(*found):
        assert got.dtype == want.dtype and got.shape == want.shape and got.stride() == want.stride()
        if exact or not want.is_floating_point():
            assert cnn.equal(got.detach().cpu(), want.detach())
            continue
        want, got = (r.detach().cpu().double().numpy() for r in (want, got))
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.abs(want).max())


TOLERANCE = {cnn.float32: 1e-5, cnn.float64: 1e-12, cnn.float16: 4e-3, cnn.bfloat16: 3e-2}
FORMATS = (cnn.contiguous_format, cnn.channels_last)


def picture(*shape, dtype=cnn.float32, format=cnn.contiguous_format):
    cnn.manual_seed(sum(shape))
    return cnn.randn(*shape).to(dtype).to(memory_format=format).requires_grad_()


CONVOLUTIONS = {
    "plain": {"channels": 3, "out": 5, "kernel": 3},
    "padded": {"channels": 4, "out": 6, "kernel": (3, 2), "padding": (2, 1)},
    "strided": {"channels": 4, "out": 6, "kernel": 3, "stride": (2, 3), "padding": 1},
    "dilated": {"channels": 2, "out": 4, "kernel": 3, "dilation": 2, "padding": 2},
    "groups": {"channels": 6, "out": 9, "kernel": 3, "groups": 3, "padding": 1},
    "pointwise": {"channels": 6, "out": 4, "kernel": 1},
    "pointwise groups": {"channels": 6, "out": 4, "kernel": 1, "groups": 2},
    "pointwise strided": {"channels": 6, "out": 4, "kernel": 1, "stride": 2},
    "depthwise": {"channels": 5, "out": 5, "kernel": 3, "groups": 5, "padding": 1},
    "depthwise strided": {
        "channels": 5,
        "out": 10,
        "kernel": 3,
        "groups": 5,
        "padding": 1,
        "stride": 2,
    },
    "one channel": {"channels": 1, "out": 4, "kernel": 5, "padding": 2},
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case, dtype, format):
    given = dict(CONVOLUTIONS[case])
    layer = nn.Conv2d(
        given.pop("channels"), given.pop("out"), given.pop("kernel"), dtype=dtype, **given
    )
    x = picture(2, layer.in_channels, 9, 8, dtype=dtype, format=format)
    w = layer.weight.detach().to(memory_format=format).requires_grad_()

    def call(x, w, bias):
        return F.conv2d(x, w, bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    agree(call, x, w, layer.bias.detach().requires_grad_(), tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("dims", (1, 2, 3))
@pytest.mark.parametrize("groups", (1, 2, 4))
def test_transposed_convolutions(dims, groups):
    x = picture(2, 4, *(4, 3, 5)[:dims])
    w = picture(4, 6 // groups if groups < 4 else 2, *(3, 2, 3)[:dims])
    bias = picture(w.shape[1] * groups)
    conv = getattr(F, f"conv_transpose{dims}d")
    agree(lambda x, w, b: conv(x, w, b, 2, 1, 1, groups, 1), x, w, bias)


@pytest.mark.parametrize("dims", (1, 3))
@pytest.mark.parametrize("groups", (1, 2, 4))
def test_convolutions_over_lines_and_volumes(dims, groups):
    x = picture(2, 4, *(5, 4, 6)[-dims:])
    w = picture(8, 4 // groups, *(2, 3, 2)[-dims:])
    conv = getattr(F, f"conv{dims}d")
    agree(lambda x, w: conv(x, w, None, 2, 1, 1, groups), x, w)


def test_convolutions_of_integers():
    x = cnn.arange(2 * 4 * 5 * 5).reshape(2, 4, 5, 5) % 7
    w = cnn.arange(6 * 2 * 3 * 3).reshape(6, 2, 3, 3) % 5 - 2
    agree(lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 2), x, w)
    agree(lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1, 2), x, w[:4])


def test_convolutions_of_nothing():
    for batch, size in ((0, 4), (2, 4)):
        x = cnn.ones(batch, 3, size, size, device="cuda", requires_grad=True)
        w = cnn.ones(2, 3, 3, 3, device="cuda", requires_grad=True)
        F.conv2d(x, w).sum().backward()
        assert (
            x.grad.shape == x.shape
            and w.grad.cpu().tolist() == cnn.full((2, 3, 3, 3), batch * 4.0).tolist()
        )


def test_second_order():
    x, w = picture(1, 2, 5, 4, dtype=cnn.float64), picture(3, 2, 3, 3, dtype=cnn.float64)

    def penalty(x, w):
        y = F.conv2d(x, w, stride=2, padding=1)
        return cnn.autograd.grad((y * y * y).sum(), (x, w), create_graph=True)

    agree(penalty, x, w, tolerance=1e-12)


def test_a_norm_and_a_relu_behind_a_convolution_without_gradients():
    for format, bias in itertools.product(FORMATS, (True, False)):
        cnn.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU6()).eval()
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
        x = picture(2, 3, 7, 7, format=format).detach()
        with cnn.no_grad():
            want, plain = net(x), net[2](net[1](net[0](x)))
            net.cuda()
            for got in (net(x.cuda()), net[2](net[1](net[0](x.cuda())))):
                for y in (want, plain):
                    np.testing.assert_allclose(got.cpu(), y, rtol=1e-5, atol=1e-5)


# Pooling ------------------------------------------------------------------------------------------

POOLS = {
    "max": lambda x: F.max_pool2d(x, 2),
    "max, padded": lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True),
    "max, dilated": lambda x: F.max_pool2d(x, 2, 1, 1, 3),
    "max, ceil_mode": lambda x: F.max_pool2d(x, (2, 3), 2, ceil_mode=True),
    "mean": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "mean, inside": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "mean, ceil_mode": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "mean, divisor": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (3, 5)),
    "adaptive mean": lambda x: F.adaptive_avg_pool2d(x, (4, 3)),
    "larger adaptive mean": lambda x: F.adaptive_avg_pool2d(x, (13, 11)),
    "global mean": lambda x: F.adaptive_avg_pool2d(x, 1),
    "norm": lambda x: F.lp_pool2d(x, 2, 3, 2),
    "local response": lambda x: F.local_response_norm(x, 3),
    "unpooled": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.shape),
    "fractional": lambda x: F.fractional_max_pool2d(
        x, 2, (4, 3), _random_samples=cnn.full((2, 5, 2), 0.3, dtype=x.dtype, device=x.device)
    ),
}  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("pool", POOLS)
def test_pools(pool, dtype, format):
    agree(POOLS[pool], picture(2, 5, 9, 8, dtype=dtype, format=format), tolerance=TOLERANCE[dtype])


def test_pools_over_lines_and_volumes():
    line, volume = picture(2, 3, 10), picture(1, 2, 5, 6, 4)
    for call in (
        lambda x: F.max_pool1d(x, 3, 2, 1),
        lambda x: F.avg_pool1d(x, 3, 2, 1),
        lambda x: F.adaptive_avg_pool1d(x, 4),
        lambda x: F.adaptive_max_pool1d(x, 4),
    ):
        agree(call, line)
    for call in (
        lambda x: F.max_pool3d(x, 2, 2, 1),
        lambda x: F.avg_pool3d(x, 2, 2, 1),
        lambda x: F.adaptive_avg_pool3d(x, (2, 3, 3)),
        lambda x: F.adaptive_max_pool3d(x, (2, 3, 3)),
    ):
        agree(call, volume)


@pytest.mark.parametrize("dtype", (cnn.uint8, cnn.int8, cnn.int16, cnn.int32, cnn.int64))
def test_maxima_of_integers(dtype):
    x = (cnn.arange(2 * 5 * 6) * 37 % 23).reshape(1, 2, 5, 6).to(dtype)
    agree(lambda x: F.max_pool2d(x, 3, 2, 1), x)
    if dtype == cnn.int64:
        agree(lambda x: F.avg_pool2d(x, 3, 2, 1), x)


def test_an_index_of_no_element():
    x = cnn.ones(1, 1, 4, 4, device="cuda", requires_grad=True)
    y, at = F.max_pool2d(x, 2, return_indices=True)
    at.data[0, 0, 0, 0] = 1 << 40
    with pytest.raises(RuntimeError, match="invalid max index"):
        y.sum().backward()


# Resampling ---------------------------------------------------------------------------------------

RESIZES = {
    "nearest": {"size": (13, 5), "mode": "nearest"},
    "nearest-exact": {"scale_factor": 1.7, "mode": "nearest-exact"},
    "bilinear": {"size": (13, 5), "mode": "bilinear"},
    "bilinear, corners": {"size": (4, 11), "mode": "bilinear", "align_corners": True},
    "bilinear, smooth": {"size": (3, 4), "mode": "bilinear", "antialias": True},
    "bicubic": {"size": (13, 5), "mode": "bicubic"},
    "bicubic, smooth": {"size": (2, 3), "mode": "bicubic", "antialias": True},
    "one side": {"size": (9, 3), "mode": "bicubic", "antialias": True},
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("resize", RESIZES)
def test_resizes(resize, dtype, format):
    x = picture(2, 3, 9, 8, dtype=dtype, format=format)
    nearest = "nearest" in resize and dtype.itemsize > 2
    agree(lambda x: F.interpolate(x, **RESIZES[resize]), x, tolerance=TOLERANCE[dtype], exact=False)
    if nearest:
        agree(lambda x: F.interpolate(x, **RESIZES[resize]), x.detach(), exact=True)


def test_resizes_of_lines_and_volumes():
    agree(lambda x: F.interpolate(x, size=7, mode="linear"), picture(2, 3, 5))
    agree(lambda x: F.interpolate(x, size=(3, 7, 4), mode="trilinear"), picture(1, 2, 4, 5, 6))
    agree(lambda x: F.interpolate(x, size=(9, 2, 6), mode="nearest"), picture(1, 2, 4, 5, 6))


def test_padding():
    x = picture(1, 2, 4, 5)
    for mode in ("reflect", "replicate", "circular"):
        agree(lambda x, mode=mode: F.pad(x, (2, 1, 3, 0), mode=mode), x)
    zeros = cnn.tensor([[[-0.0, 1.0, -0.0]]])
    assert cnn.signbit(F.pad(zeros.cuda(), (1, 1), mode="replicate")).cpu().tolist() == [
        [[True, True, False, True, True]]
    ]


# Whole nets ---------------------------------------------------------------------------------------


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.short = nn.Sequential()
        if stride != 1 or channels != out:
            self.short = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.short(x))


def resnet18(stem, width=3):
    blocks, channels = [], width
    for stage in range(4):
        for k in range(2):
            out = width << stage
            blocks.append(Block(channels, out, 2 if stage and not k else 1))
            channels = out
    return nn.Sequential(
        *stem(width), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    )


def for_cifar(width):
    return nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()


def for_photographs(width):
    return (
        nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )  # fmt: skip


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, 10),
    )  # fmt: skip


def mobilenet():
    from cnn.vision.models import MobileNetV2
    from cnn.vision.ops import Conv2dNormActivation

    net = MobileNetV2(10, 0.25, [[1, 8, 1, 1], [6, 8, 2, 2], [6, 16, 1, 2]])
    net.features[-1] = Conv2dNormActivation(8, 24, 1, activation_layer=nn.ReLU6)
    net.classifier = nn.Linear(24, 10)
    return net


NETS = {
    "lenet": (lenet, (2, 1, 28, 28)),
    "resnet18 for CIFAR": (lambda: resnet18(for_cifar), (3, 3, 9, 9)),
    "resnet18": (lambda: resnet18(for_photographs), (3, 3, 36, 36)),
    "mobilenet": (mobilenet, (2, 3, 16, 16)),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NETS)
def test_nets_train_as_on_the_cpu(name, format):
    make, shape = NETS[name]
    found = []
    for device in ("cpu", "cuda"):
        cnn.manual_seed(0)
        net = make().to(memory_format=format)
        x = cnn.randn(*shape).to(memory_format=format)
        target = cnn.randint(0, 10, (shape[0],))
        net, x, target = net.to(device), x.to(device), target.to(device)
        optimizer = cnn.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        losses = []
        for _ in range(2):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            losses.append(loss)
        found.append(
            [
                *(loss.detach().cpu() for loss in losses),
                *(p.detach().cpu() for p in net.parameters()),
            ]
        )
    for want, got in zip(*found):
        scale = max(want.abs().max().item(), 1e-3)  # a bias before a norm: all of it is rounding
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * scale)
