"""cnn.vision beside torchvision, where that is installed with its compiled operators; and bytes
resized beside PyTorch alone.
"""

import random
import warnings

import numpy as np
import pytest

import cnn
from cnn import _C
from cnn.nn import functional as F
from cnn.vision import models, ops
from cnn.vision import transforms as T

torch = pytest.importorskip("torch")
try:
    import torchvision
    from torchvision.extension import _has_ops

    HAS_OPS = _has_ops()
except Exception:  # its library may be made for another PyTorch, and then it fails in any way
    torchvision, HAS_OPS = None, False

needs_torchvision = pytest.mark.skipif(torchvision is None, reason="torchvision is not installed")
needs_ops = pytest.mark.skipif(not HAS_OPS, reason="torchvision's operators are not there")
RNG = np.random.default_rng(0)


def both(array, grad=False):
    """The same values for PyTorch and for cnn."""
    theirs, ours = torch.from_numpy(array.copy()), cnn.from_numpy(array.copy())
    return (theirs.requires_grad_(), ours.requires_grad_()) if grad else (theirs, ours)


def close(ours, theirs, tolerance):
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


# ---- Bytes ----


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_are_resized_to_the_same_bits(mode, antialias, align_corners):
    options = {"mode": mode, "antialias": antialias, "align_corners": align_corners}
    for shape, size in (
        ((2, 3, 20, 31), (7, 13)), ((1, 1, 9, 11), (20, 30)), ((2, 5, 16, 16), (16, 8)),
        ((1, 4, 8, 8), (3, 11)), ((1, 3, 50, 60), (49, 61)),
    ):  # fmt: skip
        theirs, ours = both(RNG.integers(0, 256, shape, dtype=np.uint8))
        expected = torch.nn.functional.interpolate(theirs, size, **options)
        assert np.array_equal(F.interpolate(ours, size, **options).numpy(), expected.numpy()), shape
    theirs, ours = both(RNG.integers(0, 256, (1, 3, 30, 20), dtype=np.uint8))
    options = {"mode": mode, "antialias": antialias, "scale_factor": (0.6, 1.7)}
    expected = torch.nn.functional.interpolate(theirs, **options)
    assert np.array_equal(F.interpolate(ours, **options).numpy(), expected.numpy())


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-5), (np.float64, 1e-12)])
def test_floats_are_resized_against_aliasing(mode, align_corners, dtype, tolerance):
    for shape, size in (
        ((2, 3, 20, 31), (7, 13)),
        ((1, 2, 9, 11), (20, 30)),
        ((1, 1, 33, 17), (5, 17)),
    ):
        theirs, ours = both(RNG.standard_normal(shape).astype(dtype), grad=True)
        options = {"size": size, "mode": mode, "antialias": True, "align_corners": align_corners}
        a, b = torch.nn.functional.interpolate(theirs, **options), F.interpolate(ours, **options)
        a.square().sum().backward()
        b.square().sum().backward()
        close(b, a, tolerance)
        close(ours.grad, theirs.grad, 10 * tolerance)


# ---- Operators ----

POOLINGS = [
    ("roi_align", (0.7, 3, 2, -1, False)),
    ("roi_align", (1.0, 3, 3, 2, True)),
    ("ps_roi_align", (0.7, 2, 2, -1)),
    ("roi_pool", (0.7, 3, 2)),
    ("ps_roi_pool", (0.7, 2, 2)),
]


@needs_ops
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, args", POOLINGS)
def test_poolings(name, args, dtype):
    theirs, ours = both(RNG.standard_normal((2, 8, 13, 17)).astype(dtype), grad=True)
    low = RNG.random((20, 2)) * (8 if name == "ps_roi_pool" else 20) - 3
    size = RNG.random((20, 2)) * 8 + 0.1
    index = RNG.integers(0, 2, (20, 1))
    regions = both(np.concatenate([index, low, low + size], 1).astype(dtype))
    a = getattr(torch.ops.torchvision, name)(theirs, regions[0], *args)
    b = getattr(_C, f"_vision_{name}")(ours, regions[1], *args)
    if isinstance(a, tuple):
        assert np.array_equal(b[1].numpy(), a[1].numpy())
        a, b = a[0], b[0]
    assert np.array_equal(b.detach().numpy(), a.detach().numpy())
    a.square().sum().backward()
    b.square().sum().backward()
    if name != "ps_roi_pool":  # whose gradient in torchvision takes in the last row and column
        assert np.array_equal(ours.grad.numpy(), theirs.grad.numpy())


