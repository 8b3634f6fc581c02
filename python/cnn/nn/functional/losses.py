"""Losses of predictions against targets."""

from __future__ import annotations

import math
import warnings

from ... import _C
from ...autograd import no_grad
from .. import _reduction


def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
) -> _C.Tensor:
    """-weight[y] * x[y] for log-probabilities [N, C, ...] and class indices [N, ...].

    'mean' divides by the sum of the weights that took part. Raises IndexError for a class out of
    range.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    return _C.nll_loss_nd(input, target, weight, enum, ignore_index)


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
) -> _C.Tensor:
    """Cross entropy of logits [N, C, ...] with class indices [N, ...] or probabilities."""
    enum = _reduction.choose(reduction, size_average, reduce)
    return _C.cross_entropy_loss(input, target, weight, enum, ignore_index, label_smoothing)


def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
) -> _C.Tensor:
    """-(y log x + (1 - y) log(1 - x)) for probabilities x, the logarithms bounded by -100."""
    enum = _reduction.choose(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        _, weight = _C.broadcast_tensors([target, weight])
    return _C.binary_cross_entropy(input, target, weight, enum)


def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
) -> _C.Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow.

    Pos_weight multiplies the positive part.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    return _C.binary_cross_entropy_with_logits(input, target, weight, pos_weight, enum)


def _broadcast(input, target):
    if input.size() == target.size():
        return input, target
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size "
        f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )
    return _C.broadcast_tensors([input, target])


def _weighted(loss, input, weight, reduction, *, over_weights):
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'."
        )
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum() if over_weights else loss.mean()
    return loss.sum() if reduction == "sum" else loss


def mse_loss(
    input, target, size_average=None, reduce=None, reduction="mean", weight=None
) -> _C.Tensor:
    """(x - y) ** 2; with `weight`, 'mean' divides by the sum of the weights."""
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    x, y = _broadcast(input, target)
    if weight is not None:
        return _weighted((x - y) ** 2, input, weight, reduction, over_weights=True)
    return _C.mse_loss(x, y, _reduction.get_enum(reduction))


def l1_loss(
    input, target, size_average=None, reduce=None, reduction="mean", weight=None
) -> _C.Tensor:
    """|x - y|; with `weight`, 'mean' divides by the sum of the weights."""
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    x, y = _broadcast(input, target)
    if weight is not None:
        return _weighted((x - y).abs(), input, weight, reduction, over_weights=True)
    return _absolute(x, y, _reduction.get_enum(reduction))


def _absolute(x, y, reduction):
    loss = (x - y).abs()
    if reduction == 0:
        return loss
    return loss.mean() if reduction == 1 else loss.sum()


def smooth_l1_loss(
    input, target, size_average=None, reduce=None, reduction="mean", beta=1.0
) -> _C.Tensor:
    """d ** 2 / (2 beta) where d = |x - y| < beta, else d - beta / 2.

    Girshick, "Fast R-CNN", 2015.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    x, y = _broadcast(input, target)
    if beta == 0.0:
        return _absolute(x, y, enum)
    return _C.smooth_l1_loss(x, y, enum, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None) -> _C.Tensor:
    """d ** 2 / 2 where d = |x - y| <= delta, else delta * (d - delta / 2). Huber, 1964."""
    x, y = _broadcast(input, target)
    if weight is not None:
        loss = _C.huber_loss(x, y, 0, delta)
        return _weighted(loss, input, weight, reduction, over_weights=False)
    return _C.huber_loss(x, y, _reduction.get_enum(reduction), delta)


