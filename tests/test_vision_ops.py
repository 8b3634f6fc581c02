"""torchvision's ops: values against NumPy, gradients by finite differences, errors before writes."""

import numpy as np
import pytest

import cnn
from cnn import _C
from cnn.autograd import gradcheck
from cnn.nn import functional as F
from cnn.vision import ops

RNG = np.random.default_rng(0)


def rand(*shape):
    return cnn.tensor(RNG.standard_normal(shape))


def rois(*rows):
    return cnn.tensor(rows, dtype=cnn.float64)


ROIS = rois((0, 1.2, 0.7, 6.4, 5.1), (1, -2.0, 2.5, 3.3, 12.0), (1, 0.2, 0.1, 0.6, 0.9))
# name, arguments after the regions, channels of the picture
POOLINGS = [
    ("roi_align", (0.8, 2, 3, -1, False), 2),
    ("roi_align", (1.0, 2, 2, 2, True), 2),
    ("ps_roi_align", (0.8, 2, 2, -1), 8),
    ("roi_pool", (0.8, 2, 3), 2),
    ("ps_roi_pool", (0.8, 2, 2), 8),
]


def call(name, x, regions, args):
    result = getattr(_C, f"_vision_{name}")(x, regions, *args)
    return result if isinstance(result, tuple) else (result, None)


# ---- References in NumPy, sample by sample ----


def bilinear(plane, y, x):
    h, w = plane.shape
    if not (-1 <= y <= h and -1 <= x <= w):
        return 0.0
    y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
    b, r = y - top, x - left
    return (plane[top, left] * (1 - r) + plane[top, right] * r) * (1 - b) + (
        plane[bottom, left] * (1 - r) + plane[bottom, right] * r
    ) * b


def aligned(x, row, scale, bins_h, bins_w, ratio, half, least, channel):
    shift = 0.5 if half else 0.0
    x1, y1, x2, y2 = row[1:] * scale - shift
    width, height = x2 - x1, y2 - y1
    if least:
        width, height = max(width, 1.0), max(height, 1.0)
    bin_h, bin_w = height / bins_h, width / bins_w
    n_h = ratio if ratio > 0 else int(np.ceil(bin_h))
    n_w = ratio if ratio > 0 else int(np.ceil(bin_w))

    def of_bin(c, h, w):
        plane = x[int(row[0]), channel(c, h, w)]
        total = 0.0
        for i in range(n_h):
            for j in range(n_w):
                y_at = y1 + h * bin_h + (i + 0.5) * bin_h / n_h
                x_at = x1 + w * bin_w + (j + 0.5) * bin_w / n_w
                total += bilinear(plane, y_at, x_at)
        return total / (n_h * n_w)

    return of_bin


def spans(start, extent, bins, b, last):
    size = extent / bins
    low, high = int(np.floor(b * size)) + start, int(np.ceil((b + 1) * size)) + start
    return slice(min(max(low, 0), last), min(max(high, 0), last))


def pooled(x, row, scale, bins_h, bins_w, reduce, both_ends, cut, channel):
    x1, y1, x2, y2 = (int(np.floor(v * scale + 0.5)) for v in row[1:])
    width, height = max(x2 - x1 + both_ends, 1), max(y2 - y1 + both_ends, 1)

    def of_bin(c, h, w):
        plane = x[int(row[0]), channel(c, h, w)]
        part = plane[
            spans(y1, height, bins_h, h, plane.shape[0] - cut),
            spans(x1, width, bins_w, w, plane.shape[1] - cut),
        ]
        return reduce(part) if part.size else 0.0

    return of_bin


