"""Boxes [N, 4], as corners (x1, y1, x2, y2) unless a function says otherwise."""

from __future__ import annotations

import math

import cnn

from ... import _C

_ALIGNED, _ROTATED = ("xyxy", "xywh", "cxcywh"), ("cxcywhr", "xywhr", "xyxyxyxy")


def nms(boxes, scores, iou_threshold):
    """Indices of the boxes that overlap no kept box of a higher score by more than the threshold
    (intersection over union), by falling score.
    """
    return _C._vision_nms(boxes, scores, iou_threshold)


def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms within each category: `idxs` [N] says which box is of which."""
    if boxes.numel() > 4000:
        keep = cnn.zeros_like(scores, dtype=cnn.bool)
        for category in cnn.unique(idxs):
            of = cnn.where(idxs == category)[0]
            keep[of[nms(boxes[of], scores[of], iou_threshold)]] = True
        kept = cnn.where(keep)[0]
        return kept[scores[kept].sort(descending=True)[1]]
    if boxes.numel() == 0:
        return cnn.empty((0,), dtype=cnn.int64, device=boxes.device)
    # Boxes of different categories are moved so far apart that none overlaps.
    far = boxes.max() + cnn.tensor(1).to(boxes)
    return nms(boxes + (idxs.to(boxes) * far)[:, None], scores, iou_threshold)


def remove_small_boxes(boxes, min_size):
    """Indices of the boxes whose sides are at least `min_size`."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return cnn.where((widths >= min_size) & (heights >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """Boxes cut off at the borders of a picture of size (height, width)."""
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return cnn.stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


def _to_corners(boxes, fmt):
    a, b, w, h = boxes.unbind(-1)
    if fmt == "cxcywh":
        return cnn.stack((a - 0.5 * w, b - 0.5 * h, a + 0.5 * w, b + 0.5 * h), dim=-1)
    return cnn.stack((a, b, a + w, b + h), dim=-1)


def _from_corners(boxes, fmt):
    x1, y1, x2, y2 = boxes.unbind(-1)
    first = (x1, y1) if fmt == "xywh" else ((x1 + x2) / 2, (y1 + y2) / 2)
    return cnn.stack((*first, x2 - x1, y2 - y1), dim=-1)


def _turn(boxes):
    radians = boxes[..., 4] * math.pi / 180
    return cnn.cos(radians), cnn.sin(radians)


def _rotated(boxes, in_fmt, out_fmt):
    steps = {
        ("cxcywhr", "xywhr"): (_centre_to_corner,),
        ("xywhr", "cxcywhr"): (_corner_to_centre,),
        ("xywhr", "xyxyxyxy"): (_corner_to_corners,),
        ("xyxyxyxy", "xywhr"): (_corners_to_corner,),
        ("cxcywhr", "xyxyxyxy"): (_centre_to_corner, _corner_to_corners),
        ("xyxyxyxy", "cxcywhr"): (_corners_to_corner, _corner_to_centre),
    }[in_fmt, out_fmt]
    for step in steps:
        turned = step(boxes)
        boxes = turned if boxes.is_floating_point() else turned.round().to(boxes.dtype)
    return boxes


def _centre_to_corner(boxes):
    cx, cy, w, h, r = boxes.unbind(-1)
    c, s = _turn(boxes)
    return cnn.stack((cx - w / 2 * c - h / 2 * s, cy - h / 2 * c + w / 2 * s, w, h, r), dim=-1)


def _corner_to_centre(boxes):
    x, y, w, h, r = boxes.unbind(-1)
    c, s = _turn(boxes)
    return cnn.stack((x + w / 2 * c + h / 2 * s, y - w / 2 * s + h / 2 * c, w, h, r), dim=-1)


def _corner_to_corners(boxes):
    x, y, w, h, _ = boxes.unbind(-1)
    c, s = _turn(boxes)
    x2, y2, x4, y4 = x + w * c, y - w * s, x + h * s, y + h * c
    return cnn.stack((x, y, x2, y2, x2 + x4 - x, y2 + y4 - y, x4, y4), dim=-1)


def _corners_to_corner(boxes):
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    degrees = cnn.atan2(y1 - y2, x2 - x1) * 180 / math.pi
    width = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    height = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return cnn.stack((x1, y1, width, height, degrees), dim=-1)


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes in another form: 'xyxy', 'xywh', 'cxcywh', or of rotated ones 'cxcywhr', 'xywhr',
    'xyxyxyxy'.
    """
    known = (*_ALIGNED, *_ROTATED)
    if in_fmt not in known or out_fmt not in known:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    if (in_fmt in _ROTATED) != (out_fmt in _ROTATED):
        raise ValueError(
            "Rotated boxes and boxes along the axes cannot be converted into each other"
        )
    if in_fmt in _ROTATED:
        return _rotated(boxes, in_fmt, out_fmt)
    corners = boxes if in_fmt == "xyxy" else _to_corners(boxes, in_fmt)
    return corners if out_fmt == "xyxy" else _from_corners(corners, out_fmt)


