"""Recurrent networks, attention and transformers against PyTorch's."""

from __future__ import annotations

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")

from module_parity import LIBS, both, close, compare_modules, draw, error_of, flat, values  # noqa: E402

import cnn  # noqa: E402

# Recurrent networks ------------------------------------------------------------------------------

NETWORKS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 2, "bias": False, "bidirectional": True, "num_layers": 2}),
    ("GRU", {}),
    ("GRU", {"bias": False}),
]
OPTIONS = [
    {},
    {"num_layers": 2, "dropout": 0.4},
    {"bidirectional": True, "num_layers": 2, "dropout": 0.3, "batch_first": True},
]


def states_for(lib, name, module, batch):
    count = module.num_layers * (2 if module.bidirectional else 1)
    size = (count, *batch)
    h = draw(lib, *size, module.proj_size or module.hidden_size)
    return (h, draw(lib, *size, module.hidden_size)) if name == "LSTM" else h


@pytest.mark.parametrize("name, kwargs", NETWORKS)
@pytest.mark.parametrize("more", OPTIONS)
@pytest.mark.parametrize("form", ["batch", "states", "single", "packed", "unsorted"])
def test_network(name, kwargs, more, form):
    def make(lib):
        return getattr(lib.nn, name)(3, 4, **{**more, **kwargs})

    def call(lib, module):
        rnn = lib.nn.utils.rnn
        if form == "single":
            x, hx = draw(lib, 5, 3), states_for(lib, name, module, ())
            return module(x, hx), [x, *flat(hx)]
        x = draw(lib, 3, 5, 3) if module.batch_first else draw(lib, 5, 3, 3)
        if form == "batch":
            return module(x), [x]
        hx = states_for(lib, name, module, (3,))
        if form == "states":
            return module(x, hx), [x, *flat(hx)]
        lengths = [5, 3, 1] if form == "packed" else lib.tensor([2, 5, 4])
        packed = rnn.pack_padded_sequence(
            x, lengths, batch_first=module.batch_first, enforce_sorted=form == "packed"
        )
        output, last = module(packed, hx)
        assert isinstance(output, rnn.PackedSequence)
        padded = rnn.pad_packed_sequence(output, batch_first=module.batch_first)
        return (output, last, padded), [x, *flat(hx)]

    module = compare_modules(make, call)
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        cnn.manual_seed(5)
        first = flat(call(cnn, copied)[0])
        cnn.manual_seed(5)
        for a, b in zip(first, flat(call(cnn, module)[0])):
            assert values(a).tolist() == values(b).tolist()
        weights = [id(w) for w in copied._flat_weights]
        assert weights == [id(p) for p in copied.parameters()]


def test_networks_follow_their_parameters():
    layer = cnn.nn.LSTM(2, 3)
    x = cnn.ones(4, 1, 2)
    before = layer(x)[0]
    layer.weight_ih_l0 = cnn.nn.Parameter(cnn.zeros(12, 2))
    assert layer._flat_weights[0] is layer.weight_ih_l0
    assert not cnn.equal(layer(x)[0], before)
    assert layer.double()(x.double())[0].dtype == cnn.float64
    assert layer.all_weights[0][0] is layer.weight_ih_l0
    layer.flatten_parameters()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cell(name, bias):
    def call(lib, module):
        x, one = draw(lib, 2, 3), draw(lib, 3)
        hx = draw(lib, 2, 4)
        hx = (hx, draw(lib, 2, 4)) if name == "LSTMCell" else hx
        return (module(x), module(x, hx), module(one)), [x, one, *flat(hx)]

    compare_modules(lambda lib: getattr(lib.nn, name)(3, 4, bias=bias), call)


def test_relu_cell():
    compare_modules(
        lambda lib: lib.nn.RNNCell(3, 4, nonlinearity="relu"),
        lambda lib, module: (module(draw(lib, 2, 3)), []),
    )


