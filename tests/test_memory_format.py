"""Channels-last tensors: what has the format, and that every value is that of C order."""

from __future__ import annotations

import pytest

import cnn
import cnn.nn.functional as F

FORMATS = {4: cnn.channels_last, 5: cnn.channels_last_3d}


def strides(t):
    return tuple(t.stride())


def images(*shape):
    cnn.manual_seed(0)
    return cnn.randn(*shape)


def channels_last(t):
    return t.contiguous(memory_format=FORMATS[t.dim()])


def has_format(t):
    return t.is_contiguous(memory_format=FORMATS[t.dim()]) and not t.is_contiguous()


def test_strides_of_the_formats():
    assert strides(cnn.empty(2, 3, 4, 5, memory_format=cnn.channels_last)) == (60, 1, 15, 3)
    assert strides(cnn.empty(2, 3, 4, 5, 6, memory_format=cnn.channels_last_3d)) == (
        360,
        1,
        90,
        18,
        3,
    )
    assert strides(cnn.empty(2, 0, 4, 5, memory_format=cnn.channels_last)) == (0, 1, 0, 0)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_conversion_keeps_the_elements(shape):
    x = images(*shape)
    fmt = FORMATS[len(shape)]
    makers = [
        x.contiguous(memory_format=fmt),
        x.to(memory_format=fmt),
        x.clone(memory_format=fmt),
        x.double(memory_format=fmt),
        x.to(cnn.float64, memory_format=fmt),
        cnn.empty(shape, memory_format=fmt).copy_(x),
        cnn.empty_like(x, memory_format=fmt).copy_(x),
    ]
    for y in makers:
        assert has_format(y) and cnn.equal(y.float(), x)
        assert has_format(y.clone()) and has_format(cnn.zeros_like(y)) and has_format(y.half())
        back = y.contiguous()
        assert back.is_contiguous() and cnn.equal(back.float(), x)
        assert cnn.equal(y.clone(memory_format=cnn.contiguous_format).float(), x)


