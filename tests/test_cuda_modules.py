"""Every layer and loss, forward and backward on a GPU as on the CPU; attention; writes that meet."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cnn
from cnn import nn
from drawing import DrawnOnTheCpu
from module_cases import LAYERS, LOSSES, make, row_id

pytestmark = pytest.mark.cuda


def flat(value):
    """All tensors in nested tuples, lists and packed sequences."""
    if isinstance(value, cnn.Tensor):
        return [value]
    if isinstance(value, nn.utils.rnn.PackedSequence):
        return [value.data]
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in flat(item)]
    return []


def moved(value, device):
    if isinstance(value, cnn.Tensor):
        return value.detach().clone().to(device).requires_grad_(value.requires_grad)
    if isinstance(value, nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.PackedSequence(
            moved(value.data, device), value.batch_sizes,
            moved(value.sorted_indices, device), moved(value.unsorted_indices, device),
        )  # fmt: skip
    if isinstance(value, (tuple, list)):
        return type(value)(moved(v, device) for v in value)
    if isinstance(value, dict):
        return {k: moved(v, device) for k, v in value.items()}
    return value


def near(got, want, where, rtol=1e-5):
    """To rtol of each number, or of the largest where sums cancel."""
    assert got.device.type == "cuda" and want.device.type == "cpu", where
    assert got.dtype == want.dtype and got.shape == want.shape, where
    ours, theirs = got.detach().cpu(), want.detach()
    if not theirs.is_floating_point():
        assert cnn.equal(ours, theirs), where
        return
    ours, theirs = np.array(ours.double().tolist()), np.array(theirs.double().tolist())
    finite = np.abs(theirs[np.isfinite(theirs)])
    scale = finite.max() if finite.size else 0
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(scale, 0.01), err_msg=where)


def run(module, args, kwargs):
    """What comes out, and the gradients of inputs and parameters after it; buffers last."""
    cnn.manual_seed(11)
    with warnings.catch_warnings(), DrawnOnTheCpu():
        warnings.simplefilter("ignore")
        out = flat(module(*args, **kwargs))
    total = 0
    for i, y in enumerate(out):
        if y.requires_grad:
            ramp = cnn.arange(y.numel(), dtype=cnn.float64).reshape(y.shape).to(y.device, y.dtype)
            total = total + (y * (ramp * 0.01 + 0.1 * i + 0.5)).sum()
    if isinstance(total, cnn.Tensor):
        total.backward()
    leaves = flat(list(args)) + flat(list(kwargs.values())) + list(module.parameters())
    found = {f"output {i}": y for i, y in enumerate(out)}
    found |= {f"gradient {i}": x.grad for i, x in enumerate(leaves) if x.grad is not None}
    return found | {f"buffer {name}": b for name, b in module.named_buffers()}


def compare(build, inputs, training=True, rtol=1e-5):
    """`build()` gives a module; `inputs` its arguments, or those and keyword arguments."""
    args, kwargs = inputs if isinstance(inputs[-1], dict) else (inputs, {})
    cnn.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = build().train(training)
        cnn.manual_seed(3)
        there = build().train(training).cuda()
    want = run(module, moved(args, "cpu"), moved(kwargs, "cpu"))
    got = run(there, moved(args, "cuda"), moved(kwargs, "cuda"))
    assert got.keys() == want.keys()
    for key in want:
        near(got[key], want[key], f"{type(module).__name__}: {key}", rtol)


def tensors_of(specs):
    rng = np.random.default_rng(0)
    out = [cnn.tensor(make(rng, spec)) for spec in specs]
    if out[0].is_floating_point():
        out[0].requires_grad_()
    return out


@pytest.mark.parametrize("training", (True, False), ids=("train", "eval"))
@pytest.mark.parametrize("row", LAYERS, ids=row_id)
def test_layers(row, training):
    name, args, kwargs, specs = row
    compare(lambda: getattr(nn, name)(*args, **kwargs), tensors_of(specs), training)


@pytest.mark.parametrize("reduction", ("none", "mean"))
@pytest.mark.parametrize("row", LOSSES, ids=row_id)
def test_losses(row, reduction):
    name, kwargs, specs = row
    compare(lambda: getattr(nn, name)(**kwargs, reduction=reduction), tensors_of(specs))


def draw(*shape, grad=True):
    x = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    return cnn.tensor(x).requires_grad_(grad)


def whole(high, *shape):
    return cnn.tensor(np.random.default_rng(sum(shape)).integers(0, high, shape))


def packed(batch_first=False, sorted_too=True):
    lengths = [5, 3, 3, 1] if sorted_too else [3, 5, 1, 3]
    x = draw(4, 5, 3) if batch_first else draw(5, 4, 3)
    return nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=sorted_too)


def causal(n):
    return nn.Transformer.generate_square_subsequent_mask(n)


RECURRENT = {
    "RNN": lambda: nn.RNN(3, 5),
    "RNN-relu": lambda: nn.RNN(3, 5, 2, nonlinearity="relu", bidirectional=True),
    "LSTM": lambda: nn.LSTM(3, 5, 2, dropout=0.3),
    "LSTM-both-ways": lambda: nn.LSTM(3, 37, bidirectional=True, bias=False),
    "LSTM-projected": lambda: nn.LSTM(3, 6, 2, proj_size=4, bidirectional=True),
    "GRU": lambda: nn.GRU(3, 5, 2, dropout=0.3, bidirectional=True),
    "GRU-without-bias": lambda: nn.GRU(3, 33, bias=False),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name):
    compare(RECURRENT[name], [draw(5, 4, 3)])
    compare(RECURRENT[name], [draw(1, 1, 3)])
    compare(RECURRENT[name], [packed()])
    compare(RECURRENT[name], [packed(sorted_too=False)])
    module = RECURRENT[name]().double()
    layers = module.num_layers * (2 if module.bidirectional else 1)
    h = draw(layers, 4, module.proj_size or module.hidden_size).detach().double().requires_grad_()
    c = draw(layers, 4, module.hidden_size).detach().double().requires_grad_()
    state = (h, c) if name.startswith("LSTM") else h
    x = draw(5, 4, 3).detach().double().requires_grad_()
    compare(lambda: RECURRENT[name]().double(), [x, state], rtol=1e-12)


@pytest.mark.parametrize("dtype", (cnn.float16, cnn.bfloat16))
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_of_16_bits(name, dtype):
    x = draw(5, 4, 3).detach().to(dtype).requires_grad_()
    compare(lambda: RECURRENT[name]().to(dtype), [x], rtol=0.02)


@pytest.mark.parametrize("kind", ("LSTM", "GRU", "RNN"))
def test_dropout_between_recurrent_layers(kind):
    cnn.manual_seed(1)
    both = getattr(nn, kind)(3, 5, 2, dropout=0.4).cuda()
    parts = getattr(nn, kind)(3, 5).cuda(), getattr(nn, kind)(5, 5).cuda()
    for name, p in both.named_parameters():
        part = parts[int(name[-1])]
        getattr(part, name[:-1] + "0").data.copy_(p)
    x = draw(5, 4, 3).cuda()
    cnn.manual_seed(2)
    got = both(x)[0]
    cnn.manual_seed(2)
    want = parts[1](nn.functional.dropout(parts[0](x)[0], 0.4))[0]
    assert cnn.equal(got, want) and not cnn.equal(got, both.eval()(x)[0])
    (grad,) = cnn.autograd.grad(got.sum(), both.weight_ih_l0)
    assert cnn.equal(grad, cnn.autograd.grad(want.sum(), parts[0].weight_ih_l0)[0])


# Called with the arguments, or with (arguments, keyword arguments).
OTHERS = {
    "RNNCell": (lambda: nn.RNNCell(3, 5), [draw(4, 3), draw(4, 5)]),
    "LSTMCell": (lambda: nn.LSTMCell(3, 5), [draw(4, 3), (draw(4, 5), draw(4, 5))]),
    "GRUCell": (lambda: nn.GRUCell(3, 5), [draw(4, 3), draw(4, 5)]),
    "Hardtanh": (lambda: nn.Hardtanh(), [draw(3, 4)]),
    "RReLU": (lambda: nn.RReLU(0.25, 0.25), [draw(5, 7)]),
    "SyncBatchNorm-eval": (lambda: nn.SyncBatchNorm(3).eval(), [draw(2, 3, 4)]),
    "CrossMapLRN2d": (lambda: nn.CrossMapLRN2d(3), [draw(2, 5, 3, 4)]),
    "EmbeddingBag-mean": (
        lambda: nn.EmbeddingBag(9, 4), [whole(9, 12), cnn.tensor([0, 3, 3, 8])]),
    "EmbeddingBag-max": (
        lambda: nn.EmbeddingBag(9, 4, mode="max", padding_idx=2), [whole(9, 4, 5)]),
    "EmbeddingBag-weights": (
        lambda: nn.EmbeddingBag(9, 4, mode="sum", include_last_offset=True),
        [whole(9, 12), cnn.tensor([0, 3, 12]), draw(12)]),
    "EmbeddingBag-norm": (
        lambda: nn.EmbeddingBag(9, 4, max_norm=0.5, scale_grad_by_freq=True), [whole(9, 4, 5)]),
    "CTCLoss": (
        lambda: nn.CTCLoss(),
        [draw(12, 3, 6).log_softmax(2).detach().requires_grad_(), whole(5, 3, 4) + 1,
         cnn.tensor([12, 10, 9]), cnn.tensor([4, 2, 3])]),
    "CTCLoss-flat": (
        lambda: nn.CTCLoss(reduction="none", zero_infinity=True),
        [draw(6, 2, 5).log_softmax(2).detach().requires_grad_(), whole(4, 9) + 1,
         cnn.tensor([6, 3]), cnn.tensor([3, 6])]),
    "AdaptiveLogSoftmaxWithLoss": (
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10]), [draw(12, 8), whole(20, 12)]),
    "LinearCrossEntropyLoss": (lambda: nn.LinearCrossEntropyLoss(5, 7), [draw(6, 5), whole(7, 6)]),
    "NLLLoss2d": (lambda: nn.NLLLoss2d(), [draw(2, 3, 4, 5), whole(3, 2, 4, 5)]),
    "MaxUnpool3d": (
        lambda: nn.MaxUnpool3d(2), [draw(1, 2, 1, 1, 2), cnn.tensor([[[[[0, 3]]], [[[9, 14]]]]])]),
    "Sequential": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU()), [draw(6, 5)]),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(8, 2), [draw(5, 3, 8), draw(6, 3, 8), draw(6, 3, 8)]),
    "MultiheadAttention-fused": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.2),
        ([draw(3, 5, 8)] * 3, {"need_weights": False})),
    "MultiheadAttention-masked": (
        lambda: nn.MultiheadAttention(8, 4, batch_first=True, add_bias_kv=True, kdim=6, vdim=7),
        ([draw(3, 5, 8), draw(3, 4, 6), draw(3, 4, 7)],
         {"need_weights": False, "attn_mask": draw(5, 4, grad=False) > 1,
          "key_padding_mask": draw(3, 4, grad=False) > 1})),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.1), [draw(5, 3, 8), causal(5)]),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, 0, "gelu", batch_first=True, norm_first=True),
            2, nn.LayerNorm(8)),
        ([draw(3, 5, 8)], {"src_key_padding_mask": draw(3, 5, grad=False) > 1})),
    "TransformerDecoderLayer": (
        lambda: nn.TransformerDecoderLayer(8, 4, 16), [draw(5, 3, 8), draw(6, 3, 8)]),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 4, 16, 0), 2),
        [draw(5, 3, 8), draw(6, 3, 8), causal(5)]),
    "Transformer": (
        lambda: nn.Transformer(8, 2, 1, 1, 16, 0, batch_first=True),
        [draw(2, 5, 8), draw(2, 4, 8)]),
}  # fmt: skip


@pytest.mark.parametrize("training", (True, False), ids=("train", "eval"))
@pytest.mark.parametrize("name", OTHERS)
def test_other_modules(name, training):
    build, inputs = OTHERS[name]
    if name.startswith("CTCLoss"):  # lengths stay where they are
        inputs = [*inputs[:2], [int(n) for n in inputs[2]], [int(n) for n in inputs[3]]]
        inputs[2:] = [tuple(inputs[2]), tuple(inputs[3])]
    compare(build, inputs, training and not name.endswith("-eval"), rtol=2e-5)


# Bases, what only holds other modules, and what needs several processes.
NO_MODULES_OF_THEIR_OWN = {
    "Module", "RNNBase", "RNNCellBase", "Container", "ModuleDict", "ModuleList", "ParameterDict",
    "ParameterList", "DataParallel",
}  # fmt: skip


def test_no_module_is_left_out():
    tried = {row[0] for row in LAYERS + LOSSES} | {key.split("-")[0] for key in RECURRENT}
    tried |= {key.split("-")[0] for key in OTHERS}
    every = {
        name for name in dir(nn)
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
    }  # fmt: skip
    assert every - tried - NO_MODULES_OF_THEIR_OWN == set()
    assert tried <= every


# Attention ----------------------------------------------------------------------------------------


def attend(q, k, v, mask=None, **options):
    # Dropout draws the same numbers on both devices only where the CPU draws them for both.
    out = nn.functional.scaled_dot_product_attention(q, k, v, mask, **options)
    ramp = cnn.arange(out.numel(), dtype=cnn.float64).reshape(out.shape).to(out.device, out.dtype)
    wanted = [t for t in (q, k, v) if t.requires_grad]
    return out, cnn.autograd.grad((out * (ramp * 0.01 + 0.5)).sum(), wanted)


def doubles(*shape, grad=True):
    return draw(*shape).detach().double().requires_grad_(grad)


def compare_attention(q, k, v, mask=None, rtol=1e-12, **options):
    want, want_grads = attend(q, k, v, mask, **options)
    args = [moved(t, "cuda") if t is not None else None for t in (q, k, v, mask)]
    got, got_grads = attend(*args, **options)
    near(got, want, "out", rtol)
    for name, g, w in zip("qkv", got_grads, want_grads):
        near(g, w, f"d{name}", rtol)
    again, again_grads = attend(*args, **options)
    assert cnn.equal(got, again) and all(map(cnn.equal, got_grads, again_grads))
    return got


@pytest.mark.parametrize("rows, cols", [(1, 1), (5, 5), (3, 9), (9, 3), (20, 33), (2, 300)])
@pytest.mark.parametrize("is_causal", (False, True))
def test_attention(rows, cols, is_causal):
    q, k, v = doubles(2, 3, rows, 4), doubles(2, 3, cols, 4), doubles(2, 3, cols, 5)
    compare_attention(q, k, v, is_causal=is_causal)


def test_attention_of_long_rows():
    q, k, v = doubles(1, 1, 3, 2), doubles(1, 1, 2100, 2), doubles(1, 1, 2100, 2)
    compare_attention(q, k, v)
    compare_attention(q, k, v, doubles(3, 2100, grad=False) > -1)


@pytest.mark.parametrize("kind", ("bool", "float", "one for all", "of heads", "of batches"))
def test_attention_masks(kind):
    q, k, v = doubles(2, 3, 6, 4), doubles(2, 3, 7, 4), doubles(2, 3, 7, 4)
    shape = {"one for all": (6, 7), "of heads": (3, 6, 7), "of batches": (2, 1, 1, 7)}
    mask = doubles(*shape.get(kind, (2, 3, 6, 7)), grad=False)
    if kind != "float":
        mask = mask > -0.3
        mask[..., 0] = True
    compare_attention(q, k, v, mask)
    if kind == "bool":
        compare_attention(q, k, v, mask.transpose(2, 3).contiguous().transpose(2, 3))


def test_a_row_that_sees_nothing_gives_zeros():
    q, k, v = doubles(2, 2, 4, 3), doubles(2, 2, 5, 3), doubles(2, 2, 5, 3)
    mask = cnn.ones(4, 5, dtype=cnn.bool)
    mask[2] = False
    got = compare_attention(q, k, v, mask)
    assert (got[:, :, 2] == 0).all() and cnn.isfinite(got).all()


@pytest.mark.parametrize("heads, kv_heads", [(4, 2), (6, 1), (3, 3)])
def test_attention_of_grouped_heads(heads, kv_heads):
    q, k, v = doubles(2, heads, 5, 4), doubles(2, kv_heads, 6, 4), doubles(2, kv_heads, 6, 4)
    compare_attention(q, k, v, enable_gqa=True)
    compare_attention(q, k, v, enable_gqa=True, is_causal=True)
    many = [doubles(9, heads, 5, 4), doubles(9, kv_heads, 6, 4), doubles(9, kv_heads, 6, 4)]
    compare_attention(*many, enable_gqa=True)


def test_attention_of_strided_heads():
    # As layers make them: [batch, rows, heads, width] with heads and rows exchanged.
    q, k, v = (doubles(2, n, 3, 4).detach().transpose(1, 2).requires_grad_() for n in (5, 7, 7))
    compare_attention(q, k, v)
    q, k, v = (doubles(5, n, 2, 4).detach().transpose(1, 2).requires_grad_() for n in (5, 7, 7))
    compare_attention(q, k, v, is_causal=True)
    together = doubles(2, 6, 3, 3, 4, grad=False)
    q, k, v = (together[:, :, i].transpose(1, 2).requires_grad_() for i in range(3))
    compare_attention(q, k, v)
    k, v = (doubles(1, 1, 1, n).detach().expand(2, 3, 7, n).requires_grad_() for n in (4, 5))
    compare_attention(q, k, v)


@pytest.mark.parametrize(
    "dtype, rtol", [(cnn.float32, 1e-5), (cnn.float16, 4e-3), (cnn.bfloat16, 3e-2)]
)
def test_attention_of_other_dtypes(dtype, rtol):
    q, k, v = (doubles(2, 3, n, 8).detach().to(dtype).requires_grad_() for n in (6, 9, 9))
    compare_attention(q, k, v, rtol=rtol)
    compare_attention(q, k, v, doubles(6, 9, grad=False).to(dtype), rtol=rtol)


def test_attention_with_dropout():
    q, k, v = doubles(2, 3, 6, 4), doubles(2, 3, 7, 4), doubles(2, 3, 7, 4)
    noise = (doubles(2, 3, 6, 7, grad=False) > -0.5).double() * 1.5

    def by_hand(q, k, v):
        p = (q @ k.transpose(-2, -1) / 2).softmax(-1)
        return (p * noise.to(q.device)) @ v

    on_gpu = [moved(t, "cuda") for t in (q, k, v)]
    cnn.manual_seed(7)
    out = nn.functional.scaled_dot_product_attention(*on_gpu, dropout_p=0.4)
    # The same draw, taken from attention to values that tell the weights.
    eye = cnn.eye(7, dtype=cnn.float64, device="cuda").expand(2, 3, 7, 7)
    cnn.manual_seed(7)
    weights = nn.functional.scaled_dot_product_attention(*on_gpu[:2], eye, dropout_p=0.4)
    near(out, (weights @ on_gpu[2]).detach().cpu(), "dropout", 1e-12)
    plain = (on_gpu[0] @ on_gpu[1].transpose(-2, -1) / 2).softmax(-1)
    noise = (weights / plain).detach().round(decimals=6).cpu()
    assert set(noise.flatten().tolist()) <= {0.0, round(1 / 0.6, 6)}
    ramp = cnn.arange(out.numel(), dtype=cnn.float64).reshape(out.shape)
    got = cnn.autograd.grad((out * ramp.cuda()).sum(), on_gpu)
    noise = (noise > 0).double() / 0.6
    want = cnn.autograd.grad((by_hand(q, k, v) * ramp).sum(), (q, k, v))
    for g, w in zip(got, want):
        near(g, w, "dropout gradient", 1e-10)


# Writes that meet ---------------------------------------------------------------------------------


def same_bits(call, *args):
    want = flat(call(*(moved(a, "cpu") for a in args)))
    got = flat(call(*(moved(a, "cuda") for a in args)))
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.device.type == "cuda" and g.dtype == w.dtype
        np.testing.assert_array_equal(np.array(g.tolist()), np.array(w.tolist()))


def embedding_gradient(weight, index):
    weight = weight.requires_grad_()
    loss = (nn.functional.embedding(index, weight, 3) * 1.1).sum()
    return cnn.autograd.grad(loss, weight)


@pytest.mark.parametrize("n", (1, 2, 40, 700, 2500))
def test_meeting_writes_have_the_bits_of_the_loop(n):
    x, index, y = draw(9, 5, grad=False), whole(9, n), draw(n, 5, grad=False)
    same_bits(lambda x, i, y: x.index_add(0, i, y), x, index, y)
    same_bits(lambda x, i, y: x.index_put((i,), y), x, index, y)
    same_bits(lambda x, i, y: x.index_put((i,), y, accumulate=True), x, index, y)
    same_bits(lambda x, i, y: x.index_copy(0, i, y), x, index, y)
    same_bits(lambda x, i, y: x.t().index_add(1, i, y.t()), x, index, y)
    wide = index[:, None].expand(n, 5).contiguous()
    same_bits(lambda x, i, y: x.scatter(0, i, y), x, wide, y)
    same_bits(lambda x, i, y: x.scatter_add(0, i, y), x, wide, y)
    for how in ("sum", "prod", "mean", "amax", "amin"):
        same_bits(lambda x, i, y, how=how: x.scatter_reduce(0, i, y, how), x, wide, y)
        same_bits(
            lambda x, i, y, how=how: x.index_reduce(0, i, y, "mean" if how == "sum" else how),
            x, index, y,
        )  # fmt: skip
    same_bits(embedding_gradient, x, index)
    same_bits(lambda i: cnn.bincount(i, minlength=12), index)


def test_places_of_several_indices():
    x, a, b, y = draw(4, 5, 6, grad=False), whole(4, 300), whole(6, 300), draw(300, 5, grad=False)
    same_bits(lambda x, a, b, y: x.transpose(1, 2).index_put((a, b), y, True), x, a, b, y)
    same_bits(lambda x, a, b: cnn.autograd.grad(x.requires_grad_()[a, :, b].sum(), x), x, a, b)
    same_bits(lambda x: cnn.autograd.grad(x.requires_grad_().unfold(2, 3, 1).sum(), x), x)
    same_bits(
        lambda x: cnn.autograd.grad(
            (x.requires_grad_().as_strided((4, 6, 3), (2, 1, 5)) * 1.3).sum(), x
        ),
        x,
    )


@pytest.mark.parametrize("n", (1, 31, 2048, 2049, 4500))
def test_places_of_true_elements(n):
    x = draw(n, grad=False)
    same_bits(lambda x: (x > 0.5).nonzero(), x)
    same_bits(lambda x: x[x > 0], x)
    same_bits(lambda x: x.masked_select(x > 2), x)


@pytest.mark.parametrize("n", (1, 33, 2048, 2049, 4500))
@pytest.mark.parametrize("dtype", (cnn.float32, cnn.int64, cnn.bfloat16, cnn.uint8))
def test_order(n, dtype):
    x = (draw(2, n, grad=False) * 40).round().to(dtype)
    for descending in (False, True):
        same_bits(lambda x, d=descending: x.sort(1, d), x)
        same_bits(lambda x, d=descending: x.t().sort(0, d), x)
    same_bits(lambda x: x.topk((n + 1) // 2, 1), x)
    same_bits(lambda x: x.kthvalue((n + 1) // 2, 1), x)
    same_bits(lambda x: x.median(1), x)
    same_bits(lambda x: x.mode(1), x)
    same_bits(lambda x: cnn.unique(x, return_inverse=True, return_counts=True), x)
    same_bits(lambda x: x.cummax(1), x)
    same_bits(lambda x: x.cummin(1), x)
    if not dtype.is_floating_point:
        same_bits(lambda x: x.cumsum(1), x)
        same_bits(lambda x: x.cumprod(1), x)
        return
    for call in (cnn.cumsum, cnn.logcumsumexp):
        near(call(x.cuda(), 1), call(x, 1), "scan", 1e-6 if dtype == cnn.float32 else 1e-2)
    x[:, n // 2] = float("nan")
    same_bits(lambda x: x.sort(1), x)
    same_bits(lambda x: x.median(1), x)
    same_bits(lambda x: x.cummax(1), x)
    same_bits(lambda x: x.nanmedian(1), x)
