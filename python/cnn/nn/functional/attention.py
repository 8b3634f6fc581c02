"""Attention of several heads, with its projections."""

from __future__ import annotations

import math
import warnings

from ... import _C
from .dropouts import dropout


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """The mask as one to be added: a bool mask becomes -inf where it is true, else 0."""
    if mask is None:
        return None
    is_float = mask.is_floating_point()
    if mask.dtype != _C.bool and not is_float:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            stacklevel=2,
        )
    if is_float:
        return mask
    return _C.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _none_or_dtype(input):
    if input is None:
        return None
    if isinstance(input, _C.Tensor):
        return input.dtype
    raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")


def _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Is the query batched? Raises AssertionError for ranks that do not fit together."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.dim()}-D query tensor"
        )
    is_batched = query.dim() == 3
    rank, kind = (3, "batched (3-D)") if is_batched else (2, "unbatched (2-D)")
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but "
            f"found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{attn_mask.dim()}-D tensor instead"
            )
        expected = (num_heads, query.shape[0], key.shape[0])
        if not is_batched and attn_mask.dim() == 3 and attn_mask.shape != expected:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}"
            )
    return is_batched


def _in_projection_packed(q, k, v, w, b=None):
    """Query, key and value by the three parts of one weight [3 * embed, embed]."""
    embed = q.size(-1)
    if k is v and q is k:
        return _C.linear(q, w, b).split(embed, -1)
    if k is v:
        w_q, w_kv = w.split([embed, embed * 2])
        b_q, b_kv = (None, None) if b is None else b.split([embed, embed * 2])
        return _C.linear(q, w_q, b_q), *_C.linear(k, w_kv, b_kv).split(embed, -1)
    biases = (None, None, None) if b is None else b.chunk(3)
    return tuple(_C.linear(*part) for part in zip((q, k, v), w.chunk(3), biases))


def _in_projection(q, k, v, w_q, w_k, w_v, b_q=None, b_k=None, b_v=None):
    """Query, key and value by a weight [embed, own size] each."""
    embed = q.size(-1)
    parts = ("query", q, w_q, b_q), ("key", k, w_k, b_k), ("value", v, w_v, b_v)
    for name, x, w, _ in parts:
        if w.shape != (embed, x.size(-1)):
            raise AssertionError(
                f"expecting {name} weights shape of {(embed, x.size(-1))}, but got {w.shape}"
            )
    for name, _, _, b in parts:
        if b is not None and b.shape != (embed,):
            raise AssertionError(f"expecting {name} bias shape of {(embed,)}, but got {b.shape}")
    return tuple(_C.linear(x, w, b) for _, x, w, b in parts)


def _checked_mask(attn_mask, batch, num_heads, tgt_len, src_len):
    """attn_mask as [1, 1, tgt, src] or [batch, heads, tgt, src]."""
    if attn_mask.dim() == 2:
        if attn_mask.shape != (tgt_len, src_len):
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {attn_mask.shape}, but should be "
                f"{(tgt_len, src_len)}."
            )
        return attn_mask.unsqueeze(0).unsqueeze(0)
    if attn_mask.dim() == 3:
        expected = (batch * num_heads, tgt_len, src_len)
        if attn_mask.shape != expected:
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {attn_mask.shape}, but should be {expected}."
            )
        return attn_mask.reshape(batch, num_heads, tgt_len, src_len)
    raise RuntimeError(f"attn_mask's dimension {attn_mask.dim()} is not supported")


def _static(x, name, batch, num_heads, head_dim):
    """Keys or values that came with their heads, [batch * heads, src, head_dim], by heads."""
    if x.size(0) != batch * num_heads:
        raise AssertionError(
            f"expecting static_{name}.size(0) of {batch * num_heads}, but got {x.size(0)}"
        )
    if x.size(2) != head_dim:
        raise AssertionError(f"expecting static_{name}.size(2) of {head_dim}, but got {x.size(2)}")
    return x.reshape(batch, num_heads, -1, head_dim)


def _with_batch(query, key, value):
    """The three with a batch of one; what was one tensor stays one."""
    same_key, same_value = key is query, value is key
    query = query.unsqueeze(1)
    key = query if same_key else key.unsqueeze(1)
    return query, key, key if same_value else value.unsqueeze(1)


def _canonical_masks(key_padding_mask, attn_mask, is_causal, need_weights, dtype):
    """(key_padding_mask, attn_mask, is_causal): masks that are added, and whether the kernel is to
    hide the future by itself.
    """
    if key_padding_mask is None and attn_mask is None and not is_causal:
        return None, None, False
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        return None, None, True  # the hint says what the mask holds
    attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", dtype, False)
    return key_padding_mask, attn_mask, is_causal and key_padding_mask is None


def _head_dim(embed, expected, num_heads):
    if embed != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {embed}")
    if embed // num_heads * num_heads != embed:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {num_heads}")
    return embed // num_heads


def _projected_apart(query, key, value, weights, bias):
    """Query, key and value by the three weights in the dict `weights`, from "q" to "v"."""
    if key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    for name, weight in weights.items():
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = () if bias is None else bias.chunk(3)
    return _in_projection(query, key, value, *weights.values(), *biases)


