"""Layers against PyTorch's: printed form, state dict, seeded weights, forward and backward."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402
from module_cases import (  # noqa: E402
    LAYERS,
    LOSSES,
    labels,
    make,
    probabilities,
    row_id,
)


def tensors(lib, arrays):
    out = []
    for i, array in enumerate(arrays):
        tensor = lib.tensor(array.tolist(), dtype=getattr(lib, str(array.dtype)))
        # Losses have no gradient for their targets; one input shows the rest.
        if i == 0 and array.dtype == np.float32:
            tensor.requires_grad_()
        out.append(tensor)
    return out


def as_list(value):
    return list(value) if isinstance(value, tuple) else [value]


def values(tensor):
    return np.array(tensor.detach().tolist())


def close(ours, theirs, where, tolerance=1e-5):
    assert tuple(ours.shape) == tuple(theirs.shape), where
    assert str(ours.dtype) == str(theirs.dtype), where
    np.testing.assert_allclose(
        values(ours), values(theirs), rtol=tolerance, atol=tolerance, err_msg=where
    )


def run(lib, module, arrays):
    """Outputs, gradient of the first input and of each parameter, after one seeded forward."""
    inputs = tensors(lib, arrays)
    lib.manual_seed(11)
    outputs = as_list(module(*inputs))
    result = outputs[0]
    if result.requires_grad:
        weights = lib.arange(result.numel(), dtype=lib.float32).reshape(result.shape) * 0.01 + 0.5
        (result * weights).sum().backward()
    grads = [inputs[0].grad] + [param.grad for param in module.parameters()]
    return outputs, grads


def compare(name, args, kwargs, specs, training):
    rng = np.random.default_rng(0)
    arrays = [make(rng, spec) for spec in specs]
    built = []
    for lib in (cnn, torch):
        lib.manual_seed(3)
        built.append(getattr(lib.nn, name)(*args, **kwargs).train(training))
    ours, theirs = built
    assert repr(ours) == repr(theirs)
    # The same attributes, so that whole modules pickled there work here and the other way round.
    assert set(vars(ours)) == set(vars(theirs))
    runs = [run(lib, module, arrays) for lib, module in ((cnn, ours), (torch, theirs))]
    assert repr(ours) == repr(theirs)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    assert dict(state._metadata) == dict(expected._metadata)
    for key in state:
        close(state[key], expected[key], f"state {key}")
    (out, grads), (out_expected, grads_expected) = runs
    assert len(out) == len(out_expected)
    for i, (a, b) in enumerate(zip(out, out_expected)):
        close(a, b, f"output {i}")
    for i, (a, b) in enumerate(zip(grads, grads_expected)):
        assert (a is None) == (b is None), f"gradient {i}"
        if a is not None:
            close(a, b, f"gradient {i}", 1e-4)
    return ours, arrays


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("row", LAYERS, ids=row_id)
def test_layer(row, training):
    module, arrays = compare(*row, training)
    for copied in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(copied) is type(module)
        assert repr(copied) == repr(module)
        first, again = run(cnn, copied, arrays)[0][0], run(cnn, copy.deepcopy(module), arrays)[0][0]
        assert values(first).tolist() == values(again).tolist()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("row", LOSSES, ids=row_id)
def test_loss(row, reduction):
    name, kwargs, specs = row
    compare(name, (), {**kwargs, "reduction": reduction}, specs, True)


def test_class_weights():
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, 3).astype(np.float32)
    cases = [
        ("NLLLoss", {"weight": weight}, [(6, 3), labels(6)]),
        ("CrossEntropyLoss", {"weight": weight, "label_smoothing": 0.2}, [(6, 3), labels(6)]),
        ("MultiMarginLoss", {"weight": weight}, [(6, 3), labels(6)]),
        ("BCELoss", {"weight": weight}, [probabilities(4, 3), probabilities(4, 3)]),
        ("BCEWithLogitsLoss", {"pos_weight": weight}, [(4, 3), probabilities(4, 3)]),
        ("MultiLabelSoftMarginLoss", {"weight": weight}, [(4, 3), probabilities(4, 3)]),
    ]
    for name, kwargs, specs in cases:
        arrays = [make(rng, spec) for spec in specs]
        results = []
        for lib in (cnn, torch):
            given = {
                key: lib.tensor(value.tolist()) if isinstance(value, np.ndarray) else value
                for key, value in kwargs.items()
            }
            module = getattr(lib.nn, name)(**given)
            results.append((run(lib, module, arrays), list(module.state_dict())))
        (ours, keys), (theirs, expected) = results
        assert keys == expected
        close(ours[0][0], theirs[0][0], name)
        close(ours[1][0], theirs[1][0], name, 1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda nn, t: nn.init.uniform_(t, -2, 3),
        lambda nn, t: nn.init.normal_(t, 1, 2),
        lambda nn, t: nn.init.trunc_normal_(t),
        lambda nn, t: nn.init.trunc_normal_(t, 0.0, 1.0, 0.5, 0.9),
        lambda nn, t: nn.init.constant_(t, 0.3),
        lambda nn, t: nn.init.ones_(t),
        lambda nn, t: nn.init.zeros_(t),
        lambda nn, t: nn.init.eye_(t),
        lambda nn, t: nn.init.xavier_uniform_(t, gain=2),
        lambda nn, t: nn.init.xavier_normal_(t),
        lambda nn, t: nn.init.kaiming_uniform_(t, nonlinearity="relu"),
        lambda nn, t: nn.init.kaiming_normal_(t, mode="fan_out", a=0.1),
        lambda nn, t: nn.init.orthogonal_(t, 0.5),
        lambda nn, t: nn.init.orthogonal_(t.data.t()),
        lambda nn, t: nn.init.sparse_(t, 0.3),
        lambda nn, t: nn.init.dirac_(t.data.view(4, 2, 3)),
        lambda nn, t: nn.init.dirac_(t.data.view(4, 2, 3), 2),
    ],
)
def test_init(call):
    results = []
    for lib in (cnn, torch):
        param = lib.nn.Parameter(lib.zeros(6, 4))
        lib.manual_seed(5)
        assert call(lib.nn, param).shape is not None
        results.append(param)
    close(*results, "init")


def test_gains():
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert cnn.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert cnn.nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain(
        "leaky_relu", 0.3
    )


def error_of(function):
    with pytest.raises(Exception) as info:
        function()
    text = str(info.value)
    for ours, theirs in (("cnn.", ""), ("torch.", "")):
        text = text.replace(ours, theirs)
    return type(info.value).__name__, text


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2),
        lambda lib: lib.nn.Conv2d(4, 3, 3, groups=2),
        lambda lib: lib.nn.Conv2d(4, 3, 3, groups=0),
        lambda lib: lib.nn.Conv2d(4, 3, 3, stride=2, padding="same"),
        lambda lib: lib.nn.ConvTranspose2d(4, 3, 3, padding_mode="reflect"),
        lambda lib: lib.nn.ConvTranspose2d(1, 1, 3)(lib.ones(1, 1, 4, 4), output_size=(9, 9)),
        lambda lib: lib.nn.LazyConv2d(4, 3)(lib.ones(3, 3)),
        lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(1, 3)),
        lambda lib: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)),
        lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(2, 3, 4, 5)),
        lambda lib: lib.nn.InstanceNorm1d(3, affine=True)(lib.ones(2, 4, 5)),
        lambda lib: lib.nn.GroupNorm(2, 3),
        lambda lib: lib.nn.Dropout(1.5),
        lambda lib: lib.nn.functional.dropout1d(lib.ones(3)),
        lambda lib: lib.nn.Embedding(3, 4, padding_idx=3),
        lambda lib: lib.nn.Embedding(3, 4, _weight=lib.ones(4, 4)),
        lambda lib: lib.nn.Unflatten(1, 3),
        lambda lib: lib.nn.Unflatten(1, (3, "a")),
        lambda lib: lib.nn.Hardtanh(1.0, -1.0),
        lambda lib: lib.nn.HuberLoss(delta="a"),
        lambda lib: lib.nn.L1Loss(reduction="median")(lib.ones(2), lib.ones(2)),
        lambda lib: lib.nn.BCELoss()(lib.ones(2), lib.ones(3)),
        lambda lib: lib.nn.BCEWithLogitsLoss()(lib.ones(2), lib.ones(3)),
        lambda lib: lib.nn.MultiMarginLoss(p=3),
        lambda lib: lib.nn.TripletMarginLoss(margin=0)(*[lib.ones(2, 2)] * 3),
        lambda lib: lib.nn.MarginRankingLoss()(lib.ones(2), lib.ones(2), lib.ones(2, 2)),
        lambda lib: lib.nn.functional.one_hot(lib.ones(2)),
        lambda lib: lib.nn.functional.one_hot(lib.tensor([3]), 2),
        lambda lib: lib.nn.functional.interpolate(lib.ones(1, 1, 4), mode="bilinear", size=3),
        lambda lib: lib.nn.functional.interpolate(lib.ones(1, 1, 4)),
        lambda lib: lib.nn.functional.interpolate(lib.ones(1, 1, 4), size=(2, 2)),
        lambda lib: lib.nn.functional.pixel_shuffle(lib.ones(3, 2, 2), 2),
        lambda lib: lib.nn.init.eye_(lib.ones(3)),
        lambda lib: lib.nn.init.calculate_gain("cubic"),
        lambda lib: lib.nn.init.kaiming_uniform_(lib.ones(3)),
        lambda lib: lib.nn.Sequential()[0],
        lambda lib: lib.nn.ModuleList([lib.nn.ReLU()])[1],
        lambda lib: lib.nn.Sequential() + 3,
        lambda lib: lib.nn.Sequential(lib.nn.ReLU()) * 0,
        lambda lib: lib.nn.ModuleDict([("a", lib.nn.ReLU(), 3)]),
        lambda lib: lib.nn.ParameterDict({3: lib.ones(2)}),
        lambda lib: lib.nn.Linear(2, 3, foo=1),
        lambda lib: lib.nn.Sigmoid(1),
        lambda lib: lib.nn.Sigmoid(a=1),
        lambda lib: lib.nn.Module()(1),
        lambda lib: lib.nn.Linear(2, 3).register_parameter("weight", lib.ones(2)),
        lambda lib: lib.nn.Linear(2, 3).register_parameter("in_features", None),
        lambda lib: lib.nn.Linear(2, 3).register_buffer("a.b", None),
        lambda lib: lib.nn.Linear(2, 3).register_buffer("", None),
        lambda lib: lib.nn.Linear(2, 3).register_buffer("x", 3),
        lambda lib: lib.nn.Linear(2, 3).add_module("x", 3),
        lambda lib: lib.nn.Linear(2, 3).add_module("a.b", lib.nn.ReLU()),
        lambda lib: setattr(lib.nn.Linear(2, 3), "weight", lib.ones(2)),
        lambda lib: setattr(lib.nn.Sequential(lib.nn.ReLU()), "0", "relu"),
        lambda lib: setattr(lib.nn.BatchNorm1d(3), "running_mean", 3),
        lambda lib: lib.nn.Linear(2, 3).missing,
        lambda lib: lib.nn.Linear(2, 3).to(lib.int64),
        lambda lib: lib.nn.Linear(2, 3).train("yes"),
        lambda lib: lib.nn.Linear(2, 3).get_submodule("a"),
        lambda lib: lib.nn.Linear(2, 3).get_parameter("in_features"),
        lambda lib: lib.nn.BatchNorm1d(2).get_buffer("weight"),
        lambda lib: lib.nn.Linear(2, 3).load_state_dict(
            {"weight": lib.ones(3, 3), "x": lib.ones(1)}
        ),
        lambda lib: lib.nn.Linear(2, 3).load_state_dict({"weight": 3, "bias": lib.ones(3)}),
        lambda lib: lib.nn.Linear(2, 3).load_state_dict([1]),
        lambda lib: lib.nn.LazyLinear(2).weight.shape,
        lambda lib: lib.nn.Linear(2, 3, device="meta").to("cpu"),
        lambda lib: lib.nn.utils.skip_init(lib.nn.ReLU),
        lambda lib: lib.nn.utils.skip_init(int),
    ],
)
def test_error(call):
    assert error_of(lambda: call(cnn)) == error_of(lambda: call(torch))


def test_functional_signatures():
    """What is not a core op takes its arguments by PyTorch's names, in PyTorch's order."""
    import inspect

    for name in dir(torch.nn.functional):
        ours = vars(cnn.nn.functional).get(name)
        if name[0] == "_" or not inspect.isfunction(ours):
            continue
        try:
            theirs = inspect.signature(getattr(torch.nn.functional, name))
        except ValueError:  # a builtin without a signature
            continue
        if list(theirs.parameters) == ["args", "kwargs"]:
            continue
        mine = inspect.signature(ours)
        assert list(mine.parameters) == list(theirs.parameters), name
        for key, parameter in theirs.parameters.items():
            assert mine.parameters[key].default == parameter.default, f"{name}({key})"


def defaults(parameters):
    """The defaults of parameters; functions, of which each library has its own, by name."""
    values = [parameter.default for parameter in parameters.values()]
    return [value.__name__ if callable(value) else value for value in values]


def test_class_signatures():
    import inspect

    for name in cnn.nn.__all__:
        ours, theirs = getattr(cnn.nn, name), getattr(torch.nn, name)
        if not isinstance(ours, type) or not issubclass(ours, cnn.nn.Module):
            continue
        mine = inspect.signature(ours.__init__).parameters
        expected = inspect.signature(theirs.__init__).parameters
        if name != "NLLLoss2d":  # takes what NLLLoss takes
            assert list(mine) == list(expected), name
            assert defaults(mine) == defaults(expected), name
