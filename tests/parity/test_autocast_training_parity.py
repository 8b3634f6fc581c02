"""Autocast in training, beside PyTorch's: layers, two nets, checkpoints, custom functions, and GradScaler."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

LIBS = (cnn, torch)


def dtype_name(value):
    return str(value.dtype).rpartition(".")[2]


def numbers(tensor):
    return np.array(tensor.detach().tolist(), dtype=np.float64)


def flat(value):
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in flat(item)]
    return [] if value is None else [value]


def in_both(function):
    """What `function(lib)` gives after one seed."""
    found = []
    for lib in LIBS:
        lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(function(lib))
    return found


# ---- Layers ----

LAYERS = {
    "lstm": lambda lib: (lib.nn.LSTM(3, 4, 2), (5, 2, 3)),
    "lstm, both ways": lambda lib: (lib.nn.LSTM(3, 4, bidirectional=True), (5, 2, 3)),
    "lstm, projected": lambda lib: (lib.nn.LSTM(3, 4, proj_size=2), (5, 2, 3)),
    "gru": lambda lib: (lib.nn.GRU(3, 4, 2, bidirectional=True), (5, 2, 3)),
    "rnn": lambda lib: (lib.nn.RNN(3, 4, 2), (5, 2, 3)),
    "rnn, relu": lambda lib: (lib.nn.RNN(3, 4, nonlinearity="relu"), (5, 2, 3)),
    "lstm cell": lambda lib: (lib.nn.LSTMCell(3, 4), (2, 3)),
    "gru cell": lambda lib: (lib.nn.GRUCell(3, 4), (2, 3)),
    "rnn cell": lambda lib: (lib.nn.RNNCell(3, 4), (2, 3)),
    "linear": lambda lib: (lib.nn.Linear(3, 4), (2, 3)),
    **{
        f"linear, then {name} {options}": lambda lib, name=name, options=options: (
            lib.nn.Sequential(lib.nn.Linear(3, 3), getattr(lib.nn, name)(3, 4, **options)),
            (2, 3) if "Cell" in name else (5, 2, 3),
        )
        for name, options in (
            ("LSTM", {}),
            ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
            ("GRU", {"num_layers": 2}),
            ("RNN", {"bidirectional": True}),
            ("LSTMCell", {}),
            ("GRUCell", {}),
            ("RNNCell", {}),
        )
    },
    "conv1d": lambda lib: (lib.nn.Conv1d(2, 4, 3, padding="same"), (2, 2, 9)),
    "conv2d": lambda lib: (lib.nn.Conv2d(2, 4, 3), (2, 2, 9, 9)),
    "conv3d": lambda lib: (lib.nn.Conv3d(2, 4, 3), (2, 2, 5, 5, 5)),
    "transposed": lambda lib: (lib.nn.ConvTranspose2d(2, 4, 3, stride=2), (2, 2, 5, 5)),
    # No bias or scale that a norm takes away again: the gradient of one would be noise.
    "conv and norm": lambda lib: (
        lib.nn.Sequential(lib.nn.Conv2d(2, 4, 3, bias=False), lib.nn.BatchNorm2d(4), lib.nn.ReLU()),
        (2, 2, 9, 9),
    ),
    "norms": lambda lib: (
        lib.nn.Sequential(
            lib.nn.Conv2d(2, 4, 3, bias=False),
            lib.nn.GroupNorm(2, 4, affine=False),
            lib.nn.InstanceNorm2d(4, affine=True),
        ),
        (2, 2, 9, 9),
    ),
    "layer norm": lambda lib: (
        lib.nn.Sequential(lib.nn.Linear(6, 8), lib.nn.LayerNorm(8), lib.nn.GELU()),
        (3, 6),
    ),
    "rms norm": lambda lib: (
        lib.nn.Sequential(lib.nn.Linear(6, 8), lib.nn.RMSNorm(8), lib.nn.SiLU()),
        (3, 6),
    ),
    "activations": lambda lib: (
        lib.nn.Sequential(lib.nn.PReLU(), lib.nn.Softplus(), lib.nn.Softmax(-1), lib.nn.Tanh()),
        (3, 6),
    ),
    "pools": lambda lib: (
        lib.nn.Sequential(
            lib.nn.Conv3d(1, 2, 3), lib.nn.MaxPool3d(2), lib.nn.Conv3d(2, 2, 1),
            lib.nn.AdaptiveAvgPool3d(2),
        ),
        (1, 1, 8, 8, 8),
    ),
    "pads": lambda lib: (
        lib.nn.Sequential(lib.nn.Conv2d(1, 2, 3), lib.nn.ReflectionPad2d(1)), (1, 1, 8, 8),
    ),
    "upsampling": lambda lib: (
        lib.nn.Sequential(
            lib.nn.Conv2d(1, 2, 3), lib.nn.Upsample(scale_factor=2, mode="bilinear")
        ),
        (1, 1, 8, 8),
    ),
    "encoder layer": lambda lib: (
        lib.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (2, 5, 8),
    ),
    "transformer decoder layer": lambda lib: (
        Twice(lib, lib.nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0)), (5, 2, 8),
    ),
    "attention with masks": lambda lib: (Masked(lib, lib.nn.MultiheadAttention(8, 2)), (5, 2, 8)),
    "attention with weights": lambda lib: (
        Thrice(lib, lib.nn.MultiheadAttention(8, 2)), (5, 2, 8),
    ),
}  # fmt: skip


def Twice(lib, layer):
    class Module(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, x)

    return Module()


def Thrice(lib, layer):
    class Module(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, x, x)

    return Module()


def Masked(lib, layer):
    class Module(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            mask = lib.zeros(5, 5).masked_fill(lib.ones(5, 5).triu(1).bool(), float("-inf"))
            padding = lib.zeros(2, 5)
            return [
                self.layer(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=need)
                for need in (True, False)
            ]

    return Module()


def torch_has_half_lstm():
    try:
        with torch.autocast("cpu", torch.float16):
            torch.nn.LSTM(1, 1)(torch.ones(1, 1, 1))
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("half", ("bfloat16", "float16"))
@pytest.mark.parametrize("training", (True, False))
def test_layers(name, half, training):
    fused = ("lstm", "lstm, both ways", "linear, then LSTM {}")
    if half == "float16" and name in fused and not torch_has_half_lstm():
        pytest.skip("PyTorch's library has no float16 LSTM for this processor")

    def run(lib):
        layer, shape = LAYERS[name](lib)
        layer.train(training)
        x = lib.randn(*shape, requires_grad=True)
        with lib.autocast("cpu", getattr(lib, half)):
            outputs = flat(layer(x))
        # Weighted: the plain sum of squares of what was normalized does not depend on it.
        weights = [lib.linspace(0.2, 2, y.numel()).view(y.shape) for y in outputs]
        sum((y.float().square() * w).sum() for y, w in zip(outputs, weights)).backward()
        return outputs, [x.grad, *(p.grad for p in layer.parameters())]

    (outputs, grads), (expected, expected_grads) = in_both(run)
    assert [dtype_name(y) for y in outputs] == [dtype_name(y) for y in expected]
    tolerance = 8e-2 if half == "bfloat16" else 1e-2
    for y, e in zip(outputs, expected):
        np.testing.assert_allclose(numbers(y), numbers(e), rtol=tolerance, atol=tolerance)
    for g, e in zip(grads, expected_grads):
        assert (g is None) == (e is None)
        if g is None:
            continue
        assert dtype_name(g) == dtype_name(e) == "float32"
        scale = np.abs(numbers(e)).max() + 1e-3
        np.testing.assert_allclose(numbers(g) / scale, numbers(e) / scale, atol=2 * tolerance)


@pytest.mark.parametrize("kind", ("LSTM", "GRU", "RNN"))
@pytest.mark.parametrize("given", ("float32", "bfloat16"))
def test_packed_sequences(kind, given):
    def run(lib):
        layer = getattr(lib.nn, kind)(3, 4, 2, bidirectional=True)
        x = lib.randn(5, 3, 3).to(getattr(lib, given))
        packed = lib.nn.utils.rnn.pack_padded_sequence(x, [5, 4, 2])
        with lib.autocast("cpu"):
            y, state = layer(packed)
        return [y.data, *flat(state)]

    ours, theirs = in_both(run)
    assert [dtype_name(y) for y in ours] == [dtype_name(y) for y in theirs]
    for y, e in zip(ours, theirs):
        np.testing.assert_allclose(numbers(y), numbers(e), rtol=5e-2, atol=5e-2)


# ---- Training ----


def residual_net(lib):
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outside)
            self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outside)
            self.short = None
            if stride != 1 or inside != outside:
                self.short = nn.Sequential(
                    nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
                )

        def forward(self, x):
            y = nn.functional.relu(self.bn1(self.conv1(x)))
            return nn.functional.relu(
                self.bn2(self.conv2(y)) + (self.short(x) if self.short else x)
            )

    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        Block(8, 8, 1), Block(8, 16, 2), Block(16, 32, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return net, lib.randn(16, 3, 16, 16), lib.randint(0, 10, (16,))


def encoder(lib):
    nn = lib.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 16)
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(16, 10)

        def forward(self, x):
            return self.head(self.encoder(self.embed(x)).mean(1))

    return Net(), lib.randint(0, 20, (16, 12)), lib.randint(0, 10, (16,))


def losses(lib, make, half, steps=12):
    lib.manual_seed(0)
    net, x, target = make(lib)
    optimizer = lib.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        with lib.autocast("cpu", getattr(lib, half or "bfloat16"), enabled=half is not None):
            y = net(x)
            loss = lib.nn.functional.cross_entropy(y, target)
        assert dtype_name(y) == (half or "float32") and dtype_name(loss) == "float32"
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert all(dtype_name(p) == "float32" for p in net.parameters())
    return np.array(found)


@pytest.mark.parametrize("half", ("bfloat16", "float16"))
@pytest.mark.parametrize("make", (residual_net, encoder))
def test_training_is_as_far_from_float32_as_pytorchs(make, half):
    ours, theirs = (losses(lib, make, None) for lib in LIBS)
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-3)
    ours_half, theirs_half = (losses(lib, make, half) for lib in LIBS)
    assert ours_half[-1] < ours_half[0]
    own, expected = np.abs(ours_half - ours).max(), np.abs(theirs_half - theirs).max()
    assert 0 < own < 3 * expected + 1e-3, (own, expected)


# ---- Checkpoints, functions, hooks of modules ----


@pytest.mark.parametrize("use_reentrant", (True, False))
def test_checkpoints_run_again_as_they_ran(use_reentrant):
    def run(lib):
        from importlib import import_module

        checkpoint = import_module(f"{lib.__name__}.utils.checkpoint").checkpoint
        layer, seen = lib.nn.Linear(4, 4), []
        x = lib.randn(3, 4, requires_grad=True)

        def function(x):
            y = layer(x)
            seen.append((dtype_name(y), lib.is_autocast_enabled("cpu")))
            return y.tanh()

        with lib.autocast("cpu"):
            y = checkpoint(function, x, use_reentrant=use_reentrant)
        y.float().sum().backward()
        assert not lib.is_autocast_enabled("cpu")
        return seen, layer.weight.grad

    (seen, grad), (expected, expected_grad) = in_both(run)
    assert seen == expected == [("bfloat16", True)] * 2
    np.testing.assert_allclose(numbers(grad), numbers(expected_grad), rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("cast_inputs", (None, "float32", "float16"))
@pytest.mark.parametrize("on", (True, False))
def test_custom_functions(cast_inputs, on):
    def run(lib):
        seen = []
        cast = cast_inputs and getattr(lib, cast_inputs)

        class Product(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
            def forward(ctx, a, b, names):
                ctx.save_for_backward(a, b)
                seen.append((dtype_name(a), lib.is_autocast_enabled("cpu"), names))
                return a.mm(b)

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx, grad):
                a, b = ctx.saved_tensors
                seen.append((dtype_name(grad), lib.is_autocast_enabled("cpu")))
                return grad.mm(b.t()), a.t().mm(grad), None

        a, b = (lib.randn(4, 4, requires_grad=True) for _ in range(2))
        with lib.autocast("cpu", enabled=on):
            y = Product.apply(a, b, "text")
        y.float().sum().backward()
        seen += [dtype_name(y), dtype_name(a.grad), lib.get_autocast_dtype("cpu").__repr__()]
        return seen, a.grad

    (seen, grad), (expected, expected_grad) = in_both(run)
    assert seen == expected
    np.testing.assert_allclose(numbers(grad), numbers(expected_grad), rtol=3e-2, atol=3e-2)


def test_autocast_in_backward_is_that_of_its_caller():
    def run(lib):
        seen = []

        class Identity(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, grad):
                seen.append(lib.is_autocast_enabled("cpu"))
                return grad

        x = lib.randn(3, requires_grad=True)
        with lib.autocast("cpu"):
            y = Identity.apply(x).sum()
            y.backward(retain_graph=True)
        y.backward()
        return seen

    ours, theirs = in_both(run)
    assert ours == theirs == [True, False]


# ---- GradScaler ----


def scaler_trace(lib, poison, half=False, two=False, **options):
    """States and parameters of steps in which the gradients of some are infinite or nan."""
    layer = lib.nn.Linear(3, 2)
    groups = [{"params": [layer.weight], "lr": 0.1}, {"params": [layer.bias], "lr": 0.01}]
    optimizers = [lib.optim.SGD(groups, lr=0.1, momentum=0.9)]
    other = lib.nn.Linear(2, 1)
    if two:
        optimizers.append(lib.optim.Adam(other.parameters(), lr=0.1))
    scaler = lib.amp.GradScaler("cpu", **options)
    trace = []
    for i, bad in enumerate(poison):
        x = lib.randn(4, 3)
        for optimizer in optimizers:
            optimizer.zero_grad()
        with lib.autocast("cpu", lib.float16, enabled=half):
            y = layer(x)
            loss = (other(y) if two else y).square().mean()
        scaled = scaler.scale(loss)
        scaled.backward()
        if bad is not None:
            layer.bias.grad[0] = bad
        if i % 2:
            scaler.unscale_(optimizers[0])
        results = [scaler.step(optimizer) for optimizer in optimizers]
        scaler.update()
        trace.append(
            [scaler.get_scale(), scaler.state_dict(), numbers(scaled), results,
             numbers(layer.weight), numbers(layer.bias), numbers(layer.bias.grad)]
        )  # fmt: skip
    return trace


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"init_scale": 8.0, "growth_interval": 2},
        {"init_scale": 2.0**126, "growth_interval": 1, "growth_factor": 3.0},
        {"init_scale": 3.0, "backoff_factor": 0.3, "growth_factor": 1.7, "growth_interval": 3},
        {"enabled": False},
    ],
)
@pytest.mark.parametrize("two", (False, True))
def test_scaler_number_for_number(options, two):
    poison = [None, INF, None, None, NAN, -INF, None, None, None, None]
    ours, theirs = in_both(lambda lib: scaler_trace(lib, poison, two=two, **options))
    for a, b in zip(ours, theirs):
        assert a[0] == b[0] and a[1] == b[1] and a[3] == b[3]
        for x, y in zip((a[2], *a[4:]), (b[2], *b[4:])):
            np.testing.assert_allclose(x, y, rtol=2e-6, atol=1e-7)


def test_scaler_with_float16():
    ours, theirs = in_both(lambda lib: scaler_trace(lib, [None] * 6, half=True))
    assert [a[1] for a in ours] == [b[1] for b in theirs]
    np.testing.assert_allclose(ours[-1][4], theirs[-1][4], rtol=2e-2, atol=2e-3)


def refusals(lib):
    layer = lib.nn.Linear(2, 2)
    optimizer = lib.optim.SGD(layer.parameters(), lr=0.1)

    def fresh(**options):
        scaler = lib.amp.GradScaler("cpu", **options)
        layer.zero_grad()
        scaler.scale(layer(lib.ones(1, 2)).sum()).backward()
        return scaler

    def twice_unscaled():
        scaler = fresh()
        scaler.unscale_(optimizer)
        scaler.unscale_(optimizer)

    def twice_stepped():
        scaler = fresh()
        scaler.step(optimizer)
        scaler.step(optimizer)

    def unscaled_after_step():
        scaler = fresh()
        scaler.step(optimizer)
        scaler.unscale_(optimizer)

    def without_gradients():
        scaler = fresh()
        layer.zero_grad()
        scaler.step(optimizer)

    def half_gradients():
        half = lib.nn.Linear(2, 2).half()
        half.weight.grad = lib.ones(2, 2, dtype=lib.float16)
        fresh().unscale_(lib.optim.SGD(half.parameters(), lr=0.1))

    def pickled_within():
        scaler = fresh()
        scaler.step(optimizer)
        scaler.__getstate__()

    calls = [
        twice_unscaled, twice_stepped, unscaled_after_step, without_gradients, half_gradients,
        pickled_within,
        lambda: lib.amp.GradScaler("cpu").step(optimizer),
        lambda: lib.amp.GradScaler("cpu").unscale_(optimizer),
        lambda: lib.amp.GradScaler("cpu").update(),
        lambda: fresh().update(),
        lambda: fresh().update(lib.ones(2)),
        lambda: fresh().update(lib.ones(1, requires_grad=True)),
        lambda: fresh().step(optimizer, closure=lambda: 0),
        lambda: fresh().scale(3),
        lambda: fresh().load_state_dict({}),
        lambda: lib.amp.GradScaler("cpu", growth_factor=1.0),
        lambda: lib.amp.GradScaler("cpu", backoff_factor=1.0),
    ]  # fmt: skip
    found = []
    for call in calls:
        try:
            found.append(("no error", call()))
        except Exception as error:
            found.append((type(error).__name__, str(error)))
    return found


def test_what_a_scaler_refuses():
    ours, theirs = in_both(refusals)
    assert ours == theirs
    assert all(kind != "no error" for kind, _ in ours)


def test_scaler_takes_what_pytorchs_takes():
    def run(lib):
        scaler = lib.amp.GradScaler("cpu", init_scale=4.0)
        nested = scaler.scale([lib.ones(2), (lib.ones(1), lib.full((), 3.0))])
        lazily = list(scaler.scale(lib.ones(1) for _ in range(2)))
        found = [numbers(t).tolist() for t in flat([nested, lazily])]
        scaler.update(16.0)
        found.append(scaler.get_scale())
        scaler.update(lib.full((), 32.0))
        found += [scaler.get_scale(), scaler.state_dict(), type(nested).__name__]
        other = lib.amp.GradScaler("cpu")
        other.load_state_dict({**scaler.state_dict(), "_growth_tracker": 5})
        found += [other.get_scale(), other._get_growth_tracker(), other.state_dict()]
        for name in ("growth_factor", "backoff_factor", "growth_interval"):
            getattr(other, f"set_{name}")(7)
            found.append(getattr(other, f"get_{name}")())
        off = lib.amp.GradScaler("cpu", enabled=False)
        one = lib.ones(1)
        found += [off.scale(one) is one, off.state_dict(), off.get_scale(), off.is_enabled()]
        off.load_state_dict({})
        off.update()
        return found

    ours, theirs = in_both(run)
    assert ours == theirs


def test_optimizers_that_unscale_themselves():
    def run(lib):
        class Own(lib.optim.SGD):
            _step_supports_amp_scaling = True

            def step(self):
                seen.append((self.grad_scale.item(), self.found_inf.item()))

        class Old(lib.optim.SGD):
            _step_supports_amp_scaling = True

            def step(self, grad_scaler=None):
                seen.append(grad_scaler.get_scale())

        seen = []
        layer = lib.nn.Linear(2, 2)
        for kind in (Own, Old):
            optimizer = kind(layer.parameters(), lr=0.1)
            scaler = lib.amp.GradScaler("cpu", init_scale=4.0)
            scaler.scale(layer(lib.ones(1, 2)).sum()).backward()
            scaler.step(optimizer)
            if kind is Own:
                scaler.update()
                seen.append([scaler.get_scale(), hasattr(optimizer, "found_inf")])
        return seen

    ours, theirs = in_both(run)
    assert ours == theirs
