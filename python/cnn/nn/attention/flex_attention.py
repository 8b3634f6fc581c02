"""Attention with scores changed and hidden by functions of the user's own.

`flex_attention` is composed of other ops: it keeps the scores, [B, H, queries, keys], and it has
gradients, also of what the functions use.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

from ... import _C, _faces
from ._block_mask import (
    _DEFAULT_SPARSE_BLOCK_SIZE,  # noqa: F401
    _LARGE_SPARSE_BLOCK_SIZE,
    BlockMask,
    _ordered_to_dense,
    _sliced_mask_mod_error,
    and_masks,
    apply_mod,
    create_block_mask,
    create_mask,
    noop_mask,
    or_masks,
)

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

FlexKernelOptions = dict
_BACKENDS = ("AUTO", "TRITON", "FLASH", "TRITON_DECODE")
_warned = False


class AuxRequest(NamedTuple):
    """What `flex_attention` is to return beside its output."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """Logarithms of the sums of exponentials of scores, and the largest scores: [B, H, queries]."""

    lse: _C.Tensor | None = None
    max_scores: _C.Tensor | None = None


def _check_operands(query, key, value, enable_gqa):
    if query.device != key.device or query.device != value.device:
        raise ValueError(
            "Expected query, key, and value to have the same device type, but got query.device: "
            f"{query.device}, key.device: {key.device}, and value.device: {value.device} instead."
        )
    dims = [x.dim() for x in (query, key, value)]
    if min(dims) < 2:
        raise ValueError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{dims[0]}, key.dim: {dims[1]} and value.dim: {dims[2]} instead."
        )
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.size(-1)} and E={key.size(-1)}."
        )
    if dims != [4, 4, 4]:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, kv_heads = query.size(1), key.size(1)
    if not enable_gqa and heads != kv_heads:
        raise ValueError(
            "Expect query and key/value to have the same number of heads but got "
            f"Hq={heads} and Hkv={kv_heads}. Try setting enable_gqa=True for GQA."
        )
    if enable_gqa and heads % kv_heads:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={kv_heads}."
        )


def _check_mask(query, key, block_mask):
    if query.size(0) != key.size(0):
        batches = f"Bq={query.size(0)}, Bkv={key.size(0)}"
        if block_mask is None:
            raise ValueError(
                "Expect query and key/value to have the same batch size, or non-none block_mask, "
                f"but got block_mask=None, {batches}."
            )
        if block_mask.kv_num_blocks.size(0) != query.size(0):
            raise ValueError(
                "Expect query and key/value to have the same batch size, or block_mask and query "
                f"to have the same batch size, but got {batches}, "
                f"B_block_mask={block_mask.kv_num_blocks.size(0)}."
            )
    if block_mask is None:
        return
    if block_mask.mask_mod is _sliced_mask_mod_error:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")
    if block_mask.BLOCK_SIZE != (_LARGE_SPARSE_BLOCK_SIZE, _LARGE_SPARSE_BLOCK_SIZE):
        _check_lengths(query.size(-2), key.size(-2), block_mask)
    if query.device != block_mask.kv_num_blocks.device:
        raise RuntimeError(
            "Expect q/k/v and block_mask to be on the same device but got "
            f"{query.device} and {block_mask.kv_num_blocks.device}."
        )


def _check_lengths(q_len, kv_len, block_mask):
    mask_q, mask_kv = block_mask.shape[-2:]
    got = (
        f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={q_len} and "
        f"kv_len={kv_len}. As the block mask was created for a "
    )
    if q_len > mask_q or kv_len > mask_kv:
        raise ValueError(
            got + "smaller length than you're using it for, you likely need to create a new block "
            "mask."
        )
    if q_len < mask_q or kv_len < mask_kv:
        raise ValueError(
            got + "larger length than you're using it for, you can either 1. create a new block "
            "mask with the correct length, or 2. 'adjust' the existing block mask to the correct "
            "length by calling block_mask._adjust(q_len, kv_len). This essentially 'crops' the "
            "block mask to the upper left corner, which does not work for all mask_mods!"
        )


def _check_options(options):
    options = options or {}
    if "BACKEND" in options and options.get("FORCE_USE_FLEX_ATTENTION", False):
        raise RuntimeError(
            "BACKEND cannot be combined with legacy FORCE_USE_FLEX_ATTENTION. BACKEND supersedes "
            "the legacy knob; please drop FORCE_USE_FLEX_ATTENTION and only specify the desired "
            "BACKEND."
        )
    if options.get("BACKEND", "AUTO") not in _BACKENDS:
        raise ValueError(
            f"Invalid BACKEND value '{options['BACKEND']}'. Must be one of {_BACKENDS}"
        )


def _by_elements(num_blocks, indices, block_size, lengths):
    """Blocks as a mask of scores."""
    rows, columns = indices.shape[-2:]
    dense = _ordered_to_dense(num_blocks, indices, columns).bool()
    for dim, (size, length) in (
        (-2, (block_size[0], lengths[0])),
        (-1, (block_size[1], lengths[1])),
    ):
        # A block beyond the lengths, or larger than them, is cut.
        dense = dense.repeat_interleave(min(size, length), dim).narrow(dim, 0, length)
    return dense


def _shown(block_mask, sizes, device):
    """Which scores are seen: a mask that broadcasts against `sizes`, or None for all."""
    if block_mask is None:
        return None
    lengths, size = sizes[-2:], block_mask.BLOCK_SIZE
    partial = _by_elements(block_mask.kv_num_blocks, block_mask.kv_indices, size, lengths)
    if block_mask.mask_mod is not noop_mask:
        partial = partial & apply_mod(block_mask.mask_mod, sizes, device)
    if block_mask.full_kv_num_blocks is None:
        return partial
    full = _by_elements(block_mask.full_kv_num_blocks, block_mask.full_kv_indices, size, lengths)
    return partial | full


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """Attention, [B, H, queries, width], of query, key and value [B, H, length, width].

    Scores, products of queries and keys times `scale`, become
    `score_mod(score, b, h, q_idx, kv_idx)`; what `block_mask` hides does not count, and a query
    that sees nothing gives 0. `enable_gqa` lets groups of query heads share a head of keys and
    values. `return_aux` asks for more and gives (output, AuxOutput). The functions work element by
    element: they are called once, with indices that broadcast. `kernel_options` tune kernels on
    GPUs.
    """
    _check_operands(query, key, value, enable_gqa)
    _check_mask(query, key, block_mask)
    _check_options(kernel_options)
    if return_lse:
        _check_return_lse(return_aux)
    scale = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale
    heads = query.size(1)
    key, value = (_of_heads(x, heads) for x in (key, value))
    precision = _C.float64 if query.dtype == _C.float64 else _C.float32

    scores = (query.matmul(key.to(query.dtype).transpose(-2, -1)) * scale).to(precision)
    if score_mod is not None:
        scores = apply_mod(score_mod, scores.shape, query.device, scores)
    shown = _shown(block_mask, scores.shape, query.device)
    if shown is not None:
        scores = scores.masked_fill(~shown, -math.inf)
    # A row without anything to see has no softmax; its weights are 0.
    blind = (scores == -math.inf).all(-1, keepdim=True)
    weights = scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    out = weights.to(query.dtype).matmul(value.to(query.dtype))
    if return_aux is None and not return_lse:
        return out
    lse = None
    if return_lse or return_aux.lse:
        lse = scores.masked_fill(blind, 0.0).logsumexp(-1).masked_fill(blind.squeeze(-1), -math.inf)
    if return_lse:
        return out, lse
    return out, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)


def _of_heads(x, heads):
    return x if x.size(1) == heads else x.repeat_interleave(heads // x.size(1), 1)


def _check_return_lse(return_aux):
    global _warned
    if return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux. return_lse is deprecated, please use "
            "return_aux=AuxRequest(lse=True) instead."
        )
    if not _warned:
        _warned = True
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. Please use "
            "return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=3,
        )


_faces.adopt(__name__, "cnn.nn.attention._block_mask")