def reference(name, x, regions, args):
    scale, bins_h, bins_w, *rest = args
    own = name.startswith("ps")

    def channel(c, h, w):
        return (c * bins_h + h) * bins_w + w if own else c

    channels = x.shape[1] // (bins_h * bins_w) if own else x.shape[1]
    y = np.zeros((len(regions), channels, bins_h, bins_w))
    for k, row in enumerate(regions):
        if name == "roi_align":
            f = aligned(x, row, scale, bins_h, bins_w, rest[0], rest[1], not rest[1], channel)
        elif name == "ps_roi_align":
            f = aligned(x, row, scale, bins_h, bins_w, rest[0], True, False, channel)
        elif name == "roi_pool":
            f = pooled(x, row, scale, bins_h, bins_w, np.max, 1, 0, channel)
        else:
            f = pooled(x, row, scale, bins_h, bins_w, np.mean, 0, 1, channel)
        for at in np.ndindex(y[k].shape):
            y[(k, *at)] = f(*at)
    return y


@pytest.mark.parametrize("name, args, channels", POOLINGS)
def test_poolings(name, args, channels):
    x = rand(2, channels, 7, 9)
    y, extra = call(name, x, ROIS, args)
    np.testing.assert_allclose(
        y.numpy(), reference(name, x.numpy(), ROIS.numpy(), args), rtol=1e-12, atol=1e-12
    )
    assert gradcheck(lambda t: call(name, t, ROIS, args)[0], (x.clone().requires_grad_(),))
    if extra is not None:
        assert extra.dtype is cnn.int32 and extra.shape == y.shape
    single, _ = call(name, x.float(), ROIS.float(), args)
    assert single.dtype is cnn.float32
    np.testing.assert_allclose(single.numpy(), y.numpy(), rtol=2e-5, atol=2e-5)
    meta, _ = call(name, x.to("meta"), ROIS.to("meta"), args)
    assert meta.shape == y.shape and meta.device.type == "meta"
    odd, _ = call(name, x.transpose(2, 3).contiguous().transpose(2, 3), ROIS, args)
    assert odd.equal(y)
    assert call(name, x, ROIS[:0], args)[0].shape == (0, *y.shape[1:])


def test_argmax_and_channels_of_poolings():
    x = rand(1, 2, 4, 4)
    y, at = call("roi_pool", x, rois((0, 0, 0, 3, 3)), (1.0, 1, 1))
    assert y.flatten().tolist() == x.flatten(2).max(2)[0].flatten().tolist()
    assert at.flatten().tolist() == x.flatten(2).argmax(2).flatten().tolist()
    _, channels = call("ps_roi_pool", rand(1, 8, 4, 4), ROIS[:1], (1.0, 2, 2))
    assert channels.flatten().tolist() == list(range(8))


@pytest.mark.parametrize("name, args, channels", POOLINGS)
def test_poolings_of_wild_regions(name, args, channels):
    """Regions outside the picture, turned inside out, enormous, or no numbers at all."""
    x = rand(1, channels, 5, 5).requires_grad_()
    inf, nan = float("inf"), float("nan")
    wild = rois(
        (0, 50, 50, 60, 60), (0, 4, 4, 1, 1), (0, -1e9, -1e9, 1e9, 1e9), (0, -1e30, 0, 1e30, 2),
        (0, nan, 0, 2, 2), (0, 0, 0, inf, inf), (0, -inf, -inf, inf, inf),
    )  # fmt: skip
    y, _ = call(name, x, wild, args)
    y.sum().backward()
    assert y.shape[0] == 7 and x.grad.shape == x.shape
    assert (y[0] == 0).all() or name == "ps_roi_align"


@pytest.mark.parametrize("name, args, channels", POOLINGS)
def test_poolings_refuse(name, args, channels):
    x = rand(2, channels, 5, 5)
    for image in (2, -1, float("nan"), 1e30):
        with pytest.raises(IndexError, match="picture number"):
            call(name, x, rois((image, 0, 0, 1, 1)), args)
    for bad, error, message in (
        ((x, ROIS[:, :4]), RuntimeError, r"rois must have shape as Tensor\[K, 5\]"),
        ((x[0], ROIS), RuntimeError, "4 dimensions"),
        ((x, ROIS.float()), RuntimeError, "same type"),
        ((x.half(), ROIS.half()), NotImplementedError, "not implemented for 'Half'"),
        ((x.long(), ROIS.long()), NotImplementedError, "not implemented for 'Long'"),
        ((x, ROIS.to("meta")), RuntimeError, "on one device"),
    ):
        with pytest.raises(error, match=message):
            call(name, *bad, args)
    with pytest.raises(RuntimeError, match="pooled size"):
        call(name, x, ROIS, (args[0], -1, *args[2:]))
    if name.startswith("ps"):
        with pytest.raises(RuntimeError, match="multiple of pooling height"):
            call(name, rand(2, channels + 1, 5, 5), ROIS, args)