# Padding and packing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda r, a, b: r.pad_sequence([a, b]),
        lambda r, a, b: r.pad_sequence([a, b], batch_first=True, padding_value=-1.5),
        lambda r, a, b: r.pad_sequence([b, a], padding_side="left"),
        lambda r, a, b: r.pack_sequence([a, b]),
        lambda r, a, b: r.pack_sequence([b, a], enforce_sorted=False),
        lambda r, a, b: r.unpack_sequence(r.pack_sequence([b, a], enforce_sorted=False)),
        lambda r, a, b: r.pad_packed_sequence(r.pack_sequence([a, b]), True, 7.0, 6),
        lambda r, a, b: r.pack_sequence([a, b]).to(a.dtype),
        lambda r, a, b: r.pack_sequence([a, b]).double(),
        lambda r, a, b: r.invert_permutation(r.pack_sequence([b, a], False).sorted_indices),
    ],
)
def test_sequences(call):
    ours, theirs = both(lambda lib: flat(call(lib.nn.utils.rnn, draw(lib, 4, 3), draw(lib, 2, 3))))
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs)):
        close(a, b, f"result {i}")


# Attention ---------------------------------------------------------------------------------------


def causal(lib, n=5):
    return lib.nn.Transformer.generate_square_subsequent_mask(n)


def hidden(lib, rows):
    return lib.tensor(rows)


