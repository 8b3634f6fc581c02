"""torchvision's ops on a GPU: the CPU's numbers, forward and backward, the same bits every time."""

import numpy as np
import pytest

import cnn
from cnn import _C
from cnn.vision import ops
from emulation import counted
from test_vision_ops import POOLINGS, call

pytestmark = pytest.mark.cuda

DTYPES = (cnn.float32, cnn.float64)
LATER = r" \(found on the GPU, in this or an earlier call\)"


def drawn(shape, dtype, seed=0):
    return cnn.tensor(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def regions(n, images, size, dtype, seed=1):
    """Inside, over the edges, of no area, turned around, far away and far too large."""
    random = np.random.default_rng(seed)
    rows = np.concatenate(
        [random.integers(0, images, (n, 1)), random.uniform(-4, size + 6, (n, 4))], axis=1
    )
    rows[0, 1:] = 0.3, 0.4, 0.6, 0.9
    rows[1, 1:] = 2, 2, 2, 2
    rows[2, 1:] = 7, 6, 3, 2
    rows[3, 1:] = 400, 400, 410, 420
    rows[4, 1:] = -300, -200, 500, 600
    rows[5, 1:] = 0, 0, size, size
    return cnn.tensor(rows).to(dtype)


def close(got, want, dtype):
    assert got.device.type == "cuda" and got.dtype == want.dtype and got.shape == want.shape
    tol = 1e-5 if dtype == cnn.float32 else 1e-12
    got, want = got.detach().cpu().double().numpy(), want.detach().double().numpy()
    scale = max(1.0, float(np.nanmax(np.abs(want), initial=0)))
    np.testing.assert_allclose(got, want, rtol=0, atol=tol * scale)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name, args, channels", POOLINGS)
def test_poolings_over_regions(name, args, channels, dtype):
    x, rois = drawn((2, channels, 9, 11), dtype), regions(12, 2, 10, dtype)
    results = []
    for device in ("cpu", "cuda", "cuda"):
        leaf = x.to(device, copy=True).requires_grad_()
        y, beside = call(name, leaf, rois.to(device), args)
        y.backward(drawn(y.shape, dtype, 2).to(device))
        results.append((y, leaf.grad, beside))
    (y, grad, beside), on_gpu, again = results
    close(on_gpu[0], y, dtype)
    close(on_gpu[1], grad, dtype)
    for got, same in zip(on_gpu, again):
        if got is not None:
            np.testing.assert_array_equal(got.detach().cpu().numpy(), same.detach().cpu().numpy())
    if beside is not None:
        assert on_gpu[2].dtype == cnn.int32 and cnn.equal(on_gpu[2].cpu(), beside)


@pytest.mark.parametrize("name, args, channels", POOLINGS)
def test_poolings_of_nothing(name, args, channels):
    x, none = cnn.ones(2, channels, 5, 5, device="cuda", requires_grad=True), cnn.zeros(0, 5).cuda()
    y, _ = call(name, x, none, args)
    y.sum().backward()
    assert y.shape[0] == 0 and x.grad.sum().item() == 0


@pytest.mark.parametrize("name, args, channels", POOLINGS)
@pytest.mark.parametrize("picture", (2, -1, float("nan")))
def test_a_region_of_no_picture_is_told_later(name, args, channels, picture):
    x = cnn.ones(2, channels, 5, 5, device="cuda")
    rois = cnn.tensor([[0.0, 0, 0, 2, 2], [picture, 0, 0, 2, 2]]).cuda()
    with pytest.raises(IndexError, match=f"^{name}: row 1 of rois .*not one of 2" + LATER):
        call(name, x, rois, args)
        cnn.cuda.synchronize()
    assert (x * 2).sum().item() == x.numel() * 2


def test_an_argmax_of_no_pixel_is_told_later():
    x = cnn.ones(1, 1, 4, 4, device="cuda", requires_grad=True)
    y, at = _C._vision_roi_pool(x, cnn.tensor([[0.0, 0, 0, 3, 3]]).cuda(), 1.0, 2, 2)
    at.data[0, 0, 0, 0] = 16
    with pytest.raises(IndexError, match="argmax holds an index that is not of a plane of 4 x 4"):
        y.sum().backward()
        cnn.cuda.synchronize()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", (0, 1, 2, 64, 65, 300))
def test_nms(n, dtype):
    random = np.random.default_rng(n)
    corner, size = random.uniform(0, 40, (n, 2)), random.uniform(0, 15, (n, 2))
    boxes = cnn.tensor(np.concatenate([corner, corner + size], 1)).to(dtype)
    if n > 2:
        boxes[1] = boxes[0]
        boxes[2, 2:] = boxes[2, :2]  # without area
    scores = cnn.tensor(random.integers(0, 50, n)).to(dtype)  # many are equal
    for threshold in (0.0, 0.3, 0.7, 1.0):
        got = ops.nms(boxes.cuda(), scores.cuda(), threshold)
        assert got.device.type == "cuda"
        assert got.tolist() == ops.nms(boxes, scores, threshold).tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "groups, offset_groups, masked", ((1, 1, False), (2, 1, True), (1, 4, True))
)
def test_deformable_convolution(groups, offset_groups, masked, dtype):
    shapes = [
        (3, 4, 8, 7),  # input
        (2, 2 * offset_groups * 6, 4, 4),  # offset
        (6, 4 // groups, 3, 2),  # weight
        (6,),
        (2, offset_groups * 6, 4, 4),  # mask
    ]
    shapes[1], shapes[4] = (3, *shapes[1][1:]), (3, *shapes[4][1:])
    operands = [drawn(shape, dtype, i) * (3 if i == 1 else 1) for i, shape in enumerate(shapes)]
    operands = operands if masked else operands[:4]
    results = []
    for device in ("cpu", "cuda", "cuda"):
        leaves = [x.to(device, copy=True).requires_grad_() for x in operands]
        x, offset, weight, bias, *mask = leaves
        y = ops.deform_conv2d(
            x,
            offset,
            weight,
            bias,
            stride=2,
            padding=1,
            dilation=(1, 2),
            mask=mask[0] if mask else None,
        )
        y.backward(drawn(y.shape, dtype, 9).to(device))
        results.append([y, *(leaf.grad for leaf in leaves)])
    for got, want, again in zip(results[1], results[0], results[2]):
        close(got, want, dtype)
        assert cnn.equal(got, again)


def test_nothing_waits():
    x, rois = cnn.ones(2, 8, 9, 9, device="cuda"), regions(8, 2, 9, cnn.float32).cuda()
    for name, args, _ in POOLINGS:
        counts = counted(lambda name=name, args=args: call(name, x, rois, args))
        assert counts.waits == counts.copies == 0
        assert counts.launches <= (3 if name.startswith("ps") else 1)


def test_what_is_not_there_says_so():
    boxes = cnn.ones(2, 5, device="cuda")
    with pytest.raises(NotImplementedError, match="runs on the CPU only.*cuda:0.*cpu"):
        _C._vision_box_iou_rotated(boxes, boxes)
