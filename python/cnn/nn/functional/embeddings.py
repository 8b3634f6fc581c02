"""Look-ups in tables of vectors."""

from __future__ import annotations

from ... import _C
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
            padding_idx += weight.size(0)
    if max_norm is not None:
        _renormalize(weight.detach(), input, max_norm, norm_type)
    return _C.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def _renormalize(weight, indices, max_norm, norm_type):
    with no_grad():
        rows = weight[indices.reshape(-1)]
        norms = rows.norm(norm_type, 1, True)
        scale = _C.where(norms > max_norm, max_norm / (norms + 1e-7), _C.ones_like(norms))
        # Where an index stands several times, all its rows are equal.
        weight[indices.reshape(-1)] = rows * scale


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
