"""Recurrent networks and attention: what the op table does not say."""

from __future__ import annotations

import math

import pytest

import cnn
from cnn import nn
from cnn.autograd import gradcheck, gradgradcheck

attention = nn.functional.scaled_dot_product_attention


def draw(*shape, grad=True):
    return cnn.randn(*shape, dtype=cnn.float64, requires_grad=grad)


@pytest.fixture(autouse=True)
def seed():
    cnn.manual_seed(4)


# One tensor in several places --------------------------------------------------------------------


def test_attention_of_a_tensor_to_itself():
    x = draw(2, 3, 4)
    assert gradcheck(lambda x: attention(x, x, x, is_causal=True), [x])
    assert gradgradcheck(lambda x: attention(x, x, x, is_causal=True), [x])


def test_both_states_one_tensor():
    layer = nn.LSTM(2, 3).double()
    x, state = draw(4, 2, 2), draw(1, 2, 3)
    assert gradcheck(lambda x, s: layer(x, (s, s))[0], [x, state])
    assert gradgradcheck(lambda x, s: layer(x, (s, s))[0], [x, state])


def test_one_weight_for_two_layers():
    layer = nn.GRU(3, 3, num_layers=2).double()
    layer.weight_hh_l1 = layer.weight_hh_l0
    x = draw(4, 2, 3)
    weight = layer.weight_hh_l0
    assert gradcheck(lambda x, w: layer(x)[0], [x, weight])


# Outputs that are not used -----------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_the_gradient_of_one_output_alone(chosen):
    layer = nn.LSTM(2, 3, bidirectional=True).double()

    def one(x):
        y, (h, c) = layer(x)
        return (y, h, c)[chosen]

    assert gradcheck(one, [draw(4, 2, 2)])
    assert gradgradcheck(one, [draw(4, 2, 2)])