def test_backward_bounds_its_indices():
    grad, at = rand(1, 1, 1, 1), cnn.tensor([[[[16]]]], dtype=cnn.int32)
    args = (1.0, 1, 1, 1, 1, 4, 4)
    with pytest.raises(IndexError, match="argmax"):
        _C._vision__roi_pool_backward(grad, ROIS[:1], at, *args)
    with pytest.raises(RuntimeError, match="int32"):
        _C._vision__roi_pool_backward(grad, ROIS[:1], at.long(), *args)
    with pytest.raises(RuntimeError, match="shape"):
        _C._vision__roi_align_backward(rand(2, 1, 1, 1), ROIS[:1], *args, -1, False)


def test_second_order_is_refused():
    x = rand(1, 2, 5, 5).requires_grad_()
    y = ops.roi_align(x, ROIS[:1], 2)
    (g,) = cnn.autograd.grad((y * y).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="double backwards on roi_align not supported"):
        g.sum().backward()


def test_regions_in_lists():
    x = rand(2, 3, 8, 8)
    boxes = [rois((1, 1, 5, 5), (0, 2, 3, 7)), rois((2, 2, 6, 6))]
    rows = rois((0, 1, 1, 5, 5), (0, 0, 2, 3, 7), (1, 2, 2, 6, 6))
    assert ops.roi_align(x, boxes, 2).equal(ops.roi_align(x, rows, 2))
    assert ops.RoIPool(2, 1.0)(x, boxes).equal(ops.roi_pool(x, rows, 2))
    assert repr(ops.RoIAlign(2, 0.5, -1)) == (
        "RoIAlign(output_size=2, spatial_scale=0.5, sampling_ratio=-1, aligned=False)"
    )


# ---- Deformable convolution ----


def deformed(x, offset, w, stride, padding, dilation, groups, offset_groups, mask):
    n, _, h, width = x.shape
    out, per_group, kh, kw = w.shape
    oh, ow = offset.shape[2:]
    y = np.zeros((n, out, oh, ow))
    for b, o, i, j in np.ndindex(y.shape):
        for c in range(per_group):
            channel = o // (out // groups) * per_group + c
            og = channel // (x.shape[1] // offset_groups)
            for ky, kx in np.ndindex(kh, kw):
                k = (og * kh + ky) * kw + kx
                py = i * stride[0] - padding[0] + ky * dilation[0] + offset[b, 2 * k, i, j]
                px = j * stride[1] - padding[1] + kx * dilation[1] + offset[b, 2 * k + 1, i, j]
                padded = np.pad(x[b, channel], 1)
                inside = -1 < py < h and -1 < px < width
                value = bilinear(padded, py + 1, px + 1) if inside else 0.0
                y[b, o, i, j] += (
                    w[o, c, ky, kx] * value * (mask[b, k, i, j] if mask is not None else 1)
                )
    return y


