"""Losses of boxes and of rare classes."""

from __future__ import annotations

import math

import cnn
from cnn.nn.functional import binary_cross_entropy_with_logits

from .boxes import _wide


def _reduced(loss, reduction):
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', "
        "'mean', 'sum'"
    )


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Lin et al., "Focal Loss for Dense Object Detection", 2017; of logits."""
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(
            f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore."
        )
    p = cnn.sigmoid(inputs)
    loss = binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _corners(boxes1, boxes2):
    return (*_wide(boxes1).unbind(-1), *_wide(boxes2).unbind(-1))


def _pairs(x1, y1, x2, y2, a1, b1, a2, b2):
    """Intersection and union of the boxes in pairs, and the sides of the box around both."""
    low_x, low_y = cnn.max(x1, a1), cnn.max(y1, b1)
    high_x, high_y = cnn.min(x2, a2), cnn.min(y2, b2)
    overlap = (high_y > low_y) & (high_x > low_x)
    common = cnn.where(overlap, (high_x - low_x) * (high_y - low_y), cnn.zeros_like(x1))
    union = (x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - common
    return common, union, cnn.max(x2, a2) - cnn.min(x1, a1), cnn.max(y2, b2) - cnn.min(y1, b1)


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized IoU of boxes in pairs."""
    common, union, width, height = _pairs(*_corners(boxes1, boxes2))
    hull = width * height
    return _reduced(1 - (common / (union + eps) - (hull - union) / (hull + eps)), reduction)


def _distance_loss(boxes1, boxes2, eps):
    corners = x1, y1, x2, y2, a1, b1, a2, b2 = _corners(boxes1, boxes2)
    common, union, width, height = _pairs(*corners)
    apart = ((x2 + x1) / 2 - (a1 + a2) / 2) ** 2 + ((y2 + y1) / 2 - (b1 + b2) / 2) ** 2
    iou = common / (union + eps)
    return 1 - iou + apart / (width**2 + height**2 + eps), iou, corners


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - distance IoU of boxes in pairs."""
    return _reduced(_distance_loss(boxes1, boxes2, eps)[0], reduction)


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - complete IoU of boxes in pairs."""
    loss, iou, (x1, y1, x2, y2, a1, b1, a2, b2) = _distance_loss(boxes1, boxes2, eps)
    difference = cnn.atan((a2 - a1) / (b2 - b1)) - cnn.atan((x2 - x1) / (y2 - y1))
    v = (4 / math.pi**2) * difference**2
    with cnn.no_grad():
        alpha = v / (1 - iou + v + eps)
    return _reduced(loss + alpha * v, reduction)
