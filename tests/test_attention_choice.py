"""Which kernels attention may use, causal masks that are never made, attention with functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn
from cnn import nn
from cnn.nn.attention import SDPBackend, bias, sdpa_kernel
from cnn.nn.attention.flex_attention import (
    AuxRequest,
    BlockMask,
    and_masks,
    create_block_mask,
    create_mask,
    flex_attention,
    noop_mask,
    or_masks,
)
from cnn.nn.functional import scaled_dot_product_attention

NONE = "No viable backend for scaled_dot_product_attention was found"


def heads(*sizes, seed=0, dtype=cnn.float64):
    rng = np.random.default_rng(seed)
    return [cnn.tensor(rng.standard_normal(size), dtype=dtype) for size in sizes]


def test_a_choice_changes_no_number_and_none_raises():
    q, k, v = heads(*[(2, 3, 5, 8)] * 3, dtype=cnn.float32)
    want = scaled_dot_product_attention(q, k, v, is_causal=True)
    for choice in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, [SDPBackend.MATH] * 2):
        with sdpa_kernel(choice):
            assert cnn.equal(scaled_dot_product_attention(q, k, v, is_causal=True), want)
    for choice in (SDPBackend.EFFICIENT_ATTENTION, [SDPBackend.CUDNN_ATTENTION], []):
        with sdpa_kernel(choice), pytest.raises(RuntimeError, match=NONE):
            scaled_dot_product_attention(q, k, v)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        for args in ((q[0], k[0], v[0]), (q, k, v, None, 0.5), (q, k, v[..., :4])):
            with pytest.raises(RuntimeError, match=NONE):
                scaled_dot_product_attention(*args)
    assert cnn.equal(scaled_dot_product_attention(q, k, v, is_causal=True), want)
    with pytest.raises(AssertionError, match="instance of SDPBackend"):
        with sdpa_kernel("MATH"):
            pass


def test_choices_nest_and_come_back_after_errors():
    switches = cnn.backends.cuda
    with pytest.raises(ZeroDivisionError):
        with sdpa_kernel([SDPBackend.MATH]):
            assert switches.math_sdp_enabled() and not switches.flash_sdp_enabled()
            with switches.sdp_kernel(enable_math=False):
                assert switches.flash_sdp_enabled() and not switches.math_sdp_enabled()
            assert switches.math_sdp_enabled() and not switches.flash_sdp_enabled()
            1 / 0  # noqa: B018
    assert all((
        switches.math_sdp_enabled(), switches.flash_sdp_enabled(),
        switches.mem_efficient_sdp_enabled(), switches.cudnn_sdp_enabled(),
    ))  # fmt: skip
    switches.enable_flash_sdp(False)
    try:
        assert not switches.flash_sdp_enabled()
    finally:
        switches.enable_flash_sdp(True)


def test_implementations_may_be_registered():
    calls = []

    class Handle:
        def remove(self):
            calls.append("removed")

    attention = nn.attention
    attention.register_flash_attention_impl("own", register_fn=Handle)
    attention.activate_flash_attention_impl("own")
    assert attention.current_flash_attention_impl() == "own"
    assert "own" in attention.list_flash_attention_impls()
    attention.restore_flash_attention_impl()
    assert attention.current_flash_attention_impl() is None and calls == ["removed"]
    with pytest.raises(ValueError, match="Unknown flash attention impl 'other'"):
        attention.activate_flash_attention_impl("other")


def test_causal_biases():
    q, k, v = heads((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4))
    lower = bias.causal_lower_right(3, 5)
    assert lower._materialize().int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1] * 5]
    mask = cnn.ones(3, 5, dtype=cnn.bool).tril(2)
    want = scaled_dot_product_attention(q, k, v, mask)
    assert cnn.equal(scaled_dot_product_attention(q, k, v, attn_mask=lower), want)
    upper = bias.causal_upper_left(3, 5)
    want = scaled_dot_product_attention(q, k, v, is_causal=True)
    assert cnn.equal(scaled_dot_product_attention(q, k, v, attn_mask=upper), want)
    assert "True" in repr(upper) and isinstance(upper, cnn.Tensor)
    with pytest.raises(ValueError, match="should not be used with causal=True"):
        scaled_dot_product_attention(q, k, v, attn_mask=upper, is_causal=True)
    with pytest.warns(UserWarning, match="will produce NaNs"):
        bias.causal_lower_right(5, 3)
    with pytest.raises(AssertionError, match="only supports 2D"):
        bias.causal_upper_left(3)


def by_hand(q, k, v, change=None, scale=None):
    """Attention in NumPy, place by place. `change(score, b, h, i, j)` may give -inf."""
    q, k, v = (x.detach().double().numpy() for x in (q, k, v))
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = np.einsum("bhie,bhje->bhij", q, k) * (scale or 1 / math.sqrt(q.shape[-1]))
    for place in np.ndindex(scores.shape):
        if change:
            scores[place] = change(scores[place], *place)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = weights.sum(-1, keepdims=True)
    out = np.einsum("bhij,bhje->bhie", weights / np.where(total == 0, 1, total), v)
    with np.errstate(divide="ignore"):
        return out, np.log(total[..., 0]) + np.where(np.isinf(top), 0, top)[..., 0]


SLOPES = cnn.tensor([0.5, 0.25], dtype=cnn.float64)
DOCUMENT = cnn.tensor([0, 0, 1, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("score_mod", "change"),
    [
        (None, None),
        (
            lambda s, b, h, i, j: s + (j - i) * SLOPES[h],
            lambda s, b, h, i, j: s + (j - i) / 2 ** (h + 1),
        ),
        (
            lambda s, b, h, i, j: cnn.where(i >= j, s, -math.inf),
            lambda s, b, h, i, j: s if i >= j else -np.inf,
        ),
        (lambda s, b, h, i, j: 3 * cnn.tanh(s / 3), lambda s, b, h, i, j: 3 * np.tanh(s / 3)),
        (lambda s, b, h, i, j: s * (b + 1) + j % 2, lambda s, b, h, i, j: s * (b + 1) + j % 2),
    ],
    ids=["plain", "alibi", "causal", "softcap", "batch"],
)
def test_scores_are_changed_place_by_place(score_mod, change):
    q, k, v = heads((2, 2, 5, 4), (2, 2, 7, 4), (2, 2, 7, 6))
    out, aux = flex_attention(q, k, v, score_mod, return_aux=AuxRequest(lse=True, max_scores=True))
    want, lse = by_hand(q, k, v, change)
    np.testing.assert_allclose(out.numpy(), want, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(aux.lse.numpy(), lse, rtol=1e-10)
    assert aux.max_scores.shape == (2, 2, 5)
    assert cnn.equal(flex_attention(q, k, v, score_mod), out)


def test_masks_hide_by_blocks_and_within_them():
    q, k, v = heads(*[(1, 2, 7, 4)] * 3)

    def same_document(b, h, i, j):
        return DOCUMENT[i] == DOCUMENT[j]

    def causal(b, h, i, j):
        return i >= j

    both = and_masks(causal, same_document)
    mask = create_block_mask(both, None, None, 7, 7, BLOCK_SIZE=2)
    assert mask.shape == (1, 1, 7, 7) and mask.BLOCK_SIZE == (2, 2)
    want, _ = by_hand(
        q, k, v, lambda s, b, h, i, j: s if i >= j and DOCUMENT[i] == DOCUMENT[j] else -np.inf
    )
    out = flex_attention(q, k, v, block_mask=mask)
    np.testing.assert_allclose(out.numpy(), want, rtol=1e-10, atol=1e-12)
    assert create_mask(both, 1, 1, 7, 7)[0, 0].sum() == 1 + 2 + 1 + 2 + 3 + 1 + 2
    either = create_mask(or_masks(causal, same_document), 1, 1, 7, 7)
    assert either[0, 0, 2, 4] and not either[0, 0, 1, 2]
    assert create_mask(noop_mask, None, 2, 3, 3).all()
    assert create_mask(lambda s, b, h, i, j: cnn.where(i > j, s, -math.inf), 1, 1, 3, 3).sum() == 3


def test_blocks_alone_hide_as_well():
    q, k, v = heads(*[(1, 1, 4, 2)] * 3)
    mask = BlockMask.from_kv_blocks(
        cnn.tensor([[[1, 1]]], dtype=cnn.int32),
        cnn.tensor([[[[0, 1], [1, 0]]]], dtype=cnn.int32),
        BLOCK_SIZE=2,
    )
    assert mask.seq_lengths == (4, 4) and mask.to_dense().tolist() == [[[[1, 0], [0, 1]]]]
    want, _ = by_hand(q, k, v, lambda s, b, h, i, j: s if i // 2 == j // 2 else -np.inf)
    np.testing.assert_allclose(flex_attention(q, k, v, block_mask=mask).numpy(), want, rtol=1e-10)
    assert mask.q_num_blocks.tolist() == [[[1, 1]]]


def test_queries_that_see_nothing_give_zero_and_no_nan():
    q, k, v = heads(*[(1, 1, 3, 2)] * 3)
    q.requires_grad_()
    mask = create_block_mask(lambda b, h, i, j: (i > 0) & (j < i), None, None, 3, 3)
    out, aux = flex_attention(q, k, v, block_mask=mask, return_aux=AuxRequest(lse=True))
    assert out[0, 0, 0].tolist() == [0, 0] and aux.lse[0, 0, 0] == -math.inf
    out.sum().backward()
    assert q.grad.isfinite().all() and q.grad[0, 0, 0].tolist() == [0, 0]


def test_gradients_also_of_what_functions_use():
    q, k, v = heads((1, 4, 3, 2), (1, 2, 3, 2), (1, 2, 3, 2))
    table = heads((4, 5), seed=1)[0]
    mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, 3, 3)

    def attend(q, k, v, table):
        return flex_attention(
            q, k, v, lambda s, b, h, i, j: s + table[h, i - j + 2], mask, enable_gqa=True, scale=0.3
        )

    want, _ = by_hand(
        q, k, v, lambda s, b, h, i, j: s + table[h, i - j + 2].item() if i >= j else -np.inf, 0.3
    )
    np.testing.assert_allclose(attend(q, k, v, table).numpy(), want, rtol=1e-10)
    inputs = [x.requires_grad_() for x in (q, k, v, table)]
    assert cnn.autograd.gradcheck(attend, inputs)


def test_functions_that_look_beyond_their_place_are_refused():
    q, k, v = heads(*[(1, 2, 4, 2)] * 3)
    for mod, words in (
        (lambda s, b, h, i, j: s - s.max(), "other values for all places at once"),
        (
            lambda s, b, h, i, j: s + (DOCUMENT[i] * 1.0).sum(),
            "other values for all places at once",
        ),
        (lambda s, b, h, i, j: s[..., :2], "gave the shape"),
    ):
        with pytest.raises(NotImplementedError, match=words):
            flex_attention(q, k, v, mod)


def test_bad_operands():
    q, k, v = heads(*[(1, 2, 4, 2)] * 3)
    mask = create_block_mask(noop_mask, None, None, 8, 8)
    for call, kind, words in (
        (lambda: flex_attention(q[0], k[0], v[0]), NotImplementedError, "must be 4D"),
        (lambda: flex_attention(q, k[..., :1], v), ValueError, "same embedding dimension"),
        (lambda: flex_attention(q, k[:, :1], v[:, :1]), ValueError, "Try setting enable_gqa=True"),
        (lambda: flex_attention(q, k, v, block_mask=mask), ValueError, "larger length"),
        (lambda: flex_attention(q.expand(2, 2, 4, 2), k, v), ValueError, "same batch size"),
        (lambda: flex_attention(q, k, v, kernel_options={"BACKEND": "X"}), ValueError, "BACKEND"),
        (lambda: create_mask(lambda a, b: a, 1, 1, 2, 2), AssertionError, "4 or 5 positional"),
        (lambda: or_masks(3), RuntimeError, "callable mask_mods"),
    ):
        with pytest.raises(kind, match=words):
            call()
    part = create_block_mask(noop_mask, 2, 2, 4, 4)[0]
    assert part.kv_num_blocks.shape == (1, 2, 1)
    with pytest.raises(RuntimeError, match="sliced BlockMask"):
        flex_attention(q, k, v, block_mask=part)


def test_a_block_mask_tells_of_itself():
    mask = create_block_mask(lambda b, h, i, j: i >= j, 1, 1, 256, 256, BLOCK_SIZE=64)
    assert mask.sparsity() == pytest.approx(37.5) and mask.numel() == 256 * 256
    assert mask.full_kv_num_blocks.tolist() == [[[0, 1, 2, 3]]]
    assert mask.kv_num_blocks.tolist() == [[[1, 1, 1, 1]]]
    assert str(mask).count("█") == 20 and "sparsity=37.50%" in repr(mask)
    assert len(mask.as_tuple()) == 17 and len(mask.as_tuple(flatten=False)) == 15
    small = mask._adjust(128, 192)
    assert small.shape == (1, 1, 128, 192)
    assert small.to_dense().tolist() == [[[[1, 0, 0], [1, 1, 0]]]]
    assert mask.to("cpu").to_dense().sum() == 10