@pytest.mark.parametrize(
    "groups, offset_groups, masked", [(1, 1, True), (2, 2, False), (1, 2, True)]
)
def test_deform_conv2d(groups, offset_groups, masked):
    stride, padding, dilation = (2, 1), (1, 0), (1, 2)
    x, w, bias = rand(2, 4, 5, 6), rand(2, 4 // groups, 2, 2), rand(2)
    oh, ow = 3, 4
    offset = rand(2, 2 * offset_groups * 4, oh, ow) * 2
    mask = cnn.tensor(RNG.random((2, offset_groups * 4, oh, ow))) if masked else None
    geometry = {"stride": stride, "padding": padding, "dilation": dilation}
    y = ops.deform_conv2d(x, offset, w, bias, mask=mask, **geometry)
    expected = deformed(
        x.numpy(), offset.numpy(), w.numpy(), stride, padding, dilation, groups, offset_groups,
        None if mask is None else mask.numpy(),
    )  # fmt: skip
    np.testing.assert_allclose(y.numpy(), expected + bias.numpy()[:, None, None], atol=1e-12)
    inputs = [t.clone().requires_grad_() for t in (x, offset, w, bias)]
    if masked:
        inputs.append(mask.clone().requires_grad_())

    def f(x, offset, w, bias, mask=None):
        return ops.deform_conv2d(x, offset, w, bias, mask=mask, **geometry)

    assert gradcheck(f, inputs)
    meta = [t.to("meta") for t in (x, offset, w)]
    assert ops.deform_conv2d(*meta, **geometry).shape == y.shape


def test_deform_conv2d_without_offsets_is_a_convolution():
    x, w = rand(3, 4, 9, 8).float(), rand(6, 2, 3, 3).float()
    offset = cnn.zeros(3, 2 * 9, 9, 8)
    y = ops.deform_conv2d(x, offset, w, padding=1)
    np.testing.assert_allclose(
        y.numpy(), F.conv2d(x, w, padding=1, groups=2).numpy(), rtol=1e-4, atol=1e-5
    )
    layer = ops.DeformConv2d(4, 6, 3, padding=1, groups=2)
    assert layer(x, offset).shape == y.shape
    assert (
        repr(layer)
        == "DeformConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2)"
    )


def test_deform_conv2d_refuses():
    x, w, bias = rand(2, 4, 5, 5), rand(2, 4, 3, 3), rand(2)
    offset, mask = rand(2, 18, 3, 3), rand(2, 9, 3, 3)
    base = {"x": x, "w": w, "offset": offset, "mask": mask, "bias": bias}

    def run(stride=1, groups=1, **other):
        t = {**base, **other}
        g = (stride, 1, 0, 0, 1, 1, groups, 1, True)
        return _C._vision_deform_conv2d(t["x"], t["w"], t["offset"], t["mask"], t["bias"], *g)

    assert run().shape == (2, 2, 3, 3)
    for message, other in {
        "input of 4 dimensions": {"x": x[0]},
        "offset.shape.1. is not valid": {"offset": rand(2, 20, 3, 3)},
        "offset output dims": {"offset": rand(2, 18, 4, 3)},
        "batch size of offset": {"offset": rand(1, 18, 3, 3)},
        "mask.shape.1. is not valid": {"mask": rand(2, 8, 3, 3)},
        "expected bias": {"bias": rand(3)},
        "expected a weight of 4": {"w": rand(2, 3, 3, 3)},
        "stride_h: 0": {"stride": 0},
        "groups: 0": {"groups": 0},
        "same type": {"w": w.float()},
        "too small": {"w": rand(2, 4, 6, 3), "offset": rand(2, 36, 3, 3)},
    }.items():
        with pytest.raises(RuntimeError, match=message):
            run(**other)


# ---- Boxes ----


def iou(a, b):
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = w * h
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_nms():
    corners = RNG.random((200, 2)) * 30
    boxes = np.concatenate([corners, corners + RNG.random((200, 2)) * 20], 1)
    scores = RNG.random(200)
    scores[::4] = 0.5  # ties stay in their order
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i], boxes[k]) <= 0.3 for k in kept):
            kept.append(int(i))
    assert ops.nms(cnn.tensor(boxes), cnn.tensor(scores), 0.3).tolist() == kept
    groups = cnn.arange(200) % 3
    apart = [
        i for g in range(3) for i in (groups == g).nonzero().flatten()[
            ops.nms(cnn.tensor(boxes)[groups == g], cnn.tensor(scores)[groups == g], 0.3)
        ].tolist()
    ]  # fmt: skip
    assert sorted(
        ops.batched_nms(cnn.tensor(boxes), cnn.tensor(scores), groups, 0.3).tolist()
    ) == sorted(apart)
    assert ops.nms(cnn.zeros(0, 4), cnn.zeros(0), 0.5).tolist() == []


