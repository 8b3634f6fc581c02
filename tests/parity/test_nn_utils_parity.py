"""Normalized and parametrized weights against PyTorch's: values over training steps, state dicts,
printed form, errors.
"""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest

torch = pytest.importorskip("torch")

from case_parity import attempt, part, ramp, run_in_both, same, steps  # noqa: E402

import cnn  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


# Weight and spectral norm ---------------------------------------------------------------------------


@case
def weight_norm(lib):
    layer = lib.nn.utils.weight_norm(lib.nn.Linear(3, 4))
    found = [repr(layer), layer.state_dict(), steps(lib, layer, ramp(lib, 2, 3))]
    lib.nn.utils.remove_weight_norm(layer)
    return [*found, layer.state_dict(), layer.weight, type(layer.weight).__name__]


@case
def weight_norm_along_each_dimension(lib):
    dims = (None, 0, 1, 2, -1, -2)
    layers = [lib.nn.utils.weight_norm(lib.nn.Conv1d(3, 4, 2), dim=dim) for dim in dims]
    bias = lib.nn.utils.weight_norm(lib.nn.Linear(3, 4), "bias")
    return [layer.state_dict() for layer in (*layers, bias)]


@case
def weight_norm_errors(lib):
    utils = lib.nn.utils
    twice = utils.weight_norm(lib.nn.Linear(3, 4))
    return [
        attempt(lambda: utils.weight_norm(lib.nn.Linear(3, 4), dim=2))[0],
        attempt(lambda: utils.weight_norm(lib.nn.LazyLinear(3))),
        attempt(lambda: utils.weight_norm(twice)),
        attempt(lambda: utils.remove_weight_norm(lib.nn.Linear(3, 2))),
    ]


@case
def spectral_norm(lib):
    layer = lib.nn.utils.spectral_norm(lib.nn.Conv2d(3, 4, 2))
    x = ramp(lib, 1, 3, 4, 4)
    found = [steps(lib, layer, x), layer.state_dict(), dict(layer.state_dict()._metadata)]
    found.append(layer.eval()(x))
    lib.nn.utils.remove_spectral_norm(layer)
    return [*found, layer.state_dict(), layer(x), len(layer._state_dict_hooks), repr(layer)]


@case
def spectral_norm_of_a_transposed_convolution(lib):
    layer = lib.nn.utils.spectral_norm(lib.nn.ConvTranspose1d(3, 4, 2), n_power_iterations=3)
    return [layer(ramp(lib, 1, 3, 5)), layer.state_dict()]


@case
def spectral_norm_loads_the_state_before_version_1(lib):
    old = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4))
    old(ramp(lib, 1, 3))
    state = dict(old.state_dict())
    del state["weight_v"]
    state["weight"] = old.weight.detach()
    layer = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 4))
    layer.load_state_dict(state)
    return [layer.state_dict(), layer.eval()(ramp(lib, 1, 3))]


@case
def spectral_norm_errors(lib):
    utils = lib.nn.utils
    layer = utils.spectral_norm(lib.nn.Linear(3, 4))
    return [
        attempt(lambda: utils.spectral_norm(lib.nn.Linear(3, 4), n_power_iterations=0)),
        attempt(lambda: utils.spectral_norm(layer, "weight")),
        attempt(lambda: utils.spectral_norm(lib.nn.Linear(3, 4, bias=False), "bias")),
        attempt(lambda: utils.spectral_norm(lib.nn.LazyLinear(4))),
        attempt(lambda: utils.remove_spectral_norm(lib.nn.Linear(3, 4))),
        attempt(lambda: layer.load_state_dict({"bias": lib.ones(4)})),
    ]


# Parametrizations -----------------------------------------------------------------------------------


@case
def parametrized_weight_norm(lib):
    layer = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 4))
    x = ramp(lib, 2, 3)
    names = [name for name, _ in layer.named_parameters()]
    found = [repr(layer), names, steps(lib, layer, x), layer.state_dict(), type(layer).__name__]
    layer.load_state_dict(lib.nn.utils.weight_norm(lib.nn.Linear(3, 4)).state_dict())
    found.append(layer(x))
    layer.weight = lib.ones(4, 3)
    found += [layer.weight, layer.state_dict()]
    replica = copy.deepcopy(layer)
    found += [replica(x), type(replica) is type(layer)]
    part(lib, "parametrize").remove_parametrizations(layer, "weight")
    return [*found, repr(layer), layer.state_dict(), type(layer).__name__]


