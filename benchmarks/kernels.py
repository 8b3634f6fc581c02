"""Matrix products, convolutions, norms and optimizers by themselves."""

from __future__ import annotations

import math

from benchmarks.workload import Target, Work, Workload

PRODUCTS, CONVOLUTIONS, OTHERS = "matrix products", "convolutions", "norms and optimizers"
PIXELS = "channels last"
RESIZING = "images in other sizes"
COPIES, COPIED = "memory", 2**24

# Rows, inputs and outputs of the linear layers in the training steps.
LINEAR_SHAPES = (
    (1, 784, 256), (64, 784, 256), (256, 784, 256), (32, 400, 120), (1024, 256, 768),
    (1024, 256, 1024), (1024, 1024, 256), (1024, 192, 576),
)  # fmt: skip

# Name, batch, input channels, outputs, image, window, stride, groups.
CONV_SHAPES = (
    ("3x3, 64 channels, 56x56", 32, 64, 64, 56, 3, 1, 1),
    ("3x3, 64 channels, 32x32", 32, 64, 64, 32, 3, 1, 1),
    ("3x3, 128 channels, 16x16", 32, 128, 128, 16, 3, 1, 1),
    ("3x3, 256 channels, 8x8", 32, 256, 256, 8, 3, 1, 1),
    ("3x3, 512 channels, 4x4", 32, 512, 512, 4, 3, 1, 1),
    ("1x1, 256 channels, 8x8", 32, 256, 256, 8, 1, 1, 1),
    ("3x3 stride 2, 64 to 128, 32x32", 32, 64, 128, 32, 3, 2, 1),
    ("7x7, 64 channels, 28x28", 32, 64, 64, 28, 7, 1, 1),
    ("11x11 stride 4, 3 to 64, 224x224, batch 8", 8, 3, 64, 224, 11, 4, 1),
    ("depthwise 3x3, 96 channels, 28x28", 32, 96, 96, 28, 3, 1, 96),
)

# Those of them that are also run with the channels of a pixel side by side.
PIXEL_SHAPES = (CONV_SHAPES[0], CONV_SHAPES[5], CONV_SHAPES[6], CONV_SHAPES[9])

UPSAMPLED = (("bilinear", 8, 64, 56, 56), ("nearest", 8, 64, 56, 56), ("bicubic", 1, 3, 224, 224))


def product(n, dtype):
    def build(torch):
        a = torch.randn(n, n).to(getattr(torch, dtype))
        b = torch.randn(n, n).to(getattr(torch, dtype))
        return lambda: a @ b

    return build


def linear(rows, inputs, outputs):
    """Forward, and the gradients of input, weight and bias."""

    def build(torch):
        x = torch.randn(rows, inputs, requires_grad=True)
        layer, g = torch.nn.Linear(inputs, outputs), torch.randn(rows, outputs)
        leaves = (x, layer.weight, layer.bias)
        return lambda: torch.autograd.grad(layer(x), leaves, g)[1]

    return build


def convolution(batch, inputs, outputs, image, window, stride, groups, layout="contiguous_format"):
    """Forward, and the gradients of weight and, unless it is a picture, of input."""

    def build(torch):
        memory_format = getattr(torch, layout)
        x = torch.randn(batch, inputs, image, image).to(memory_format=memory_format)
        x.requires_grad_(inputs != 3)
        layer = torch.nn.Conv2d(
            inputs, outputs, window, stride, window // 2, groups=groups, bias=False
        ).to(memory_format=memory_format)
        g = torch.randn_like(layer(x).detach())
        leaves = (layer.weight, x) if x.requires_grad else (layer.weight,)
        return lambda: torch.autograd.grad(layer(x), leaves, g)[0]

    return build