def test_nms_refuses():
    boxes, scores = cnn.rand(3, 4), cnn.rand(3)
    for args, error, message in (
        ((boxes[0], scores), RuntimeError, "boxes should be a 2d tensor, got 1D"),
        ((boxes[:, :3], scores), RuntimeError, "4 elements in dimension 1, got 3"),
        ((boxes, scores[None]), RuntimeError, "scores should be a 1d tensor"),
        ((boxes, scores[:2]), RuntimeError, "same number of elements"),
        ((boxes, scores.double()), RuntimeError, "same type"),
        ((boxes.half(), scores.half()), NotImplementedError, "nms_kernel"),
        ((boxes.to("meta"), scores.to("meta")), NotImplementedError, "depends on their values"),
    ):
        with pytest.raises(error, match=message):
            ops.nms(*args, 0.5)


def test_rotated_boxes():
    a = cnn.tensor([[5.0, 5, 4, 2, 0], [5, 5, 4, 2, 90], [0, 0, 2, 2, 45], [0, 0, 0, 0, 0]])
    expected = [[1, 1 / 3, 0, 0], [1 / 3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(ops.box_iou(a, a, "cxcywhr").numpy(), expected, atol=1e-6)
    # An octagon in a square of side 2, cut by the same square turned by 45 degrees.
    square = cnn.tensor([[0.0, 0, 2, 2, 0]])
    octagon = 8 * (np.sqrt(2) - 1)
    np.testing.assert_allclose(
        ops.box_iou(square, a[2:3], "cxcywhr").item(), octagon / (8 - octagon), rtol=1e-6
    )
    for fmt in ("xywhr", "xyxyxyxy"):
        there = ops.box_convert(a.double(), "cxcywhr", fmt)
        np.testing.assert_allclose(
            ops.box_convert(there, fmt, "cxcywhr").numpy(), a.numpy(), atol=1e-6
        )


def test_boxes():
    a = cnn.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3]])
    b = cnn.tensor([[0.0, 0, 2, 2], [4, 4, 6, 8]])
    assert ops.box_area(b).tolist() == [4, 8]
    np.testing.assert_allclose(ops.box_iou(a, b).numpy(), [[1, 0], [1 / 7, 0]], rtol=1e-6)
    giou = [[1, -(48 - 12) / 48], [1 / 7 - 2 / 9, -(35 - 12) / 35]]
    np.testing.assert_allclose(ops.generalized_box_iou(a, b).numpy(), giou, rtol=1e-6)
    diou = [[1, -(16 + 25) / (36 + 64)], [1 / 7 - 2 / 18, -(9 + 16) / (25 + 49)]]
    np.testing.assert_allclose(ops.distance_box_iou(a, b).numpy(), diou, rtol=1e-5)
    assert ops.complete_box_iou(a, b)[0, 0].item() == pytest.approx(1)
    assert ops.remove_small_boxes(b, 3).tolist() == []
    assert ops.clip_boxes_to_image(b, (5, 5)).tolist() == [[0, 0, 2, 2], [4, 4, 5, 5]]
    assert ops.box_convert(b, "xyxy", "cxcywh").tolist() == [[1, 1, 2, 2], [5, 6, 2, 4]]
    assert ops.box_convert(b, "xyxy", "xywh").tolist() == [[0, 0, 2, 2], [4, 4, 2, 4]]
    masks = cnn.zeros(1, 5, 5)
    masks[0, 1:3, 2:5] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[2, 1, 4, 2]]
    for loss in (
        ops.generalized_box_iou_loss,
        ops.distance_box_iou_loss,
        ops.complete_box_iou_loss,
    ):
        inputs = [cnn.tensor([[0.0, 0, 2, 2], [1, 1, 3, 4]], dtype=cnn.float64).requires_grad_(),
                  cnn.tensor([[0.5, 0.2, 2.5, 2], [0, 2, 5, 3]], dtype=cnn.float64)]  # fmt: skip
        if loss is not ops.complete_box_iou_loss:  # whose weights are constants to the gradient
            assert gradcheck(loss, inputs)
        assert loss(*inputs, reduction="mean").item() == pytest.approx(loss(*inputs).mean().item())


