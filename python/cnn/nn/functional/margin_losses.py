"""Losses that ask for a margin between scores or distances."""

from __future__ import annotations

from ... import _C
from ..._refusals import refuse_integers
from .. import _reduction
from .linears import pairwise_distance


def margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """max(0, -y (x1 - x2) + margin) with y = 1 where x1 should rank higher, else -1."""
    enum = _reduction.choose(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _reduction.apply((-target * (input1 - input2) + margin).clamp_min(0), enum)


def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """x where y = 1, max(0, margin - x) where y = -1."""
    enum = _reduction.choose(reduction, size_average, reduce)
    zeros = _C.zeros_like(input)
    apart = _C.where(target != 1, (margin - input).clamp_min(0), zeros)
    together = _C.where(target != -1, input, zeros)
    return _reduction.apply(apart + together, enum)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean") -> _C.Tensor:
    """log(1 + exp(-y x)), of the input's shape and dtype."""
    enum = _reduction.choose(reduction, size_average, reduce)
    if not input.is_floating_point():
        raise RuntimeError(
            f"soft_margin_loss: result type Float can't be cast to the input's, {input.dtype}"
        )
    exponents = -input * target  # an unsigned target has no negative
    if exponents.shape != input.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape "
            f"{list(exponents.shape)}"
        )
    return _reduction.apply(exponents.to(input.dtype).exp().log1p(), enum)


def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """Mean over the classes of the binary cross entropy of sigmoid(x)."""
    enum = _reduction.choose(reduction, size_average, reduce)
    loss = -(target * _C.log_sigmoid(input) + (1 - target) * _C.log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    classes = input.dim() - 1
    return _reduction.apply(loss.sum(classes) / input.size(classes), enum)


def cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1.

    [N, D] and [N], or [D] and [].
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    dim = target.dim()
    if dim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != dim + 1 or input2.dim() != dim + 1:
        raise RuntimeError(
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12
    dot = (input1 * input2).sum(dim)
    squares = ((input1 * input1).sum(dim) + tiny) * ((input2 * input2).sum(dim) + tiny)
    cos = dot / squares.sqrt()
    zeros = _C.zeros_like(cos)
    together = _C.where(target == 1, 1 - cos, zeros)
    apart = _C.where(target == -1, (cos - margin).clamp_min(0), zeros)
    return _reduction.apply(together + apart, enum)


def _rows_of_classes(name, input, target, *, per_class):
    """input as [N, C] and target as [N] (or [N, C] if `per_class`), their shapes checked.

    A number counts as one class.
    """
    if input.dim() > 2 or (input.dim() > 0 and input.size(-1) == 0):
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    refuse_integers(name, input)
    if target.dtype != _C.int64:
        raise RuntimeError(f"{name}: expected target of dtype int64 but found {target.dtype}")
    n = input.size(0) if input.dim() == 2 else 1
    expected = list(input.shape) if per_class and input.dim() else [n]
    fits = list(target.shape) == expected or (
        target.dim() == 0 and (input.dim() < 2 and input.numel() == 1 if per_class else n == 1)
    )
    if not fits:
        raise RuntimeError(
            f"{name}: inconsistent target size, expected {expected} but got {list(target.shape)}"
        )
    classes = input.size(-1) if input.dim() else 1
    if target.numel() and not target.device.type == "meta":
        low, high = (int(t) for t in target.aminmax())
        if low < (-1 if per_class else 0) or high >= classes:
            raise RuntimeError(
                f"{name}: target out of range: expected classes below {classes}, but got {low} to "
                f"{high}"
            )
    rows = input if input.dim() == 2 else input.reshape(1, -1)
    return rows, target.reshape(rows.shape) if per_class else target.reshape(n)


def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
) -> _C.Tensor:
    """Mean over the classes i != y of weight[y] * max(0, margin - x[y] + x[i]) ** p, for [N, C] or
    [C].
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    rows, labels = _rows_of_classes("multi_margin_loss", input, target, per_class=False)
    if weight is not None and weight.numel() != rows.size(1):
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {rows.size(1)} but got "
            f"{list(weight.shape)}"
        )
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(
            f"multi_margin_loss: expected weight of dtype {input.dtype} but found {weight.dtype}"
        )
    index = labels.unsqueeze(1)
    terms = (margin - rows.gather(1, index) + rows).relu()  # of slope 0 at 0, other than a clamp
    if p == 2:
        terms = terms * terms
    if weight is not None:
        terms = terms * weight[labels].unsqueeze(1)
    loss = terms.scatter(1, index, 0).sum(1) / rows.size(1)
    return _reduction.apply(loss if target.dim() else loss.squeeze(0), enum)


def multilabel_margin_loss(
    input, target, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """Sum over labels j and non-labels i of max(0, 1 - x[j] + x[i]) / C, for [N, C] or [C].

    A row of `target` lists class indices up to the first -1.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    rows, labels = _rows_of_classes("multilabel_margin_loss", input, target, per_class=True)
    listed = (labels < 0).cumsum(1) == 0
    index = labels.clamp_min(0) * listed
    counts = _C.zeros_like(labels).scatter_add(1, index, listed.to(labels.dtype))
    pairs = listed.unsqueeze(2) & (counts == 0).unsqueeze(1)  # [N, label, class]
    terms = (1 - rows.gather(1, index).unsqueeze(2) + rows.unsqueeze(1)).relu()
    loss = terms.masked_fill(~pairs, 0).sum((1, 2)) / rows.size(1)
    return _reduction.apply(loss if input.dim() == 2 else loss.squeeze(0), enum)


def _check_triplet(anchor, positive, negative):
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )


def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-06,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
) -> _C.Tensor:
    """max(0, margin + d(a, p) - d(a, n)) in the p-norm; `swap` takes min(d(a, n), d(p, n)).

    Balntas et al., "Learning local feature descriptors with triplets", 2016.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_triplet(anchor, positive, negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = _C.minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduction.apply((margin + near - far).clamp_min(0), enum)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
) -> _C.Tensor:
    """triplet_margin_loss with any distance_function(x1, x2)."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_triplet(anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = _C.minimum(far, distance(positive, negative))
    return _reduction.apply((margin + near - far).clamp_min(0), _reduction.get_enum(reduction))