def _projected_together(query, key, value, weight, bias):
    """Query, key and value by one weight."""
    if key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    return _in_projection_packed(query, key, value, weight, bias)


def _with_biases(k, v, bias_k, bias_v, static_k, static_v):
    """One more key and its value, that are learnt."""
    if bias_v is None:
        raise AssertionError("bias_k is set but bias_v is None")
    if bias_k is None:
        raise AssertionError("bias_v is set but bias_k is None")
    if static_k is not None:
        raise AssertionError("bias cannot be added to static key.")
    if static_v is not None:
        raise AssertionError("bias cannot be added to static value.")
    batch = k.size(1)
    return _C.cat([k, bias_k.repeat(1, batch, 1)]), _C.cat([v, bias_v.repeat(1, batch, 1)])


def _by_heads(x, num_heads, head_dim):
    """[length, batch, embed] as [batch, heads, length, head_dim]."""
    return x.unflatten(-1, (num_heads, head_dim)).permute(1, 2, 0, 3)


def _with_zeros(k, v):
    """One more key and value, of zeros."""
    batch, num_heads, _, head_dim = k.shape
    zeros = _C.zeros((batch, num_heads, 1, head_dim), dtype=k.dtype, device=k.device)
    return _C.cat([k, zeros], 2), _C.cat([v, zeros], 2)


def _one_more_column(mask):
    return None if mask is None else _C.constant_pad_nd(mask, (0, 1))


def _with_padding(attn_mask, key_padding_mask, batch, src_len):
    """Both masks in one."""
    for dim, expected in enumerate((batch, src_len)):
        if key_padding_mask.shape[dim] != expected:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{dim}] to be {expected}, but got "
                f"{key_padding_mask.shape[dim]}"
            )
    padding = key_padding_mask.view(batch, 1, 1, src_len)
    return padding if attn_mask is None else attn_mask + padding


def _attend_with_weights(q, k, v, attn_mask, dropout_p, is_causal):
    """(output, weights) by heads: attention step by step."""
    if is_causal and attn_mask is None:
        raise AssertionError("is_causal with need_weights needs the mask: pass attn_mask")
    scores = (q * math.sqrt(1.0 / q.size(-1))).matmul(k.transpose(-2, -1))
    if attn_mask is not None:
        scores = attn_mask.to(scores.dtype) + scores  # autocast may have made them narrower
    weights = _C.softmax(scores, -1)
    if dropout_p > 0.0:
        weights = dropout(weights, p=dropout_p)
    return weights.matmul(v), weights


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """(output [tgt, batch, embed], weights [batch, tgt, src] or None), for `nn.MultiheadAttention`.

    query [tgt, batch, embed], key and value [src, batch, *]; without a batch, 2-D. True in
    key_padding_mask [batch, src] or attn_mask [tgt, src] or [batch * heads, tgt, src] hides a key;
    float masks are added. Raises AssertionError and RuntimeError for shapes that do not fit.
    """
    is_batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        query, key, value = _with_batch(query, key, value)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    tgt_len, batch, embed = query.shape
    key_padding_mask, attn_mask, is_causal = _canonical_masks(
        key_padding_mask, attn_mask, is_causal, need_weights, query.dtype
    )
    head_dim = _head_dim(embed, embed_dim_to_check, num_heads)
    if use_separate_proj_weight:
        weights = {"q": q_proj_weight, "k": k_proj_weight, "v": v_proj_weight}
        q, k, v = _projected_apart(query, key, value, weights, in_proj_bias)
    else:
        q, k, v = _projected_together(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        attn_mask = _checked_mask(attn_mask, batch, num_heads, tgt_len, key.shape[0])
    if bias_k is not None or bias_v is not None:
        k, v = _with_biases(k, v, bias_k, bias_v, static_k, static_v)
        attn_mask, key_padding_mask = map(_one_more_column, (attn_mask, key_padding_mask))

    q = _by_heads(q, num_heads, head_dim)
    k = _by_heads(k, num_heads, head_dim)
    v = _by_heads(v, num_heads, head_dim)
    if static_k is not None:
        k = _static(static_k, "k", batch, num_heads, head_dim)
    if static_v is not None:
        v = _static(static_v, "v", batch, num_heads, head_dim)
    if add_zero_attn:
        k, v = _with_zeros(k, v)
        attn_mask, key_padding_mask = map(_one_more_column, (attn_mask, key_padding_mask))
    if key_padding_mask is not None:
        attn_mask = _with_padding(attn_mask, key_padding_mask, batch, k.size(2))
    if not training:
        dropout_p = 0.0
    if need_weights:
        output, weights = _attend_with_weights(q, k, v, attn_mask, dropout_p, is_causal)
    else:
        weights = None
        output = _C.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)

    output = output.permute(2, 0, 1, 3).reshape(tgt_len * batch, embed)
    output = _C.linear(output, out_proj_weight, out_proj_bias)
    output = output.view(tgt_len, batch, output.size(1))
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if not is_batched:
        output = output.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)
    return output, weights