# ---- What all of them share ----


def results(threads):
    before = cnn.get_num_threads()
    cnn.set_num_threads(threads)
    try:
        rng = np.random.default_rng(1)
        x = cnn.tensor(rng.standard_normal((3, 16, 20, 20)), dtype=cnn.float32).requires_grad_()
        corners = rng.random((40, 2)) * 15
        boxes = np.concatenate([rng.integers(0, 3, (40, 1)), corners, corners + 6], 1)
        regions = cnn.tensor(boxes, dtype=cnn.float32)
        w = cnn.tensor(rng.standard_normal((8, 16, 3, 3)), dtype=cnn.float32).requires_grad_()
        offset = cnn.tensor(
            rng.standard_normal((3, 18, 18, 18)), dtype=cnn.float32
        ).requires_grad_()
        outputs = [
            ops.roi_align(x, regions, 3),
            ops.roi_pool(x, regions, 3),
            ops.ps_roi_align(x, regions, 2),
            ops.ps_roi_pool(x, regions, 2),
            ops.deform_conv2d(x, offset, w),
        ]
        sum((y * y).sum() for y in outputs).backward()
        small = F.interpolate(
            (x.detach() * 40 + 128).clamp(0, 255).byte(), (7, 9), mode="bicubic", antialias=True
        )
        return [
            t.detach().numpy().tobytes() for t in (*outputs, x.grad, w.grad, offset.grad, small)
        ]
    finally:
        cnn.set_num_threads(before)


def test_threads_do_not_matter():
    assert results(1) == results(4)


def test_autocast_computes_in_float32():
    x, regions = cnn.rand(1, 2, 8, 8).bfloat16(), cnn.tensor([[0, 1.0, 1, 6, 6]])
    with cnn.autocast("cpu", dtype=cnn.bfloat16):
        y = ops.roi_align(x, regions, 2)
    assert y.dtype is cnn.bfloat16
    assert y.equal(ops.roi_align(x.float(), regions, 2).bfloat16())


# ---- Bytes ----


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_are_resized_in_whole_numbers(mode, antialias):
    pixels = RNG.integers(90, 166, (2, 3, 21, 17), dtype=np.uint8)  # so that none is cut off
    x = cnn.from_numpy(pixels)
    small = F.interpolate(x, (8, 30), mode=mode, antialias=antialias)
    assert small.dtype is cnn.uint8 and small.shape == (2, 3, 8, 30)
    exact = F.interpolate(x.double(), (8, 30), mode=mode, antialias=antialias)
    assert (small.double() - exact).abs().max() <= 1.1  # rounded after each of the two sides
    # A constant stays what it is, and a side that keeps its size is not read twice.
    flat = cnn.full((1, 1, 9, 9), 201, dtype=cnn.uint8)
    assert (F.interpolate(flat, (4, 13), mode=mode, antialias=antialias) == 201).all()
    assert F.interpolate(x, (21, 17), mode=mode, antialias=antialias).equal(x)
    last = x.contiguous(memory_format=cnn.channels_last)
    again = F.interpolate(last, (8, 30), mode=mode, antialias=antialias)
    assert again.equal(small) and again.is_contiguous(memory_format=cnn.channels_last)


def test_bytes_by_hand():
    """Halving (0, 100, 201, 255): means of two, rounded half up."""
    x = cnn.tensor([[[[0, 101, 201, 255]]]], dtype=cnn.uint8)
    assert F.interpolate(x, (1, 2), mode="bilinear").flatten().tolist() == [51, 228]
    assert F.interpolate(x, (1, 4), mode="bilinear").flatten().tolist() == [0, 101, 201, 255]