def convolution_work(batch, inputs, outputs, image, window, stride, groups):
    side = (image + 2 * (window // 2) - window) // stride + 1
    passes = 2 if inputs == 3 else 3
    per_output = inputs // groups * window * window
    written, read = batch * outputs * side * side, batch * inputs * image * image
    weights = outputs * per_output
    return Work(2 * passes * written * per_output, 4 * passes * (written + read + weights))


def forward_backward(make, layout="contiguous_format"):
    """make(torch) -> (module, shape of its input): forward, and every gradient."""

    def build(torch):
        module, shape = make(torch)
        x = torch.randn(shape).to(memory_format=getattr(torch, layout)).requires_grad_()
        g = torch.randn_like(module(x).detach())
        leaves = (x, *module.parameters())
        return lambda: torch.autograd.grad(module(x), leaves, g)[0]

    return build


def batch_norm_relu(torch):
    nn = torch.nn
    return nn.Sequential(nn.BatchNorm2d(64), nn.ReLU()), (32, 64, 32, 32)


def max_pool(torch):
    return torch.nn.MaxPool2d(3, 2, 1), (32, 64, 56, 56)


def upsampling(mode, *shape):
    return lambda torch: (torch.nn.Upsample(scale_factor=2, mode=mode), shape)


def layer_norm(torch):
    return torch.nn.LayerNorm(256), (1024, 256)


def softmax(torch):
    return torch.nn.Softmax(-1), (8, 8, 128, 128)


def copy(torch):
    x, y = torch.randn(COPIED), torch.empty(COPIED)
    return lambda: y.copy_(x)


def optimizer(name, **options):
    """A step over the 11 million numbers of ResNet-18, in 62 parameters of even size."""

    def build(torch):
        parameters = [torch.randn(180000, requires_grad=True) for _ in range(62)]
        for p in parameters:
            p.grad = torch.randn(180000)
        return getattr(torch.optim, name)(parameters, lr=1e-4, **options).step

    return build


def catalogue():
    def row(section, name, build, work, must=None, aim=1.0):
        return Workload(section, name, build, Target(must, aim), work=work)

    kinds = (
        ("float32", (256, 512, 1024, 2048), 4, 0.9, 1.0),
        ("bfloat16", (512, 1024, 2048), 2, 1.0, None),
    )
    for dtype, sizes, width, *target in kinds:
        for n in sizes:
            work = Work(2 * n**3, 3 * n * n * width, dtype)
            yield row(PRODUCTS, f"{n} x {n} x {n}, {dtype}", product(n, dtype), work, *target)
    for shape in LINEAR_SHAPES:
        m, k, n = shape
        name = f"nn.Linear({k}, {n}) of {m} rows, forward and backward"
        work = Work(6 * m * n * k, 12 * (m * k + k * n + m * n))
        yield row(PRODUCTS, name, linear(*shape), work)
    for name, *shape in CONV_SHAPES:
        build, work = convolution(*shape), convolution_work(*shape)
        yield row(CONVOLUTIONS, name, build, work, must=0.9)

    for name, *shape in PIXEL_SHAPES:
        build, work = convolution(*shape, "channels_last"), convolution_work(*shape)
        yield row(PIXELS, name, build, work)
    image = 32 * 64 * 56 * 56
    for name, make, touched in (
        ("max pool 3x3 stride 2, 32x64x56x56", max_pool, 3 * image),
        ("batch norm and ReLU, 32x64x32x32", batch_norm_relu, 5 * 32 * 64 * 32 * 32),
    ):
        build = forward_backward(make, "channels_last")
        yield row(PIXELS, f"{name}, forward and backward", build, Work(0, 4 * touched))

    for mode, *shape in UPSAMPLED:
        name = f"{mode} x2 of {'x'.join(map(str, shape))}"
        work = Work(0, 4 * 10 * math.prod(shape))  # x, y and their gradients
        for layout, place in (("contiguous_format", ""), ("channels_last", ", channels last")):
            build = forward_backward(upsampling(mode, *shape), layout)
            yield row(RESIZING, f"{name}{place}, forward and backward", build, work)

    yield row(COPIES, "copy of 64 MiB to memory in use", copy, Work(0, 8 * COPIED))

    # Floats that pass through memory at least: x, y forward; x or y, dy, dx backward.
    image, tokens, scores = 32 * 64 * 32 * 32, 1024 * 256, 8 * 8 * 128 * 128
    for name, make, count in (
        ("batch norm and ReLU, 32x64x32x32", batch_norm_relu, image),
        ("layer norm, 1024x256", layer_norm, tokens),
        ("softmax, 8x8x128x128", softmax, scores),
    ):
        work = Work(0, 4 * 5 * count)
        yield row(OTHERS, f"{name}, forward and backward", forward_backward(make), work)
    numbers = 62 * 180000
    for name, build, floats in (
        ("SGD with momentum", optimizer("SGD", momentum=0.9), 5),
        ("Adam", optimizer("Adam"), 7),
        ("Adam(fused=True)", optimizer("Adam", fused=True), 7),
    ):
        work = Work(0, 4 * floats * numbers)
        yield row(OTHERS, f"{name}, 11M parameters", build, work)
