"""Causal masks for queries and keys of different length, as tensors that are never made."""

from __future__ import annotations

import warnings
from enum import IntEnum, auto

from ... import _C
from .. import functional as F

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Which corner of the mask is on the diagonal: the first query's or the last one's."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()


class CausalBias(_C.Tensor):
    """A mask for `scaled_dot_product_attention` that hides what comes after each query."""

    def __init__(self, variant, seq_len_q, seq_len_kv) -> None:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        super().__init__()
        self.variant = variant
        self.seq_len_q = seq_len_q
        self.seq_len_kv = seq_len_kv
        if seq_len_q > seq_len_kv and variant == CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > "
                "seq_len_kv!",
                stacklevel=2,
            )

    def __new__(cls, variant, seq_len_q, seq_len_kv):
        return _C.empty(0).as_subclass(cls)

    def _materialize(self, device=None):
        """The mask as a tensor of bool."""
        lower = self.variant == CausalVariant.LOWER_RIGHT
        ones = _C.ones((self.seq_len_q, self.seq_len_kv), dtype=_C.bool, device=device or "cpu")
        return ones.tril(self.seq_len_kv - self.seq_len_q if lower else 0)

    @staticmethod
    def _dispatch(
        query,
        key,
        value,
        attn_mask,
        dropout_p=0.0,
        is_causal=False,
        scale=None,
        enable_gqa=False,
    ):
        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        square = attn_mask.seq_len_q == attn_mask.seq_len_kv
        causal = square or attn_mask.variant == CausalVariant.UPPER_LEFT
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if causal else attn_mask._materialize(query.device),
            dropout_p=dropout_p,
            is_causal=causal,
            scale=scale,
            enable_gqa=enable_gqa,
        )

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is F.scaled_dot_product_attention:
            return cls._dispatch(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs or {})

    def __repr__(self):
        return repr(self._materialize())


def _bias(name, variant, size):
    if len(size) != 2:
        raise AssertionError(f"{name} only supports 2D tensors")
    return CausalBias(variant, *size)


def causal_upper_left(*size):
    """A mask of a size (queries, keys) in which query i sees the keys 0 to i."""
    return _bias("causal_upper_left", CausalVariant.UPPER_LEFT, size)


def causal_lower_right(*size):
    """A mask of a size (queries, keys) in which the last query sees all keys."""
    return _bias("causal_lower_right", CausalVariant.LOWER_RIGHT, size)