def _wide(x):
    """In a dtype whose products do not overflow soon."""
    if x.is_floating_point():
        return x if x.dtype in (cnn.float32, cnn.float64) else x.float()
    return x if x.dtype in (cnn.int32, cnn.int64) else x.int()


def box_area(boxes, fmt="xyxy"):
    """The areas of boxes."""
    if fmt not in _ALIGNED:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = _wide(boxes)
    if fmt != "xyxy":
        return boxes[..., 2] * boxes[..., 3]
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _common_and_union(boxes1, boxes2, fmt="xyxy"):
    area1, area2 = box_area(boxes1, fmt), box_area(boxes2, fmt)
    if fmt != "xyxy":
        boxes1, boxes2 = _to_corners(boxes1, fmt), _to_corners(boxes2, fmt)
    low = cnn.max(boxes1[..., None, :2], boxes2[..., None, :, :2])
    high = cnn.min(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    sides = _wide(high - low).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    return common, area1[..., None] + area2[..., None, :] - common


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """Intersection over union of every pair: [N, M]."""
    if fmt in _ALIGNED:
        common, union = _common_and_union(boxes1, boxes2, fmt)
        return common / union
    if fmt not in _ROTATED:
        raise ValueError(
            f"Unsupported format '{fmt}'. Supported axis-aligned formats: {_ALIGNED}. Supported "
            f"rotated formats: {_ROTATED}."
        )
    if fmt != "cxcywhr":
        boxes1, boxes2 = box_convert(boxes1, fmt, "cxcywhr"), box_convert(boxes2, fmt, "cxcywhr")
    return _C._vision_box_iou_rotated(boxes1, boxes2)


def _hull(boxes1, boxes2):
    """Sides of the smallest box around every pair."""
    low = cnn.min(boxes1[:, None, :2], boxes2[:, :2])
    high = cnn.max(boxes1[:, None, 2:], boxes2[:, 2:])
    return _wide(high - low).clamp(min=0)


def generalized_box_iou(boxes1, boxes2):
    """Rezatofighi et al., "Generalized Intersection over Union", 2019: [N, M]."""
    common, union = _common_and_union(boxes1, boxes2)
    sides = _hull(boxes1, boxes2)
    hull = sides[..., 0] * sides[..., 1]
    return common / union - (hull - union) / hull


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """Zheng et al., "Distance-IoU Loss", 2020: [N, M]."""
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    sides = _hull(boxes1, boxes2)
    diagonal = sides[..., 0] ** 2 + sides[..., 1] ** 2 + eps
    x1, y1 = (boxes1[:, 0] + boxes1[:, 2]) / 2, (boxes1[:, 1] + boxes1[:, 3]) / 2
    x2, y2 = (boxes2[:, 0] + boxes2[:, 2]) / 2, (boxes2[:, 1] + boxes2[:, 3]) / 2
    apart = _wide(x1[:, None] - x2[None]) ** 2 + _wide(y1[:, None] - y2[None]) ** 2
    return box_iou(boxes1, boxes2) - apart / diagonal


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """Zheng et al., "Enhancing Geometric Factors", 2020: [N, M]."""
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    iou, distance = box_iou(boxes1, boxes2), distance_box_iou(boxes1, boxes2, eps)
    w1, h1 = boxes1[:, None, 2] - boxes1[:, None, 0], boxes1[:, None, 3] - boxes1[:, None, 1]
    w2, h2 = boxes2[:, 2] - boxes2[:, 0], boxes2[:, 3] - boxes2[:, 1]
    v = (4 / math.pi**2) * (cnn.atan(w1 / h1) - cnn.atan(w2 / h2)) ** 2
    with cnn.no_grad():
        alpha = v / (1 - iou + v + eps)
    return distance - alpha * v


def masks_to_boxes(masks):
    """The boxes around what is not zero in masks [N, H, W]."""
    if masks.numel() == 0:
        return cnn.zeros((0, 4), device=masks.device, dtype=cnn.float)
    boxes = cnn.zeros((masks.shape[0], 4), device=masks.device, dtype=cnn.float)
    for box, mask in zip(boxes, masks):
        y, x = cnn.where(mask != 0)
        if y.numel():
            box.copy_(cnn.stack((x.min(), y.min(), x.max(), y.max())))
    return boxes