def test_a_tensor_of_the_format_is_returned_itself():
    x = channels_last(images(2, 3, 4, 5))
    assert x.contiguous(memory_format=cnn.channels_last) is x
    assert x.to(memory_format=cnn.channels_last) is x
    single = images(2, 1, 4, 5)  # one channel lies in both formats
    assert single.contiguous(memory_format=cnn.channels_last) is single


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
def test_another_rank_is_refused(rank):
    x = cnn.ones((2,) * rank)
    message = "required rank 4 tensor to use channels_last format"
    for call in (
        lambda: x.contiguous(memory_format=cnn.channels_last),
        lambda: x.to(memory_format=cnn.channels_last),
        lambda: cnn.empty_like(x, memory_format=cnn.channels_last),
        lambda: cnn.empty(x.shape, memory_format=cnn.channels_last),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
    assert not x.is_contiguous(memory_format=cnn.channels_last)


def test_what_is_no_format_is_refused():
    with pytest.raises(RuntimeError, match="preserve memory format is unsupported"):
        cnn.ones(2, 3).t().contiguous(memory_format=cnn.preserve_format)
    with pytest.raises(RuntimeError, match="unsupported memory format Preserve"):
        cnn.empty(2, 3, memory_format=cnn.preserve_format)
    with pytest.raises(TypeError, match="must be torch.memory_format, not int"):
        cnn.empty(2, 3, memory_format=3)


def test_gradients_flow_through_conversions():
    x = images(2, 3, 4, 5).requires_grad_()
    weight = images(2, 3, 4, 5)
    (channels_last(x) * weight).sum().backward()
    assert cnn.equal(x.grad, weight) and x.grad.is_contiguous()


def test_modules_convert_their_weights():
    net = cnn.nn.Sequential(cnn.nn.Conv2d(3, 8, 3), cnn.nn.BatchNorm2d(8), cnn.nn.Linear(2, 3))
    net.to(memory_format=cnn.channels_last)
    assert has_format(net[0].weight) and net[0].bias.is_contiguous()
    assert net[2].weight.is_contiguous()


def test_weights_of_convolutions_alone_are_converted():
    net = cnn.nn.Sequential(
        cnn.nn.Conv2d(3, 8, 3), cnn.nn.Conv3d(3, 8, 3), cnn.nn.ConvTranspose2d(3, 8, 3)
    )
    before = [p.clone() for p in net.parameters()]
    assert cnn.nn.utils.convert_conv2d_weight_memory_format(net, cnn.channels_last) is net
    assert [has_format(layer.weight) for layer in net] == [True, False, True]
    cnn.nn.utils.convert_conv3d_weight_memory_format(net, cnn.channels_last_3d)
    assert has_format(net[1].weight)
    assert all(cnn.equal(a, b) for a, b in zip(before, net.parameters()))


# ---- Every kernel gives the values of C order, forward and backward ----


def compare(f, *operands, weights=(), tolerance=2e-5, in_format=True):
    """f in C order and with its operands channels last: the same values, the result in the format."""
    results = []
    for layout in (lambda t: t.clone(), channels_last):
        leaves = [layout(t).detach().requires_grad_() for t in operands]
        others = [t.detach().clone().requires_grad_() for t in weights]
        y = f(*leaves, *others)
        cnn.manual_seed(1)
        grads = cnn.autograd.grad(y, leaves + others, cnn.randn_like(y.detach().contiguous()))
        results.append([y, *grads])
    for plain, last in zip(*results):
        scale = plain.abs().max().item() + 1e-30 if plain.numel() else 1
        assert plain.shape == last.shape
        assert ((plain - last).abs() <= tolerance * scale).all()
    y = results[1][0]
    if in_format and y.numel() > 1 and y.shape[1] > 1 and y[0, 0].numel() > 1:
        assert has_format(y)
    return results[1]


CONVOLUTIONS = [  # x, w, options: every way that a convolution may take
    ((2, 16, 12, 11), (24, 16, 3, 3), {"padding": 1}),  # Winograd
    ((1, 40, 9, 9), (32, 40, 3, 3), {"padding": 2, "dilation": 2}),
    ((2, 24, 10, 9), (24, 1, 3, 3), {"padding": 1, "groups": 24}),  # depthwise
    ((2, 19, 10, 9), (19, 1, 5, 3), {"stride": 2, "padding": (2, 1), "groups": 19}),
    ((2, 16, 11, 9), (17, 16, 3, 3), {"stride": 2}),  # pixels
    ((2, 37, 6, 7), (33, 37, 5, 1), {"padding": (2, 0)}),
    ((1, 3, 33, 35), (16, 3, 7, 7), {"stride": 2, "padding": 3}),
    ((2, 12, 7, 6), (20, 12, 1, 1), {}),  # a matrix of pixels
    ((2, 12, 7, 6), (18, 4, 1, 1), {"groups": 3}),
    ((3, 2, 5, 5), (3, 2, 1, 1), {}),
    ((2, 32, 4, 4), (32, 32, 2, 2), {}),  # columns
    ((1, 30, 20, 20), (30, 30, 18, 18), {}),
    ((2, 3, 9, 8), (5, 3, 3, 2), {"padding": 1}),  # planes
    ((2, 8, 9, 8), (6, 4, 3, 3), {"groups": 2, "padding": 1}),
    ((0, 4, 6, 6), (8, 4, 3, 3), {}),
    ((1, 17, 5, 6, 7), (18, 17, 3, 3, 3), {"padding": 1}),
    ((2, 4, 5, 4, 3), (6, 2, 2, 1, 3), {"groups": 2, "stride": (1, 2, 1)}),
    ((1, 18, 4, 5, 6), (18, 1, 3, 3, 3), {"groups": 18, "padding": 1}),
]


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
@pytest.mark.parametrize("x, w, options", CONVOLUTIONS, ids=str)
def test_convolution(x, w, options, dtype):
    conv = F.conv2d if len(x) == 4 else F.conv3d
    x, w, bias = images(*x).to(dtype), images(*w).to(dtype), images(w[0]).to(dtype)
    in_format = x.dim() == 4 or dtype == cnn.float32
    result = compare(
        lambda x, w, b: conv(x, w, b, **options), x, weights=(w, bias), in_format=in_format
    )
    if in_format and x.numel() and w[0, 0].numel() > 1 and w.shape[1] > 1:
        assert has_format(result[2])  # the weight's gradient


@pytest.mark.parametrize("x, w, options", [row for row in CONVOLUTIONS if row[0][0]], ids=str)
def test_transposed_convolution(x, w, options):
    conv, back = (F.conv2d, F.conv_transpose2d) if len(x) == 4 else (F.conv3d, F.conv_transpose3d)
    y = conv(images(*x), images(*w), **options)
    compare(lambda y, w, b: back(y, w, b, **options), y, weights=(images(*w), images(x[1])))


def test_convolution_of_integers():
    x = cnn.arange(2 * 3 * 5 * 6).view(2, 3, 5, 6)
    w = cnn.arange(4 * 3 * 2 * 2).view(4, 3, 2, 2)
    y = F.conv2d(channels_last(x), w)
    assert has_format(y) and cnn.equal(y, F.conv2d(x, w))


@pytest.mark.parametrize("channels", [1, 3, 16, 35])
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
def test_pooling(channels, dtype):
    x = images(2, channels, 9, 8).to(dtype)
    deep = images(1, channels, 4, 5, 6).to(dtype)
    for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}):
        compare(lambda x: F.max_pool2d(x, **options), x)
        compare(lambda x: F.avg_pool2d(x, **options), x)
        compare(lambda x: F.avg_pool2d(x, **options, count_include_pad=False), x)
        compare(lambda x: F.max_pool3d(x, **options), deep)
        compare(lambda x: F.avg_pool3d(x, **options), deep, in_format=False)
    compare(lambda x: F.max_pool2d(x, 2, dilation=2, ceil_mode=True), x)
    for size in (1, 2, (3, 5)):
        compare(lambda x: F.adaptive_avg_pool2d(x, size), x)
        compare(lambda x: F.adaptive_max_pool2d(x, size), x)
    compare(lambda x: F.adaptive_avg_pool3d(x, (2, 3, 4)), deep, in_format=False)


