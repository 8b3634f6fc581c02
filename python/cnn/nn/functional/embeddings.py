"""Look-ups in tables of vectors."""

from __future__ import annotations

import warnings

from ... import _C
from ..._refusals import require_number
from ...autograd import no_grad


def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
) -> _C.Tensor:
    """weight[input]: rows of [num_embeddings, dim] by index, shape [*input, dim].

    The row `padding_idx` gets no gradient. With `max_norm`, the rows that are used are first scaled
    down to that norm, in place. Raises IndexError for an index out of range.
    """
    if padding_idx is None:
        padding_idx = -1
    else:
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise AssertionError("Padding_idx must be within num_embeddings")
        if padding_idx < 0:
            padding_idx = padding_idx + weight.size(0)
    if max_norm is not None:
        _renormalize(weight.detach(), input, max_norm, norm_type)
    return _C.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def _renormalize(weight, indices, max_norm, norm_type):
    require_number("embedding_renorm_", "norm_type", norm_type)
    with no_grad():
        rows = weight[indices.reshape(-1)]
        norms = rows.norm(norm_type, 1, True)
        scale = _C.where(norms > max_norm, max_norm / (norms + 1e-7), _C.ones_like(norms))
        # Where an index stands several times, all its rows are equal.
        weight[indices.reshape(-1)] = rows * scale


def _bag_offsets(input, offsets, include_last_offset):
    """Where each bag starts, and the end of the last one, as a list."""
    starts = offsets.tolist()
    if not include_last_offset:
        starts.append(input.numel())
    elif not starts:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    last = starts[-1] if include_last_offset else max(starts[:-1], default=0)
    if last > input.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {input.numel()} but got "
            f"offsets[-1] of {last}"
        )
    if any(a > b for a, b in zip(starts, starts[1:])):
        raise RuntimeError(f"embedding_bag: offsets must not fall, got {offsets.tolist()}")
    return starts


def _check_bag_arguments(input, weight, offsets, per_sample_weights):
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sum, mean or maximum over bags of rows of weight [num_embeddings, dim]: [bags, dim].

    input [bags, length], or [n] with `offsets` saying where each bag starts. The row padding_idx
    counts for nothing; an empty bag gives zeros. per_sample_weights, of the shape of the input,
    scale the rows of a sum. Raises ValueError for shapes, RuntimeError for offsets that do not fit.
    """
    if weight.dtype == _C.int64 and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check_bag_arguments(input, weight, offsets, per_sample_weights)
    if input.dim() == 2:
        bags, length = input.shape
        starts = [i * length for i in range(bags + 1)]
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    else:
        starts = _bag_offsets(input, offsets, include_last_offset)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    if padding_idx is not None:
        count = weight.size(0)
        if not -count <= padding_idx < count:
            raise RuntimeError(
                "padding_idx must be within the number of embeddings, "
                f"{-count} through {count - 1}, but got {padding_idx}"
            )
        padding_idx = padding_idx % count
    if max_norm is not None:
        _renormalize(weight.detach(), input, max_norm, norm_type)
    sizes = [end - start for start, end in zip(starts, starts[1:])]
    place = {"device": input.device}
    bag = _C.tensor([i for i, n in enumerate(sizes) for _ in range(n)], dtype=_C.int64, **place)
    input = input[: starts[-1]]
    if per_sample_weights is not None:
        per_sample_weights = per_sample_weights[: starts[-1]]
    if padding_idx is not None:
        kept = (input != padding_idx).nonzero().squeeze(1)
        input, bag = input[kept], bag[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights[kept]
    rows = _C.embedding(weight, input, -1, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    zeros = _C.zeros((len(sizes), weight.size(1)), dtype=weight.dtype, **place)
    if mode == "max":
        index = bag.unsqueeze(1).expand(rows.shape)
        return zeros.scatter_reduce(0, index, rows, "amax", include_self=False)
    total = zeros.index_add(0, bag, rows)
    if mode == "sum":
        return total
    count = _C.bincount(bag, minlength=len(sizes)).clamp(1).to(weight.dtype)
    return total / count.unsqueeze(1)


def one_hot(input, num_classes=-1) -> _C.Tensor:
    """int64 [*input, num_classes] with a one at each class index.

    -1 takes the largest index + 1.
    """
    if input.dtype != _C.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if input.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return _C.empty((*input.shape, num_classes), dtype=input.dtype, device=input.device)
    if input.min().item() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = input.max().item()
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    zeros = _C.zeros((*input.shape, num_classes), dtype=input.dtype, device=input.device)
    return zeros.scatter_(-1, input.unsqueeze(-1), 1)