@case
def parametrized_spectral_norm(lib):
    spectral = lib.nn.utils.parametrizations.spectral_norm
    found = []
    for layer, x in (
        (lib.nn.Linear(3, 4), ramp(lib, 2, 3)),
        (lib.nn.ConvTranspose2d(3, 4, 2), ramp(lib, 1, 3, 4, 4)),
    ):
        spectral(layer)
        found += [repr(layer), steps(lib, layer, x), layer.state_dict(), layer.eval()(x)]
    layer = spectral(lib.nn.Linear(3, 4), "bias")
    return [
        *found,
        layer.bias,
        layer.state_dict(),
        attempt(lambda: spectral(lib.nn.Linear(3, 4), dim=2)),
        attempt(lambda: spectral(lib.nn.Linear(3, 4), "wait")),
        attempt(lambda: spectral(lib.nn.Linear(3, 4), n_power_iterations=0)),
    ]


def orthogonal(name, shape, trivial):
    def run(lib):
        inputs, outputs = shape
        layer = lib.nn.utils.parametrizations.orthogonal(
            lib.nn.Linear(inputs, outputs), orthogonal_map=name, use_trivialization=trivial
        )
        found = [layer.weight, repr(layer)]
        optimizer = lib.optim.SGD(layer.parameters(), lr=0.02)
        for _ in range(3):
            optimizer.zero_grad()
            output = layer(ramp(lib, 2, inputs))
            (output * ramp(lib, *output.shape)).sum().backward()
            optimizer.step()
            found.append(output)
        found.append(layer.state_dict())
        q, _ = lib.linalg.qr(ramp(lib, max(shape), min(shape)) + lib.eye(max(shape), min(shape)))
        layer.weight = q if outputs >= inputs else q.mT
        return [*found, layer.weight]

    return run


for _name in (None, "matrix_exp", "cayley", "householder"):
    for _shape in ((4, 4), (3, 5), (5, 3), (1, 1)):
        for _trivial in (True, False):
            _run = orthogonal(_name, _shape, _trivial)
            CASES[f"orthogonal {_name} {_shape} trivialization={_trivial}"] = _run


@case
def orthogonal_batches_and_errors(lib):
    orthogonal = lib.nn.utils.parametrizations.orthogonal
    found = []
    for name in ("matrix_exp", "cayley", "householder"):
        module = lib.nn.Module()
        module.w = lib.nn.Parameter(lib.randn(2, 3, 4, 3))
        found.append(orthogonal(module, "w", name).w)
        found.append(attempt(lambda module=module: setattr(module, "w", lib.ones(2))))
    return [
        *found,
        attempt(lambda: orthogonal(lib.nn.Linear(3, 3), "bias")),
        attempt(lambda: orthogonal(lib.nn.Linear(3, 3), "wait")),
        attempt(lambda: orthogonal(lib.nn.Linear(3, 3), orthogonal_map="x")),
    ]


def parametrizations(lib):
    """Modules to parametrize with, good and bad."""
    Module = lib.nn.Module

    class Symmetric(Module):
        def forward(self, X):
            return X.triu() + X.triu(1).mT

        def right_inverse(self, A):
            return A.triu()

    class Twice(Module):
        def forward(self, X):
            return 2 * X

    class Sum(Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, X):
            return X * 0.25, X * 0.75

    class Flat(Module):
        def forward(self, X):
            return X.reshape(-1)

    class Double(Module):
        def forward(self, X):
            return X.double()

    class NoTensor(Module):
        def forward(self, X):
            return 3

    class Inverse(Module):
        def __init__(self, inverse):
            super().__init__()
            self.inverse = inverse

        def forward(self, X):
            return X

        def right_inverse(self, X):
            return self.inverse(X)

    good = Symmetric, Twice, Sum
    inverses = (lambda X: 3), (lambda X: X.double()), (lambda X: X.reshape(-1))
    bad = [Flat, Double, NoTensor, *[lambda f=f: Inverse(f) for f in inverses]]
    return *good, bad


@case
def register_parametrization(lib):
    P = part(lib, "parametrize")
    Symmetric, Twice, _, _ = parametrizations(lib)
    layer = lib.nn.Linear(3, 3)
    weight = layer.weight
    P.register_parametrization(layer, "weight", Symmetric())
    found = [layer.weight, layer.state_dict(), repr(layer)]
    found += [layer.parametrizations.weight.original is weight, isinstance(layer, lib.nn.Linear)]
    found += [P.type_before_parametrizations(layer) is lib.nn.Linear]
    P.register_parametrization(layer, "weight", Twice())
    found += [
        layer.weight,
        [P.is_parametrized(layer, *name) for name in ((), ("weight",), ("bias",))],
    ]
    found += [[name for name, _ in layer.named_parameters()]]
    found += [[name for name, _ in layer.named_modules()]]
    with P.cached():
        found.append(layer.weight is layer.weight)
    found += [layer.weight is layer.weight, attempt(lambda: setattr(layer, "weight", weight * 2))]
    found += [attempt(lambda: pickle.dumps(layer)), steps(lib, layer, ramp(lib, 2, 3))]
    replica = copy.deepcopy(layer)
    found += [replica.weight, replica.parametrizations.weight.original is not weight]
    P.remove_parametrizations(layer, "weight", leave_parametrized=False)
    return [*found, layer.weight, layer.weight is weight, repr(layer), type(layer).__name__]