def test_indices_of_pooling():
    x = images(2, 5, 7, 6)
    x[0, 1, 2, 3] = float("nan")
    x[1, :, 2:4, 2:4] = 7
    plain = F.max_pool2d(x, 3, 2, padding=1, return_indices=True)
    last = F.max_pool2d(channels_last(x), 3, 2, padding=1, return_indices=True)
    assert cnn.equal(plain[1], last[1]) and has_format(last[1])
    assert cnn.equal(plain[0].nan_to_num(9), last[0].nan_to_num(9))


@pytest.mark.parametrize("dtype", [cnn.uint8, cnn.int8, cnn.int16, cnn.int32, cnn.int64])
def test_pooling_of_integers(dtype):
    x = (images(2, 5, 7, 6) * 40).to(dtype)
    assert cnn.equal(F.max_pool2d(channels_last(x), 3, 2), F.max_pool2d(x, 3, 2))
    if dtype == cnn.int64:
        assert cnn.equal(F.avg_pool2d(channels_last(x), 3, 2), F.avg_pool2d(x, 3, 2))


@pytest.mark.parametrize("shape", [(3, 6, 5, 7), (2, 40, 9, 9), (2, 6, 2, 3, 4), (1, 64, 1, 1)])
def test_norms(shape):
    x, w, b = images(*shape), images(shape[1]) + 2, images(shape[1])
    for options in ({"training": True}, {}):
        mean, var = cnn.zeros(shape[1]) + 0.1, cnn.ones(shape[1]) * 2
        if x[:, 0].numel() > 1 or not options:
            compare(
                lambda x, w, b: F.batch_norm(x, mean.clone(), var.clone(), w, b, **options),
                x,
                weights=(w, b),
                tolerance=1e-4,
            )
    for groups in (1, 2, shape[1]):
        if x.numel() > groups:
            compare(
                lambda x, w, b: F.group_norm(x, groups, w, b), x, weights=(w, b), tolerance=1e-4
            )