PADDING = [[False] * 5, [False, False, False, True, True]]
ATTENTION = {
    "plain": lambda lib: {},
    "no weights": lambda lib: {"need_weights": False},
    "all weights": lambda lib: {"average_attn_weights": False},
    "padding": lambda lib: {"key_padding_mask": hidden(lib, PADDING)},
    "padding alone": lambda lib: {
        "key_padding_mask": hidden(lib, PADDING),
        "need_weights": False,
    },
    "float": lambda lib: {"attn_mask": draw(lib, 5, 5, grad=False)},
    "heads": lambda lib: {"attn_mask": draw(lib, 4, 5, 5, grad=False), "need_weights": False},
    "bool": lambda lib: {"attn_mask": causal(lib) != 0},
    "causal": lambda lib: {"attn_mask": causal(lib), "is_causal": True, "need_weights": False},
    "causal and padding": lambda lib: {
        "attn_mask": causal(lib),
        "is_causal": True,
        "need_weights": False,
        "key_padding_mask": hidden(lib, PADDING),
    },
}
MODULES = [
    {},
    {"bias": False},
    {"dropout": 0.3},
    {"add_bias_kv": True, "add_zero_attn": True},
    {"batch_first": True},
    {"kdim": 3, "vdim": 2},
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kwargs", MODULES, ids=str)
@pytest.mark.parametrize("masks", ATTENTION)
def test_multihead_attention(kwargs, masks, training):
    def shape(lib, width):
        return draw(lib, 2, 5, width) if kwargs.get("batch_first") else draw(lib, 5, 2, width)

    def call(lib, module):
        q = shape(lib, 8)
        k, v = shape(lib, module.kdim), shape(lib, module.vdim)
        outputs = [module(q, k, v, **ATTENTION[masks](lib))]
        if module._qkv_same_embed_dim:
            outputs += [
                module(x, *rest, **ATTENTION[masks](lib)) for x, *rest in [(q, q, q), (q, k, k)]
            ]
        return outputs, [q, k, v]

    compare_modules(lambda lib: lib.nn.MultiheadAttention(8, 2, **kwargs), call, training)


def test_multihead_attention_without_a_batch():
    def call(lib, module):
        x = draw(lib, 5, 8)
        mask = hidden(lib, PADDING[1])
        return (module(x, x, x), module(x, x, x, key_padding_mask=mask)), [x]

    compare_modules(lambda lib: lib.nn.MultiheadAttention(8, 2), call)


@pytest.mark.parametrize("dropout_p", [0.0, 0.4])
@pytest.mark.parametrize("mask", [None, "bool", "float", "causal"])
def test_scaled_dot_product_attention(mask, dropout_p):
    def call(lib, _):
        q, k, v = (draw(lib, 2, 3, n, 4) for n in (5, 6, 6))
        given = {}
        if mask == "bool":
            given["attn_mask"] = draw(lib, 5, 6, grad=False) > -0.5
        elif mask == "float":
            given["attn_mask"] = draw(lib, 2, 1, 5, 6, grad=False)
        elif mask == "causal":
            given["is_causal"] = True
        f = lib.nn.functional.scaled_dot_product_attention
        turned = q.transpose(1, 2)
        outputs = [f(q, k, v, dropout_p=dropout_p, **given), f(turned, turned, turned)]
        return outputs, [q, k, v]

    compare_modules(lambda lib: lib.nn.Identity(), call)


# Transformers ------------------------------------------------------------------------------------

LAYERS = [
    {},
    {"dropout": 0.0, "norm_first": True},
    {"activation": "gelu", "bias": False},
    {"batch_first": True, "layer_norm_eps": 1e-3},
]


def layer(lib, kind, **kwargs):
    if callable(kwargs.get("activation")):
        kwargs["activation"] = kwargs["activation"](lib)
    return getattr(lib.nn, f"Transformer{kind}Layer")(8, 2, 16, **kwargs)


def batch_of(lib, kwargs, length=5):
    return draw(lib, 2, length, 8) if kwargs.get("batch_first") else draw(lib, length, 2, 8)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kwargs", [*LAYERS, {"activation": lambda lib: lib.nn.SiLU()}])
def test_encoder_layer(kwargs, training):
    def call(lib, module):
        x = batch_of(lib, kwargs)
        mask, padding = causal(lib), hidden(lib, PADDING)
        return (
            module(x),
            module(x, mask, is_causal=True),
            module(x, mask, padding.float().masked_fill(padding, -1e9)),
            module(x, src_key_padding_mask=padding),
        ), [x]

    module = compare_modules(lambda lib: layer(lib, "Encoder", **kwargs), call, training)
    x = batch_of(cnn, kwargs)
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert cnn.equal(copied.eval()(x), module.eval()(x))


@pytest.mark.parametrize("kwargs", LAYERS)
def test_decoder_layer(kwargs):
    def call(lib, module):
        x, memory = batch_of(lib, kwargs), batch_of(lib, kwargs, 4)
        padding = hidden(lib, [row[:4] for row in PADDING])
        return (
            module(x, memory),
            module(x, memory, tgt_mask=causal(lib), tgt_is_causal=True),
            module(x, memory, memory_key_padding_mask=padding),
        ), [x, memory]

    compare_modules(lambda lib: layer(lib, "Decoder", **kwargs), call)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("kwargs", LAYERS)
def test_encoder(kwargs, nested, grad):
    def make(lib):
        norm = lib.nn.LayerNorm(8)
        one = layer(lib, "Encoder", **kwargs)
        return lib.nn.TransformerEncoder(one, 2, norm, enable_nested_tensor=nested)

    def call(lib, module):
        x = batch_of(lib, kwargs)
        with lib.set_grad_enabled(grad):
            return (
                module(x),
                module(x, causal(lib)),
                module(x, src_key_padding_mask=hidden(lib, PADDING)),
            ), [x]

    compare_modules(make, call, training=grad)


@pytest.mark.parametrize("kwargs", LAYERS)
def test_transformer(kwargs):
    def call(lib, module):
        src, tgt = batch_of(lib, kwargs), batch_of(lib, kwargs, 4)
        return (module(src, tgt), module(src, tgt, tgt_mask=causal(lib, 4))), [src, tgt]

    compare_modules(lambda lib: lib.nn.Transformer(8, 2, 2, 2, 16, **kwargs), call)


def test_subsequent_mask():
    close(causal(cnn), causal(torch), "mask")


def test_warning_of_nested_tensors():
    texts = []
    for lib in LIBS:
        with pytest.warns(UserWarning, match="enable_nested_tensor") as found:
            lib.nn.TransformerEncoder(lib.nn.TransformerEncoderLayer(8, 2, 16), 1)
        texts.append(str(found[0].message))
    assert texts[0] == texts[1]


# Errors ------------------------------------------------------------------------------------------


def ones(lib, *shape):
    return lib.ones(*shape)


ERRORS = [
    lambda lib: lib.nn.LSTM(3, 4, dropout=2.0),
    lambda lib: lib.nn.LSTM(3, 4, dropout=True),
    lambda lib: lib.nn.LSTM(3, 4, bias=1),
    lambda lib: lib.nn.LSTM(3.0, 4),
    lambda lib: lib.nn.LSTM(0, 4),
    lambda lib: lib.nn.LSTM(3, 4, 0),
    lambda lib: lib.nn.LSTM(3, 4, proj_size=4),
    lambda lib: lib.nn.LSTM(3, 4, proj_size=-1),
    lambda lib: lib.nn.GRU(3, 4, proj_size=1),
    lambda lib: lib.nn.RNN(3, 4, nonlinearity="elu"),
    lambda lib: lib.nn.RNNBase("ELMAN", 3, 4),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2)),
    lambda lib: lib.nn.RNN(3, 4)(ones(lib, 2)),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2, 1, 5)),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2, 1, 3).double()),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 0, 1, 3)),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2, 1, 3), (ones(lib, 1, 2, 4), ones(lib, 1, 1, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2, 1, 3), (ones(lib, 1, 4), ones(lib, 1, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(ones(lib, 2, 3), (ones(lib, 1, 1, 4), ones(lib, 1, 1, 4))),
    lambda lib: lib.nn.GRU(3, 4)(ones(lib, 2, 1, 3), ones(lib, 1, 4)),
    lambda lib: lib.nn.GRU(3, 4)(ones(lib, 2, 3), ones(lib, 1, 1, 4)),
    lambda lib: lib.nn.GRU(3, 4)(ones(lib, 2, 1, 3), ones(lib, 2, 1, 4)),
    lambda lib: lib.nn.LSTMCell(3, 4)(ones(lib, 1, 1, 3)),
    lambda lib: lib.nn.GRUCell(3, 4)(ones(lib, 1, 3), ones(lib, 1, 1, 4)),
    lambda lib: lib.nn.GRUCell(3, 4)(ones(lib, 1, 3), ones(lib, 1, 5)),
    lambda lib: lib.nn.GRUCell(3, 4)(ones(lib, 1, 2), ones(lib, 1, 4)),
    lambda lib: lib.nn.RNNCell(3, 4, nonlinearity="elu")(ones(lib, 1, 3)),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(ones(lib, 3, 2), [1, 2]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(ones(lib, 3, 2), [2, 0]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(ones(lib, 3, 2), [2]),
    lambda lib: lib.nn.utils.rnn.pack_padded_sequence(ones(lib, 0, 2), [2, 1]),
    lambda lib: lib.nn.utils.rnn.pad_sequence([]),
    lambda lib: lib.nn.utils.rnn.pad_sequence([ones(lib, 2)], padding_side="top"),
    lambda lib: lib.nn.utils.rnn.pad_packed_sequence(
        lib.nn.utils.rnn.pack_sequence([ones(lib, 3)]), total_length=2
    ),
    lambda lib: lib.nn.MultiheadAttention(8, 3),
    lambda lib: lib.nn.MultiheadAttention(0, 3),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 8)] * 3),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(ones(lib, 3, 8), *[ones(lib, 3, 1, 8)] * 2),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 6)] * 3),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 8)] * 3, is_causal=True),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 8)] * 3, attn_mask=ones(lib, 2, 3)),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 8)] * 3, attn_mask=ones(lib, 2, 3, 4)),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 8)] * 3, attn_mask=ones(lib, 3, 3).long()),
    lambda lib: lib.nn.MultiheadAttention(8, 2)(*[ones(lib, 3, 1, 8)] * 3, key_padding_mask=ones(lib, 3, 3)),
    lambda lib: lib.nn.TransformerEncoderLayer(8, 2, activation="elu"),
    lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(ones(lib, 3, 2, 8), ones(lib, 3, 1, 8)),
    lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(ones(lib, 3, 2, 8), ones(lib, 3, 2, 7)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", ERRORS)
def test_error(call):
    assert error_of(lambda: call(cnn)) == error_of(lambda: call(torch))