@needs_ops
@pytest.mark.parametrize(
    "groups, offset_groups, masked", [(1, 1, True), (2, 3, True), (2, 2, False)]
)
def test_deform_conv2d(groups, offset_groups, masked):
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    shapes = [(3, 12, 9, 8), (3, 12 * offset_groups, 5, 10), (4, 12 // groups, 3, 2), (4,)]
    inputs = [both(RNG.standard_normal(shape), grad=True) for shape in shapes]
    mask = both(RNG.random((3, 6 * offset_groups, 5, 10)), grad=True) if masked else (None, None)
    a = torchvision.ops.deform_conv2d(*(i[0] for i in inputs), mask=mask[0], **options)
    b = ops.deform_conv2d(*(i[1] for i in inputs), mask=mask[1], **options)
    close(b, a, 1e-12)
    a.square().sum().backward()
    b.square().sum().backward()
    for theirs, ours in inputs + [mask] * masked:
        close(ours.grad, theirs.grad, 1e-10)


@needs_ops
def test_boxes():
    low = RNG.random((300, 2)) * 50
    boxes = both(np.concatenate([low, low + RNG.random((300, 2)) * 20], 1).astype(np.float32))
    scores = RNG.random(300).astype(np.float32)
    scores[::3] = 0.5
    scores = both(scores)
    kept = [lib.nms(b, s, 0.3) for lib, b, s in zip((torchvision.ops, ops), boxes, scores)]
    assert kept[0].tolist() == kept[1].tolist()
    for name in ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"):
        a, b = (getattr(lib, name)(x, x) for lib, x in zip((torchvision.ops, ops), boxes))
        close(b, a, 1e-6)
    turned = both(RNG.random((30, 5)).astype(np.float32) * [10, 10, 10, 10, 360])
    a = torch.ops.torchvision.box_iou_rotated(turned[0], turned[0])
    b = _C._vision_box_iou_rotated(turned[1], turned[1])
    assert b.dtype is cnn.float32
    close(b, a, 1e-5)


# ---- Transforms ----

TRANSFORMS = [
    "Resize(20)", "Resize((18, 40))", "Resize(20, T.InterpolationMode.BICUBIC)",
    "Resize(20, antialias=False)", "CenterCrop((60, 30))", "Pad((1, 2, 3, 4), fill=7)",
    "Pad((4, 1), padding_mode='symmetric')", "RandomCrop(37, padding=4)",
    "RandomCrop((40, 60), pad_if_needed=True, fill=3)", "RandomHorizontalFlip()",
    "RandomResizedCrop(24)", "ColorJitter(0.4, 0.3, 0.5, 0.2)", "Grayscale(3)",
    "RandomGrayscale(0.6)", "RandomRotation((10, 80), expand=True, fill=5)",
    "RandomRotation(40, T.InterpolationMode.BILINEAR, center=(3, 5))",
    "RandomAffine(20, translate=(0.2, 0.3), scale=(0.7, 1.4), shear=10)",
    "RandomPerspective(0.6, p=0.9)", "GaussianBlur((3, 7), sigma=(1.0, 2.0))",
    "ElasticTransform(30.0, 3.0)", "RandomInvert(0.6)", "RandomAdjustSharpness(2.0, 0.8)",
    "RandomAutocontrast(0.8)", "FiveCrop(15)", "RandomPosterize(3, 0.8)", "RandomEqualize(0.8)",
    "AutoAugment()", "AutoAugment(T.AutoAugmentPolicy.SVHN, fill=3)", "RandAugment(3, 20)",
    "TrivialAugmentWide()", "RandomErasing(0.9, value='random')",
    "RandomApply([T.ColorJitter(0.3), T.RandomHorizontalFlip()], p=0.4)",
    "RandomOrder([T.CenterCrop(30), T.RandomCrop(25), T.RandomVerticalFlip()])",
    "RandomChoice([T.Resize(8), T.CenterCrop(8), T.RandomCrop(8)])",
]  # fmt: skip


@needs_torchvision
@pytest.mark.parametrize("code", TRANSFORMS)
def test_transforms(code):
    """The same draws and results, from bytes: rounding may differ where a value is between two."""
    pixels = RNG.integers(0, 256, (3, 37, 51), dtype=np.uint8)
    for seed in range(3):
        results = []
        for image, lib in zip(both(pixels), (torchvision.transforms, T)):
            (torch if lib is not T else cnn).manual_seed(seed)
            random.seed(seed)
            transform = eval(f"T.{code}", {"T": lib})
            result = transform(image)
            left = (torch if lib is not T else cnn).rand(1).item()
            results.append(
                (result if isinstance(result, tuple) else (result,), left, repr(transform))
            )
        (theirs, their_left, their_repr), (ours, our_left, our_repr) = results
        assert our_left == their_left
        assert our_repr == their_repr
        for a, b in zip(theirs, ours):
            assert a.shape == b.shape
            apart = np.abs(a.numpy().astype(int) - b.numpy().astype(int))
            assert apart.max() <= 1 and (apart > 0).mean() < 0.05


# ---- Models ----


@needs_torchvision
@pytest.mark.parametrize(
    "name",
    ["resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5",
     "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "swin_t", "densenet121"],
)  # fmt: skip
def test_models(name):
    """The same first weights from one seed, and the same logits."""
    torch.manual_seed(3)
    cnn.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torchvision.models.get_model(name).eval()
        ours = models.get_model(name).eval()
    state = theirs.state_dict()
    for key, value in ours.state_dict().items():
        assert np.array_equal(value.numpy(), state[key].numpy()), key
    x = both(RNG.standard_normal((1, 3, 64, 64)).astype(np.float32))
    with torch.no_grad(), cnn.no_grad():
        a, b = theirs(x[0]), ours(x[1])
    assert (b - cnn.from_numpy(a.numpy())).abs().max() <= 2e-5 * a.abs().max().item()