@case
def parametrizations_that_are_refused(lib):
    P = part(lib, "parametrize")
    _, Twice, Sum, bad = parametrizations(lib)
    found = []
    for make in bad:
        layer = lib.nn.Linear(3, 3)
        found.append(attempt(lambda: repr(P.register_parametrization(layer, "weight", make()))))
        layer = P.register_parametrization(lib.nn.Linear(3, 3), "weight", Twice())
        found.append(attempt(lambda: repr(P.register_parametrization(layer, "weight", make()))))
        found += [repr(layer), layer.state_dict()]
    layer = P.register_parametrization(lib.nn.Linear(3, 3), "weight", bad[0](), unsafe=True)
    return [
        *found,
        layer.weight,
        attempt(lambda: P.register_parametrization(lib.nn.Linear(3, 3), "wait", Twice())),
        attempt(lambda: P.remove_parametrizations(lib.nn.Linear(3, 3), "bias")),
        attempt(lambda: P.ParametrizationList([], lib.ones(2))),
    ]


@case
def parametrized_by_several_tensors(lib):
    P = part(lib, "parametrize")
    _, _, Sum, _ = parametrizations(lib)
    layer = P.register_parametrization(lib.nn.Linear(3, 3), "weight", Sum())
    found = [layer.state_dict(), [name for name, _ in layer.named_parameters()]]
    layer.weight = lib.ones(3, 3)
    found += [layer.state_dict(), steps(lib, layer, ramp(lib, 2, 3))]
    found += [attempt(lambda: P.remove_parametrizations(layer, "weight", False))]
    other = P.transfer_parametrizations_and_params(layer, lib.nn.Linear(3, 3))
    lists = [module.parametrizations.weight for module in (layer, other)]
    found += [other.weight, other.state_dict(), lists[0].original0 is lists[1].original0]
    P.remove_parametrizations(layer, "weight")
    found += [layer.state_dict(), type(layer).__name__, type(layer.weight).__name__]
    other.to(lib.float64).eval()
    return [*found, other.weight, other.parametrizations.training]


@case
def parametrized_buffers_and_recurrent_layers(lib):
    P = part(lib, "parametrize")
    _, Twice, _, _ = parametrizations(lib)
    module = lib.nn.Module()
    module.register_buffer("b", lib.arange(3.0))
    P.register_parametrization(module, "b", Twice())
    found = [module.b, module.state_dict(), repr(module), list(module.parameters())]
    P.remove_parametrizations(module, "b")
    found += [module.b, list(module._buffers)]
    lstm = P.register_parametrization(lib.nn.LSTM(3, 2), "weight_hh_l0", Twice())
    output = lstm(ramp(lib, 4, 3))[0]
    (output * output).sum().backward()
    return [*found, output, lstm.state_dict(), [param.grad for param in lstm.parameters()]]


@pytest.mark.parametrize("name", CASES)
def test_same(name):
    run_in_both(CASES[name])


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.utils.weight_norm(torch.nn.Linear(3, 2)),
        lambda: torch.nn.utils.spectral_norm(torch.nn.Conv1d(3, 2, 2)),
        lambda: torch.nn.SyncBatchNorm(3),
        lambda: torch.nn.CrossMapLRN2d(3),
    ],
)
def test_whole_modules_load(make, tmp_path):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = make().eval()
    # A weight that a hook has computed is no leaf, which PyTorch does not copy.
    if hasattr(theirs, "weight") and not theirs.weight.is_leaf:
        theirs.weight = theirs.weight.detach()
    torch.save(theirs, tmp_path / "module.pt")
    ours = cnn.load(tmp_path / "module.pt", weights_only=False)
    assert repr(ours) == repr(theirs) and type(ours).__module__.startswith("cnn.nn.modules.")
    shape = (2, 3, 4, 4) if isinstance(theirs, torch.nn.CrossMapLRN2d) else (2, 3)
    if isinstance(theirs, torch.nn.Conv1d):
        shape = (2, 3, 4)
    same(ours(ramp(cnn, *shape)), theirs(ramp(torch, *shape)))