def test_frozen_weights_get_no_gradient():
    layer = nn.LSTM(2, 3)
    layer.requires_grad_(False)
    x = cnn.randn(4, 2, 2, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad is not None and all(p.grad is None for p in layer.parameters())
    with cnn.no_grad():
        assert layer(x)[0].grad_fn is None


# What backward needs -----------------------------------------------------------------------------


def test_a_changed_mask_is_noticed():
    q, mask = draw(1, 1, 3, 4), cnn.ones(3, 3, dtype=cnn.bool)
    out = attention(q, q, q, mask)
    mask[0, 1] = False
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_changed_weights_are_noticed():
    layer = nn.GRU(2, 3)
    out = layer(cnn.randn(4, 2, 2))[0]
    with cnn.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_attention_keeps_no_scores():
    length = 2048
    q = cnn.randn(1, 1, length, 16, requires_grad=True)
    before = cnn._C._memory_stats()["allocated_bytes"]
    out = attention(q, q, q)
    assert cnn._C._memory_stats()["allocated_bytes"] - before < length * length
    out.sum().backward()
    assert cnn._C._memory_stats()["allocated_bytes"] - before < length * length


# Values ------------------------------------------------------------------------------------------


def composed(q, k, v, mask):
    scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
    return scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize("length", [1, 63, 64, 65, 129, 513, 700])
def test_blocks_meet(length):
    q, k = draw(1, 2, length, 8), draw(1, 2, 530, 8)
    mask = cnn.rand(length, 530) > 0.3
    causal = cnn.ones(length, 530, dtype=cnn.bool).tril()
    for given, seen in (({"attn_mask": mask}, mask), ({"is_causal": True}, causal)):
        got, want = attention(q, k, k, **given), composed(q, k, k, seen)
        assert cnn.allclose(got, want, rtol=1e-10, atol=1e-12)
        weights = cnn.randn_like(got)
        pairs = zip(
            cnn.autograd.grad(got, (q, k), weights), cnn.autograd.grad(want, (q, k), weights)
        )
        for a, b in pairs:
            assert cnn.allclose(a, b, rtol=1e-9, atol=1e-11)


# Heads that share keys lie in one stack, whose panels and blocks may begin and end inside a head.
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 5, 14, 90])
@pytest.mark.parametrize("group, width, value_width", [(1, 8, 17), (3, 33, 64), (4, 64, 40)])
def test_stacks_of_heads(dtype, strided, rows, group, width, value_width):
    def operand(heads, length, width):
        x = cnn.randn(2, length, heads, width, dtype=cnn.float64).to(dtype)
        x = x.transpose(1, 2) if strided else x.transpose(1, 2).contiguous()
        return x.requires_grad_()

    q, k, v = operand(2 * group, rows, width), operand(2, 600, width), operand(2, 600, value_width)
    wide = [x.detach().double().requires_grad_() for x in (q, k, v)]
    few = cnn.rand(2, 1, rows, 600) > 0.5
    few[0, 0, rows // 2] = False
    few[1, 0, 0, 1:] = False
    near = (cnn.rand(600, rows) > 0.5).t()
    near[:, 0] = True
    causal = cnn.ones(rows, 600, dtype=cnn.bool).tril()
    every = cnn.ones(rows, 600, dtype=cnn.bool)
    for given, seen in (
        ({}, every),
        ({"is_causal": True}, causal),
        ({"attn_mask": near}, near),
        ({"attn_mask": few}, few),
    ):
        got = attention(q, k, v, enable_gqa=True, **given)
        hidden = ~seen.any(-1, keepdim=True)
        keys, values = (x.repeat_interleave(group, 1) for x in wide[1:])
        want = composed(wide[0], keys, values, seen | hidden).masked_fill(hidden, 0)
        weights = cnn.randn_like(want)
        found = (got, *cnn.autograd.grad(got, (q, k, v), weights.to(dtype)))
        for a, b in zip(found, (want, *cnn.autograd.grad(want, wide, weights))):
            atol = 256 * cnn.finfo(dtype).eps * max(1.0, float(b.abs().max()))
            assert cnn.allclose(a.double(), b, rtol=0, atol=atol)


def test_a_negative_scale_and_an_infinite_score():
    q, k = draw(1, 2, 40, 8), draw(1, 2, 70, 8)
    assert cnn.allclose(attention(q, k, k, scale=-0.5), attention(-q, k, k, scale=0.5))
    bias = cnn.zeros(40, 70, dtype=cnn.float64)
    bias[3, 5] = math.inf
    out = attention(q, k, k, bias)
    assert out[:, :, 3].isnan().all() and not out[:, :, :3].isnan().any()
    assert not out[:, :, 4:].isnan().any()


def test_a_mask_of_the_least_numbers_hides_without_being_infinite():
    q, k, v = cnn.randn(1, 1, 3, 4), cnn.randn(1, 1, 20, 4), cnn.randn(1, 1, 20, 5)
    mask = cnn.full((3, 20), cnn.finfo(cnn.float32).min)
    mask[1, :7] = 0
    out = attention(q, k, v, mask)
    assert cnn.allclose(out[0, 0, 0], v[0, 0].mean(0), atol=1e-6)  # no key before another
    assert cnn.allclose(out[0, 0, 1], attention(q[:, :, 1:2], k[:, :, :7], v[:, :, :7])[0, 0, 0])


@pytest.mark.parametrize("rows", [3, 150])
def test_dropped_weights(rows):
    q, k = draw(2, 3, rows, 8), draw(2, 3, 530, 8)
    cnn.manual_seed(9)
    got = attention(q, k, k, dropout_p=0.4)
    cnn.manual_seed(9)
    noise = nn.functional.dropout(cnn.ones(2, 3, rows, 530, dtype=cnn.float64), 0.4)
    want = ((q @ k.transpose(-1, -2) / math.sqrt(8)).softmax(-1) * noise) @ k
    weights = cnn.randn_like(got)
    found = (got, *cnn.autograd.grad(got, (q, k), weights))
    for a, b in zip(found, (want, *cnn.autograd.grad(want, (q, k), weights))):
        assert cnn.allclose(a, b, rtol=1e-9, atol=1e-11)


def test_extreme_scores():
    q = cnn.tensor([[[[1e4], [-1e4], [0.0]]]])
    k = cnn.tensor([[[[1e4], [-1e4]]]])
    v = cnn.tensor([[[[1.0], [3.0]]]])
    assert attention(q, k, v).flatten().tolist() == [1.0, 3.0, 2.0]
    nan = attention(q * float("nan"), k, v)
    assert nan.isnan().all()


def test_hidden_rows_give_zeros_and_no_gradient():
    q = cnn.randn(1, 1, 3, 4, requires_grad=True)
    mask = cnn.tensor([[True] * 3, [False] * 3, [True, False, True]])
    for given in (mask, cnn.zeros(3, 3).masked_fill(~mask, float("-inf"))):
        out = attention(q, q.detach(), q.detach(), given)
        assert out[0, 0, 1].tolist() == [0] * 4
        (grad,) = cnn.autograd.grad(out.sum(), q)
        assert grad[0, 0, 1].tolist() == [0] * 4 and not grad.isnan().any()


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_saturated_gates(name):
    layer = getattr(nn, name)(1, 1, bias=False)
    with cnn.no_grad():
        for p in layer.parameters():
            p.fill_(1e4)
    for x in (1.0, -1.0, float("nan")):
        y = layer(cnn.full((3, 1, 1), x))[0]
        assert bool(y.isnan().all()) == (x != x)
        assert x != x or bool((y.abs() <= 1).all())


@pytest.mark.parametrize("dtype", [cnn.float16, cnn.bfloat16])
def test_half_precision(dtype):
    layer, x = nn.LSTM(3, 4, num_layers=2), cnn.randn(5, 2, 3)
    want = layer(x)[0]
    got = layer.to(dtype)(x.to(dtype))[0]
    assert got.dtype == dtype and cnn.allclose(got.float(), want, atol=3e-2)


def test_dropout_falls_between_layers_only():
    one, two = nn.LSTM(3, 4, num_layers=2, dropout=1.0), nn.LSTM(3, 4, num_layers=2)
    two.load_state_dict(one.state_dict())
    x = cnn.randn(5, 2, 3)
    assert not cnn.equal(one(x)[0], two(x)[0])
    assert cnn.equal(one(x)[1][0][0], two(x)[1][0][0])  # the first layer's last state
    assert cnn.equal(one.eval()(x)[0], two(x)[0])


# Packed sequences --------------------------------------------------------------------------------


def test_packed_sequences_equal_single_ones():
    layer = nn.GRU(2, 3, num_layers=2, bidirectional=True)
    sequences = [cnn.randn(n, 2) for n in (2, 5, 1, 5)]
    packed = nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    outputs = nn.utils.rnn.unpack_sequence(layer(packed)[0])
    last = layer(packed)[1]
    for i, x in enumerate(sequences):
        y, h = layer(x)
        assert cnn.allclose(outputs[i], y, atol=1e-6)
        assert cnn.allclose(last[:, i], h, atol=1e-6)


def test_packed_sequences_move():
    packed = nn.utils.rnn.pack_sequence([cnn.ones(2, 1), cnn.ones(1, 1)])
    assert packed.to(cnn.float32) is packed and packed.cpu() is packed
    assert packed.half().data.dtype == cnn.float16 and not packed.is_cuda
    assert packed.to("meta").data.is_meta
    with pytest.raises(RuntimeError, match="empty list of sequences"):
        nn.utils.rnn.pack_sequence([])


# Losses and bags made of other ops -----------------------------------------------------------------


def test_second_order_of_ctc():
    x = draw(5, 2, 4)
    targets = cnn.tensor([[1, 2], [3, 3]])

    def loss(x):
        probs = x.log_softmax(2)
        return nn.functional.ctc_loss(probs, targets, [5, 4], [2, 2], reduction="none")

    assert gradcheck(loss, [x])
    assert gradgradcheck(loss, [x])


def test_impossible_targets_of_ctc():
    x = draw(2, 2, 6)
    probs, targets = x.log_softmax(2), cnn.tensor([[1, 4, 5], [1, 0, 0]])
    for zero_infinity in (False, True):
        loss = nn.functional.ctc_loss(
            probs, targets, [2, 2], [3, 1], reduction="none", zero_infinity=zero_infinity
        )
        assert loss[0].item() == (0.0 if zero_infinity else math.inf)
        gradient = cnn.autograd.grad(loss.sum(), probs, retain_graph=True)[0]
        assert gradient[:, 0].isnan().all() != zero_infinity
        assert gradient[:, 1].isfinite().all()
    with pytest.raises(RuntimeError, match="size 1 at dimension 0, but got size 3"):
        nn.functional.ctc_loss(probs[:, 0], targets[0], cnn.tensor(2), cnn.tensor(1))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_second_order_of_bags(mode):
    weight, bags = draw(5, 2), cnn.tensor([[0, 3], [4, 1]])

    def bag(weight):
        return nn.functional.embedding_bag(bags, weight, mode=mode) ** 2

    assert gradcheck(bag, [weight])
    assert gradgradcheck(bag, [weight])


@pytest.mark.parametrize(
    "sizes, message",
    [
        ([2**40], "share out 3 rows"),
        ([2**62, 2**62, 2**62, 2**62], "share out 3 rows"),
        ([2, 2], "share out 3 rows"),
        ([1, 2], "batch_sizes that fall"),
        ([4, -1], "batch_sizes that fall"),
        ([], "can not be empty"),
    ],
)
def test_packed_rows_are_counted_before_anything_is_made_of_them(sizes, message):
    rnn = nn.utils.rnn
    packed = rnn.PackedSequence(cnn.ones(3, 2), cnn.tensor(sizes, dtype=cnn.int64))
    for call in (rnn.pad_packed_sequence, rnn.unpack_sequence):
        with pytest.raises(RuntimeError, match=message):
            call(packed)
    with pytest.raises(AttributeError, match="batch_sizes"):
        rnn.unpack_sequence((cnn.ones(3), cnn.tensor([3])))