def kl_div(
    input, target, size_average=None, reduce=None, reduction="mean", log_target=False
) -> _C.Tensor:
    """target * (log(target) - input), with `input` (and `target` if `log_target`) as logarithms.

    'batchmean' divides the sum by the batch size, as the divergence is defined; 'mean' by all
    elements.
    """
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if size_average is not None or reduce is not None:
        enum = _reduction.get_enum(_reduction.legacy_get_string(size_average, reduce))
    else:
        if reduction == "mean":
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support "
                "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
                "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
                "major release.",
                stacklevel=2,
            )
        enum = _reduction.get_enum("sum" if reduction == "batchmean" else reduction)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = _C.xlogy(target, target) - target * input
    loss = _reduction.apply(loss, enum)
    if reduction == "batchmean" and input.dim() != 0:
        loss = loss / input.size(0)
    return loss


def poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-08,
    reduce=None,
    reduction="mean",
) -> _C.Tensor:
    """exp(x) - y x, or x - y log(x + eps) without `log_input`.

    `full` adds Stirling's term for y > 1.
    """
    enum = _reduction.choose(reduction, size_average, reduce)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduction.apply(loss, enum)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-06, reduction="mean") -> _C.Tensor:
    """(log(var) + (x - y) ** 2 / var) / 2, var bounded below by eps; `full` adds log(2 pi) / 2."""
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * _C.ones_like(input)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        unlike = [n for m, n in zip(input.size(), var.size()) if m != n]
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif input.ndim != var.ndim or unlike != [1]:  # one dimension may broadcast
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with no_grad():  # the bound has no gradient of its own
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduction.apply(loss, _reduction.get_enum(reduction))


def _in_parts(input, rows, bias, target, weight, reduction, ignore_index, options):
    """linear_cross_entropy over some rows of the batch at a time."""
    from ...utils.checkpoint import checkpoint

    def loss(x, y):
        reduce = "none" if reduction == "none" else "sum"
        logits = _C.linear(x, rows, bias)
        return cross_entropy(logits, y, weight=weight, ignore_index=ignore_index, reduction=reduce)

    x, y = (input, target) if input.dim() == 2 else (input.unsqueeze(0), target.reshape(1))
    size = options._rows_at_once(x.size(0), x.size(1), rows.size(0), x.dtype)
    parts = [
        checkpoint(loss, *part, use_reentrant=False, preserve_rng_state=False)
        for part in zip(x.split(size), y.split(size), strict=True)
    ]
    if reduction == "none":
        return _C.cat(parts).reshape(target.shape)
    total = sum(parts[1:], parts[0])
    if reduction == "sum":
        return total
    known = y != ignore_index
    each = known if weight is None else weight[y.where(known, 0)] * known
    return total / each.sum()


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
) -> _C.Tensor:
    """cross_entropy of linear(input, linear_weight, linear_bias).

    input [N, in] or [in], linear_weight [C, *out, in], linear_bias [C, *out]; the logits are [N, C,
    *out]. Raises RuntimeError for shapes that do not fit. `options` (LinearCrossEntropyOptions)
    take the batch in parts, for classes: not for probabilities or K-dimensional losses.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}"
        )
    if input.shape[-1] != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        )
    classes = tuple(linear_weight.shape[:-1])
    if linear_bias is not None and tuple(linear_bias.shape) != classes:
        raise RuntimeError(f"expected linear_bias shape {classes}, got {tuple(linear_bias.shape)}")
    if len(classes) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} "
            f"requires batched input, (N, {input.shape[-1]}), got unbatched input with shape "
            f"{tuple(input.shape)}"
        )
    logits_shape = (*input.shape[:-1], *classes)
    if ignore_index is None:
        ignore_index = -100
    elif tuple(target.shape) == logits_shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    rows = linear_weight.reshape(-1, linear_weight.shape[-1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    if options is not None:
        if len(classes) == 1 and label_smoothing == 0.0 and target.dtype == _C.int64:
            return _in_parts(input, rows, bias, target, weight, reduction, ignore_index, options)
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs label_smoothing == 0, "
            f"target.dtype == int64, out_features == (). Got label_smoothing={label_smoothing}, "
            f"target.dtype={target.dtype}, out_features={classes[1:]}.",
            stacklevel=2,
        )
    logits = _C.linear(input, rows, bias).reshape(logits_shape)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
