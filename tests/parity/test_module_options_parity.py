"""Layers over combinations of their options and kinds of input, in float64, for three steps of training.

Outputs, gradients and the state are PyTorch's, with the same weights carried over by NumPy, and the
state goes back.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")


def combinations(**options):
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values))


def batch_norms(n):
    space = (4, 3, 5)[:n]
    for kw in combinations(
        affine=(True, False),
        track_running_stats=(True, False),
        eps=(1e-5, 0.1),
        momentum=(0.1, None),
        bias=(True, False),
    ):
        yield f"BatchNorm{n}d", (3,), kw, [(4, 3, *space)]
        yield f"InstanceNorm{n}d", (3,), kw, [(4, 3, *space)]
        yield f"InstanceNorm{n}d", (3,), kw, [(3, *space)]
        if n == 1:
            yield "BatchNorm1d", (3,), kw, [(4, 3)]


def row_norms():
    for kw in combinations(affine=(True, False), eps=(1e-5, 0.1)):
        for shape in ((4, 6), (4, 6, 3), (4, 6, 3, 2), (2, 6, 2, 2, 2), (6,)):
            yield "GroupNorm", (3, 6), kw, [shape]
    shapes = (((4, 6), 6), ((6,), 6), ((2, 3, 6), (3, 6)), ((2, 3, 4, 6), (4, 6)), ((0, 6), 6))
    for kw in combinations(eps=(1e-5, 0.1), elementwise_affine=(True, False)):
        for shape, size in shapes:
            yield "LayerNorm", (size,), kw, [shape]
            yield "LayerNorm", (size,), {**kw, "bias": False}, [shape]
            yield "RMSNorm", (size,), kw, [shape]


def convolutions(n):
    space = (7, 6, 5)[:n]
    for kw in combinations(
        stride=(1, 2),
        padding=(0, 1, "same"),
        dilation=(1, 2),
        groups=(1, 2),
        bias=(True, False),
        padding_mode=("zeros", "circular"),
    ):
        yield f"Conv{n}d", (4, 2, 3), kw, [(2, 4, *space)]
        if kw["groups"] == 1:
            yield f"Conv{n}d", (4, 2, 3), kw, [(4, *space)]
    for kw in combinations(
        stride=(1, 3), padding=(0, 2), output_padding=(0, 1), dilation=(1, 2), groups=(1, 2)
    ):
        yield f"ConvTranspose{n}d", (4, 2, 3), kw, [(2, 4, *space)]
        yield f"ConvTranspose{n}d", (4, 2, 3), {**kw, "bias": False}, [(4, *space)]


def pools(n):
    space = (7, 6, 5)[:n]
    for shape in ((2, 4, *space), (4, *space)):
        for kw in combinations(stride=(None, 1, 2), padding=(0, 1), ceil_mode=(False, True)):
            yield f"AvgPool{n}d", (3,), kw, [shape]
            yield f"AvgPool{n}d", (2,), {**kw, "count_include_pad": False}, [shape]
            yield f"MaxPool{n}d", (3,), {**kw, "return_indices": True}, [shape]
            yield f"MaxPool{n}d", (2,), {**kw, "dilation": 2}, [shape]
        for size in (1, 3, 7):
            yield f"AdaptiveAvgPool{n}d", (size,), {}, [shape]
            yield f"AdaptiveMaxPool{n}d", (size,), {}, [shape]


def sequences():
    for kw in combinations(
        num_layers=(1, 2),
        bias=(True, False),
        batch_first=(True, False),
        bidirectional=(True, False),
    ):
        for shape in ((4, 2, 3), (4, 3)):
            yield "GRU", (3, 4), kw, [shape]
            yield "LSTM", (3, 4), kw, [shape]
            yield "LSTM", (3, 4), {**kw, "proj_size": 2}, [shape]
            yield "RNN", (3, 4), {**kw, "nonlinearity": "relu"}, [shape]
    for kw in combinations(
        bias=(True, False), add_bias_kv=(True, False), add_zero_attn=(True, False)
    ):
        yield "MultiheadAttention", (4, 2), kw, [(3, 2, 4)] * 3
        yield "MultiheadAttention", (4, 2), kw, [(3, 4)] * 3


GROUPS = {
    **{f"batch norms {n}d": lambda n=n: batch_norms(n) for n in (1, 2, 3)},
    "row norms": row_norms,
    **{f"convolutions {n}d": lambda n=n: convolutions(n) for n in (1, 2, 3)},
    **{f"pools {n}d": lambda n=n: pools(n) for n in (1, 2, 3)},
    "sequences": sequences,
}


def tensors(value):
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in tensors(item)]
    return [] if value is None else [value]


def array(tensor):
    return None if tensor is None else tensor.detach().numpy().copy()


def train(lib, module, steps):
    """Outputs and gradients of each step, and the state after the last."""
    optimizer = lib.optim.SGD(module.parameters(), lr=0.05) if list(module.parameters()) else None
    found = []
    for arrays in steps:
        inputs = [lib.from_numpy(a.copy()).requires_grad_() for a in arrays]
        outputs = tensors(module(*inputs))
        loss = 0
        for i, y in enumerate(outputs):
            if y.requires_grad:
                ramp = lib.arange(y.numel(), dtype=lib.float64).reshape(y.shape)
                loss = loss + (y * lib.sin(ramp + i)).sum()
        loss.backward()
        found += [array(y) for y in outputs] + [array(x.grad) for x in inputs]
        found += [array(p.grad) for p in module.parameters()]
        if optimizer:
            optimizer.step()
            optimizer.zero_grad()
    return found, {key: array(value) for key, value in module.state_dict().items()}


def attempt(lib, name, args, kw):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(lib.nn, name)(*args, **kw).double()
    except Exception as e:
        return type(e).__name__


def compare(name, args, kw, shapes, training):
    where = f"{name}{args} {kw} {shapes}"
    theirs, ours = (attempt(lib, name, args, kw) for lib in (torch, cnn))
    if isinstance(theirs, str) or isinstance(ours, str):
        assert theirs == ours, where
        return
    state = theirs.state_dict()
    assert list(state) == list(ours.state_dict()), where
    ours.load_state_dict({key: cnn.from_numpy(array(value)) for key, value in state.items()})
    rng = np.random.default_rng(0)
    steps = [[rng.standard_normal(shape) for shape in shapes] for _ in range(3)]
    results = []
    for lib, module in ((torch, theirs), (cnn, ours)):
        module.train(training)
        try:
            results.append(train(lib, module, steps))
        except Exception as e:
            results.append(type(e).__name__)
    if isinstance(results[0], str) or isinstance(results[1], str):
        assert results[0] == results[1], where
        return
    (values, after), (found, state) = results
    assert list(after) == list(state), where
    for a, b in zip([*values, *after.values()], [*found, *state.values()]):
        assert (a is None) == (b is None), where
        if a is not None:
            assert a.dtype == b.dtype and a.shape == b.shape, where
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10, err_msg=where)
    theirs.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_options(group):
    for case in GROUPS[group]():
        compare(*case, training=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", [group for group in GROUPS if "norms" in group])
def test_options_outside_training(group):
    for case in GROUPS[group]():
        compare(*case, training=False)
