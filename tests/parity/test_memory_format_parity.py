"""Results of channels-last operands lie as PyTorch's do: the same strides, the same values, the same random numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

SHAPES = {"images": (2, 4, 6, 5), "volumes": (2, 4, 3, 6, 5)}


def operand(lib, kind, cut=None):
    x = lib.arange(float(np.prod(SHAPES[kind]))).view(SHAPES[kind]) / 300 - 0.4
    fmt = lib.channels_last if kind == "images" else lib.channels_last_3d
    x = x.contiguous(memory_format=fmt)
    return x if cut is None else cut(x)


def ones_like_channels(lib, x):
    return lib.ones((x.shape[1],) + (1,) * (x.dim() - 2))


def by_rank(lib, x, name):
    return getattr(lib.nn.functional, f"{name}{x.dim() - 2}d")


def weight(lib, x, outputs, taps, groups=1):
    shape = (outputs, x.shape[1] // groups) + (taps,) * (x.dim() - 2)
    return (lib.arange(float(np.prod(shape))).view(shape) % 7 / 10 - 0.3).to(x.dtype)


def conv(outputs=8, taps=3, groups=1, **options):
    return lambda L, x: by_rank(L, x, "conv")(
        x, weight(L, x, outputs, taps, groups), groups=groups, **options
    )


def pool(name, *args, **options):
    return lambda L, x: by_rank(L, x, name)(x, *args, **options)


def F(name, *args, **options):
    return lambda L, x: getattr(L.nn.functional, name)(x, *args, **options)


def method(name, *args, **options):
    return lambda L, x: getattr(x, name)(*args, **options)


def pair(name):
    return lambda L, x: getattr(L, name)(x, x * 0.5 + 0.3)


def positions(L, x):
    return L.zeros_like(x[:, :2], dtype=L.int64)


CALLS = {
    # Convolutions
    "conv": conv(padding=1),
    "conv of doubles": lambda L, x: conv(padding=1)(L, x.double()),
    "conv of bfloat16": lambda L, x: conv(padding=1)(L, x.bfloat16()),
    "conv, strided": conv(padding=1, stride=2),
    "conv, dilated": conv(padding=2, dilation=2),
    "conv by one tap": conv(taps=1),
    "conv in groups": conv(groups=2, padding=1),
    "conv, depthwise": conv(outputs=4, groups=4, padding=1),
    "conv to one channel": conv(outputs=1),
    "conv, weight channels last": lambda L, x: by_rank(L, x, "conv")(
        x.contiguous(),
        weight(L, x, 8, 3).contiguous(
            memory_format=L.channels_last if x.dim() == 4 else L.channels_last_3d
        ),
    ),
    "conv of one": lambda L, x: conv()(L, x[0]),
    "conv_transpose": lambda L, x: by_rank(L, x, "conv_transpose")(
        x, weight(L, x, 4, 3), padding=1
    ),
    # Norms
    "batch_norm": lambda L, x: L.nn.functional.batch_norm(x, L.zeros(4), L.ones(4)),
    "batch_norm, training": F("batch_norm", None, None, training=True),
    "group_norm": F("group_norm", 2),
    "group_norm, affine": lambda L, x: L.nn.functional.group_norm(x, 2, L.ones(4), L.ones(4)),
    "instance_norm": F("instance_norm"),
    "layer_norm": lambda L, x: L.nn.functional.layer_norm(x, x.shape[1:]),
    "local_response_norm": F("local_response_norm", 3),
    "normalize": F("normalize", dim=1),
    # Pooling
    "max_pool": pool("max_pool", 2),
    "max_pool, indices": pool("max_pool", 2, return_indices=True),
    "max_pool, overlapping": pool("max_pool", 3, 2, 1),
    "avg_pool": pool("avg_pool", 2),
    "adaptive_avg_pool": pool("adaptive_avg_pool", 2),
    "adaptive_avg_pool to one": pool("adaptive_avg_pool", 1),
    "adaptive_max_pool": pool("adaptive_max_pool", 2, return_indices=True),
    "lp_pool": lambda L, x: pool("lp_pool", 2.0, 2)(L, x.abs()),
    # Resampling and padding
    "nearest": F("interpolate", scale_factor=2),
    "nearest-exact": F("interpolate", scale_factor=2, mode="nearest-exact"),
    "linear": lambda L, x: L.nn.functional.interpolate(
        x, scale_factor=2, mode="bilinear" if x.dim() == 4 else "trilinear"
    ),
    "area": lambda L, x: L.nn.functional.interpolate(x, size=(2,) * (x.dim() - 2), mode="area"),
    "pad": F("pad", (1, 1)),
    "pad, negative": F("pad", (-1, 2, 1, -1), value=2.0),
    "pad, reflect": lambda L, x: L.nn.functional.pad(x, (1, 1) * (x.dim() - 2), mode="reflect"),
    "pad, replicate": lambda L, x: L.nn.functional.pad(x, (1, 1) * (x.dim() - 2), mode="replicate"),
    "pad, circular": lambda L, x: L.nn.functional.pad(x, (1, 1) * (x.dim() - 2), mode="circular"),
    "channel_shuffle": F("channel_shuffle", 2),
    # Joining and rearranging
    "cat": lambda L, x: L.cat([x, x], 1),
    "cat, batch": lambda L, x: L.cat([x, x]),
    "cat, last": lambda L, x: L.cat([x, x], -1),
    "cat, mixed": lambda L, x: L.cat([x, x.contiguous()], 1),
    "stack": lambda L, x: L.stack([x, x]),
    "stack at the channels": lambda L, x: L.stack([x, x], 1),
    "stack at the end": lambda L, x: L.stack([x, x], -1),
    "stack of single ones": lambda L, x: L.stack([x[0], x[0]]),
    "hstack": lambda L, x: L.hstack([x, x]),
    "roll": method("roll", 1, 2),
    "roll, flat": method("roll", 1),
    "flip": method("flip", (1, 3)),
    "rot90": method("rot90", 1, (2, 3)),
    "repeat": lambda L, x: x.repeat((2,) + (1,) * (x.dim() - 1)),
    "repeat_interleave": method("repeat_interleave", 2, 1),
    "tril": method("tril"),
    "diff": method("diff", dim=1),
    "unfold": method("unfold", 2, 2, 1),
    "reshape": lambda L, x: x.reshape(2, -1),
    # Elementwise
    "relu": F("relu"),
    "gelu": F("gelu"),
    "silu": F("silu"),
    "glu": F("glu", 1),
    "hardswish": F("hardswish"),
    "leaky_relu": F("leaky_relu"),
    "logsigmoid": F("logsigmoid"),
    "softplus": F("softplus"),
    "prelu": lambda L, x: L.nn.functional.prelu(x, L.ones(4)),
    "rrelu": F("rrelu", training=True),
    "threshold": F("threshold", 0.1, 0.0),
    "softshrink": F("softshrink"),
    "add": pair("add"),
    "add of C order": lambda L, x: x + x.contiguous(),
    "add to C order": lambda L, x: x.contiguous() + x,
    "add by channel": lambda L, x: x + ones_like_channels(L, x),
    "add of a number": lambda L, x: 2 * x + 1,
    "maximum": pair("maximum"),
    "atan2": pair("atan2"),
    "comparison": lambda L, x: x > 0.5,
    "where": lambda L, x: L.where(x > 0, x, 0.0),
    "clamp": method("clamp", 0, 1),
    "lerp": lambda L, x: L.lerp(x, x, 0.5),
    "addcmul": lambda L, x: L.addcmul(x, x, x),
    "nan_to_num": method("nan_to_num"),
    "isnan": method("isnan"),
    "masked_fill": lambda L, x: x.masked_fill(x > 0, 2.0),
    "mse_loss": lambda L, x: L.nn.functional.mse_loss(x, x * 2, reduction="none"),
    "bce_with_logits": lambda L, x: L.nn.functional.binary_cross_entropy_with_logits(
        x, x.sigmoid(), reduction="none"
    ),
    # Reductions, scans, sorting
    "sum of channels": method("sum", 1, keepdim=True),
    "mean of pixels": method("mean", (2, 3)),
    "amax": method("amax", 1, keepdim=True),
    "max": method("max", 1),
    "var": method("var", 1, keepdim=True),
    "argmax": method("argmax", 1),
    "logsumexp": method("logsumexp", 1),
    "softmax": F("softmax", 1),
    "log_softmax": F("log_softmax", -1),
    "cumsum": method("cumsum", 1),
    "cumprod": method("cumprod", 1),
    "sort": method("sort", 1),
    "topk": method("topk", 2, 1),
    # Indexing
    "index_select": lambda L, x: x.index_select(1, L.tensor([0, 1])),
    "gather": lambda L, x: x.gather(1, positions(L, x)),
    "index, batch": lambda L, x: x[L.tensor([1, 0, 1])],
    "index, channels": lambda L, x: x[:, L.tensor([0, 2])],
    "index, rows": lambda L, x: x[:, :, L.tensor([0, 2])],
    "index_add": lambda L, x: x.index_add(1, L.tensor([0, 1]), x[:, :2]),
    "index_copy": lambda L, x: x.index_copy(1, L.tensor([0, 1]), x[:, 2:]),
    "index_fill": lambda L, x: x.index_fill(1, L.tensor([0]), 1.0),
    "index_put": lambda L, x: x.index_put((L.tensor([0]),), L.tensor(1.0)),
    "scatter": lambda L, x: x.scatter(1, positions(L, x), 1.0),
    "take_along_dim": lambda L, x: L.take_along_dim(x, positions(L, x), 1),
    # Making and converting
    "clone": method("clone"),
    "clone, C order": lambda L, x: x.clone(memory_format=L.contiguous_format),
    "contiguous": method("contiguous"),
    "double": method("double"),
    "long": method("long"),
    "zeros_like": lambda L, x: L.zeros_like(x),
    "full_like": lambda L, x: L.full_like(x, 2.0),
    "full_like, C order": lambda L, x: L.full_like(x, 2.0, memory_format=L.contiguous_format),
    "new_zeros": lambda L, x: x.new_zeros(x.shape),
    "out=": lambda L, x: L.add(x, x, out=L.empty(0)),
    "resize_": lambda L, x: L.empty(0).resize_as_(x, memory_format=L.preserve_format).copy_(x),
    # Random numbers, which follow memory
    "dropout": F("dropout", 0.5),
    "dropout by channel": lambda L, x: L.nn.functional.dropout2d(x, 0.5),
    "alpha_dropout": F("alpha_dropout", 0.5),
    "bernoulli": lambda L, x: L.bernoulli(x.clamp(0, 1)),
    "rand_like": lambda L, x: L.rand_like(x),
    "randn_like": lambda L, x: L.randn_like(x),
    "randint_like": lambda L, x: L.randint_like(x, 100),
    "uniform_": lambda L, x: x.clone().uniform_(),
    "normal_": lambda L, x: x.clone().normal_(),
}
IMAGES_ONLY = {
    "bicubic": F("interpolate", scale_factor=2, mode="bicubic"),
    "pixel_shuffle": F("pixel_shuffle", 2),
    "pixel_unshuffle": lambda L, x: L.nn.functional.pixel_unshuffle(x[..., :4], 2),
    "grid_sample": lambda L, x: L.nn.functional.grid_sample(
        x, L.zeros(2, 3, 3, 2), align_corners=False
    ),
}
CUTS = {
    "some channels": lambda x: x[:, 1:3],
    "some columns": lambda x: x[..., 1:4],
    "one channel": lambda x: x[:, :1].clone(),
    "one pixel": lambda x: x[(..., *(slice(0, 1),) * (x.dim() - 2))].clone(),
}
OF_CUTS = (
    "relu", "add", "add of C order", "clone", "double", "zeros_like", "cat", "pad", "nearest",
    "adaptive_avg_pool to one", "softmax", "contiguous", "flip", "masked_fill", "dropout",
)  # fmt: skip
OF_PARTS = (*OF_CUTS, "where", "roll", "batch_norm, training", "group_norm")


def results(lib, call, x):
    lib.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = call(lib, x)
    return y if isinstance(y, (tuple, list)) else [y]


def check(call, kind, cut=None):
    ours, theirs = (results(lib, call, operand(lib, kind, cut)) for lib in (cnn, torch))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert tuple(a.stride()) == tuple(b.stride()), tuple(b.shape)
        values = [np.array(t.detach().double().tolist()) for t in (a, b)]
        assert values[0].shape == values[1].shape
        np.testing.assert_allclose(
            *values, rtol=1e-2 if "bfloat16" in str(b.dtype) else 1e-4, atol=1e-5
        )


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", CALLS)
def test_call(name, kind):
    check(CALLS[name], kind)


@pytest.mark.parametrize("name", IMAGES_ONLY)
def test_call_on_images(name):
    check(IMAGES_ONLY[name], "images")


@pytest.mark.parametrize("cut", ["one channel", "one pixel"])
@pytest.mark.parametrize("name", OF_CUTS)
def test_what_lies_in_both_formats(name, cut):
    check(CALLS[name], "images", CUTS[cut])


@pytest.mark.parametrize("cut", ["some channels", "some columns"])
@pytest.mark.parametrize("name", OF_PARTS)
def test_with_gaps(name, cut):
    check(CALLS[name], "images", CUTS[cut])


MODULES = [
    ("Conv2d", (4, 6, 3)),
    ("Conv2d", (4, 8, 3, 2, 1, 1, 4)),
    ("ConvTranspose2d", (4, 6, 3, 2)),
    ("BatchNorm2d", (4,)),
    ("InstanceNorm2d", (4,)),
    ("GroupNorm", (2, 4)),
    ("MaxPool2d", (2,)),
    ("AvgPool2d", (2,)),
    ("AdaptiveAvgPool2d", (3,)),
    ("AdaptiveMaxPool2d", (3,)),
    ("LPPool2d", (2, 2)),
    ("Upsample", (None, 2)),
    ("PixelShuffle", (2,)),
    ("ChannelShuffle", (2,)),
    ("ZeroPad2d", (1,)),
    ("ConstantPad2d", (1, 2.0)),
    ("ReflectionPad2d", (1,)),
    ("ReplicationPad2d", (1,)),
    ("CircularPad2d", (1,)),
    ("Dropout", (0.5,)),
    ("Dropout2d", (0.5,)),
    ("LocalResponseNorm", (2,)),
    ("Softmax2d", ()),
    ("ReLU6", ()),
    ("PReLU", (4,)),
    ("Flatten", ()),
]


@pytest.mark.parametrize("name, arguments", MODULES, ids=str)
def test_module(name, arguments):
    seen = []
    for lib in (cnn, torch):
        lib.manual_seed(1)
        module = getattr(lib.nn, name)(*arguments).to(memory_format=lib.channels_last)
        x = operand(lib, "images").abs().requires_grad_()
        y = module(x)
        slopes = lib.arange(float(y.numel())).view(y.shape) % 5 - 1.5
        (y * slopes).sum().backward()
        seen.append((y, x.grad, *(p.grad for p in module.parameters())))
    for ours, theirs in zip(*seen):
        values = [np.array(t.detach().tolist()) for t in (ours, theirs)]
        np.testing.assert_allclose(*values, rtol=1e-3, atol=1e-4)
        assert tuple(ours.stride()) == tuple(theirs.stride())


def test_dropout_after_a_convolution_draws_the_same_mask():
    masks = []
    for lib in (cnn, torch):
        lib.manual_seed(0)
        net = lib.nn.Sequential(lib.nn.Conv2d(4, 8, 3), lib.nn.ReLU(), lib.nn.Dropout(0.5))
        net.to(memory_format=lib.channels_last)
        y = net(operand(lib, "images"))
        masks.append((tuple(y.stride()), (y != 0).tolist(), y.sum().item()))
    assert masks[0][:2] == masks[1][:2]
    assert masks[0][2] == pytest.approx(masks[1][2], rel=1e-4)