def test_fused_norm_and_relu():
    net = cnn.nn.Sequential(cnn.nn.Conv2d(3, 16, 3), cnn.nn.BatchNorm2d(16), cnn.nn.ReLU())
    x = images(2, 3, 8, 8)
    plain = net(x)
    assert cnn.allclose(net(channels_last(x)), plain, atol=1e-5)
    net.eval()
    assert has_format(net(channels_last(x)))


RESHAPING = {
    "pad": lambda x: F.pad(x, (1, 2, 0, 1), value=3.0),
    "pad negative": lambda x: F.pad(x, (-1, 2)),
    "reflect": lambda x: F.pad(x, (1, 1, 2, 1), mode="reflect"),
    "replicate": lambda x: F.pad(x, (1, 1, 2, 1), mode="replicate"),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "bilinear": lambda x: F.interpolate(x, size=(7, 5), mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, size=(7, 5), mode="bicubic", align_corners=True),
    "area": lambda x: F.interpolate(x, size=(2, 3), mode="area"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
    "flip": lambda x: x.flip((1, 3)),
    "roll": lambda x: x.roll((1, 2), (1, 3)),
    "cat": lambda x: cnn.cat([x, x * 2], 1),
    "cat of images": lambda x: cnn.cat([x, x * 2]),
    "chain": lambda x: F.relu(x * 2 + cnn.ones(8, 1, 1)).clamp(max=1.5),
}


@pytest.mark.parametrize("name", RESHAPING)
def test_rearranging(name):
    compare(RESHAPING[name], images(2, 8, 6, 4))


def test_flip_of_any_order():
    x = images(2, 3, 4).permute(2, 0, 1)
    assert strides(x.flip(1)) == strides(x)
    assert cnn.equal(x.flip((0, 2)), x.contiguous().flip((0, 2)))
    gaps = images(4, 6, 5)[:, ::2].transpose(0, 2)
    assert cnn.equal(gaps.flip((0, 1)), gaps.contiguous().flip((0, 1)))


def test_stack():
    x = channels_last(images(2, 3, 4, 5))
    for dim in range(5):
        y = cnn.stack([x, x * 2], dim)
        assert cnn.equal(y, cnn.stack([x.contiguous(), x.contiguous() * 2], dim))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads):
    x, w = channels_last(images(3, 20, 17, 15)), images(24, 20, 3, 3)

    def run():
        y = F.conv2d(x, w, padding=1)
        z = F.batch_norm(F.max_pool2d(y, 3, 2), None, None, training=True)
        return F.group_norm(F.avg_pool2d(z, 2), 4)

    before = cnn.get_num_threads()
    expected = run()
    try:
        cnn.set_num_threads(threads)
        assert cnn.equal(run(), expected)
    finally:
        cnn.set_num_threads(before)


def test_images_without_a_batch_stay_in_c_order():
    x = channels_last(images(2, 4, 6, 5))[0]
    assert F.max_pool2d(x, 2).is_contiguous()
    deep = channels_last(images(2, 3, 6, 5))  # a volume of [2, 3, 6, 5] is no batch of pictures
    assert cnn.equal(F.max_pool3d(deep, 2), F.max_pool3d(deep.contiguous(), 2))
    w = images(4, 2, 2, 2, 2)
    assert cnn.allclose(F.conv3d(deep, w), F.conv3d(deep.contiguous(), w), atol=1e-5)
    for mode in ("reflect", "replicate"):
        pad = (1, 0, 1, 1, 1, 0)
        assert cnn.equal(F.pad(deep, pad, mode=mode), F.pad(deep.contiguous(), pad, mode=mode))
