"""nn.utils against PyTorch's: values over training steps, state dicts, printed form, errors.

A case is a function of the library; what it returns, tensors in whatever lists and dictionaries, text
and numbers, must be the same of both, or the error that it raises.
"""

from __future__ import annotations

import copy
import importlib
import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert str(ours.dtype).replace("cnn", "torch") == str(theirs.dtype)
        values = [np.array(t.detach().tolist()) for t in (ours, theirs)]
        np.testing.assert_allclose(*values, rtol=2e-4, atol=2e-4)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs):
            same(*pair)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        same(list(ours.values()), list(theirs.values()))
    elif isinstance(theirs, str):
        assert ours.replace("cnn.", "torch.") == theirs
    else:
        assert ours == theirs


def attempt(function):
    """What a function returns, or the type and text of its error."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error)


def part(lib, path):
    return importlib.import_module(f"{lib.__name__}.nn.utils.{path}")


def steps(lib, module, *inputs, count=3):
    """The outputs of a module in training, by gradient descent on their squares."""
    optimizer = lib.optim.SGD(module.parameters(), lr=0.05)
    outputs = []
    for _ in range(count):
        optimizer.zero_grad()
        output = module(*inputs)
        (output * output).sum().backward()
        optimizer.step()
        outputs.append(output)
    return outputs


def ramp(lib, *shape):
    return (lib.arange(int(np.prod(shape)), dtype=lib.float32) * 0.37).sin().reshape(shape)


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


# Pruning --------------------------------------------------------------------------------------------

PRUNED = [
    ("l1_unstructured", 0.3),
    ("l1_unstructured", 5),
    ("l1_unstructured", 0),
    ("random_unstructured", 0.5),
    ("random_structured", 0.5, 0),
    ("random_structured", 1, 1),
    ("random_structured", 0, 0),
    ("ln_structured", 0.5, 2, 0),
    ("ln_structured", 2, 1, -1),
    ("ln_structured", 1, float("inf"), 1),
    ("identity",),
    ("l1_unstructured", 1.5),
    ("l1_unstructured", -1),
    ("l1_unstructured", "x"),
    ("l1_unstructured", 100),
    ("ln_structured", 1, 2, 5),
]


def pruned(name, *args):
    def run(lib):
        prune, layer = part(lib, "prune"), lib.nn.Linear(4, 6)
        getattr(prune, name)(layer, "weight", *args)
        found = [layer.state_dict(), layer.weight, prune.is_pruned(layer), repr(layer)]
        found += [steps(lib, layer, ramp(lib, 2, 4)), layer.weight_orig.grad]
        prune.l1_unstructured(layer, "weight", amount=2)
        prune.ln_structured(layer, "weight", 1, 2, 0)
        (container,) = layer._forward_pre_hooks.values()
        found += [layer.weight, type(container).__name__, len(container)]
        prune.remove(layer, "weight")
        return [*found, layer.state_dict(), prune.is_pruned(layer)]

    return run


for _row in PRUNED:
    CASES[f"pruned {_row}"] = pruned(*_row)


@case
def pruned_globally(lib):
    prune = part(lib, "prune")
    a, b = lib.nn.Linear(4, 6), lib.nn.Linear(6, 2)
    weights = [(a, "weight"), (b, "weight")]
    prune.global_unstructured(weights, prune.L1Unstructured, amount=0.4)
    found = [a.weight, b.weight, a.state_dict()]
    prune.global_unstructured(weights, prune.RandomUnstructured, amount=4)
    found += [a.weight, b.weight]
    scores = {(b, "bias"): lib.ones(2) * -100}
    others = [(a, "weight"), (b, "bias")]
    prune.global_unstructured(others, prune.L1Unstructured, scores, amount=4)
    return [
        *found,
        a.weight,
        b.bias,
        attempt(lambda: prune.global_unstructured(weights, prune.LnStructured, amount=1, n=2)),
        attempt(lambda: prune.global_unstructured(5, prune.L1Unstructured)),
        attempt(lambda: prune.global_unstructured(weights, prune.L1Unstructured, 5)),
    ]


@case
def pruned_by_masks_and_scores(lib):
    prune = part(lib, "prune")
    a, b = lib.nn.Linear(2, 2), lib.nn.Linear(2, 2)
    prune.custom_from_mask(a, "weight", lib.tensor([[1, 0], [0, 1]]))
    prune.l1_unstructured(b, "weight", 2, lib.tensor([[1.0, 2], [3, 4]]))
    ones, ramp = lib.tensor([1.0, 1, 0, 1, 1]), lib.arange(5.0)
    return [
        a.state_dict(),
        a.weight,
        b.weight,
        prune.L1Unstructured(2).prune(lib.tensor([3.0, -1, 2, 0.5])),
        prune.RandomUnstructured(2).prune(ramp, default_mask=ones),
        attempt(lambda: prune.custom_from_mask(lib.nn.Linear(2, 2), "weight", lib.ones(3))),
        attempt(lambda: prune.l1_unstructured(lib.nn.Linear(2, 2), "weight", 2, lib.ones(3))),
        attempt(lambda: prune.L1Unstructured(2).prune(ramp, importance_scores=lib.ones(2))),
        attempt(lambda: prune.ln_structured(lib.nn.Linear(4, 6), "bias", 1, 2, 0)),
        attempt(lambda: prune.remove(lib.nn.Linear(4, 6), "bias")),
        attempt(lambda: prune.BasePruningMethod()),
    ]


@case
def pruned_by_a_method_of_ones_own(lib):
    prune = part(lib, "prune")

    class EveryOther(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    layer = lib.nn.Linear(3, 2)
    EveryOther.apply(layer, "bias")
    prune.random_unstructured(layer, "weight", 1)
    EveryOther.apply(layer, "weight")
    return [
        layer.state_dict(),
        layer.weight,
        layer.bias,
        pickle.loads(pickle.dumps(layer.state_dict())),
    ]


@case
def a_pruned_network_trains(lib):
    prune, nn = part(lib, "prune"), lib.nn
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    prune.ln_structured(net[0], "weight", 0.34, 2, 0)
    prune.l1_unstructured(net[3], "weight", 0.5)
    return [steps(lib, net, ramp(lib, 2, 1, 4, 4)), net.state_dict()]


# Fusion, stateless calls, members by name -----------------------------------------------------------


@case
def fusion(lib):
    utils, nn = lib.nn.utils, lib.nn
    norm = nn.BatchNorm2d(4)
    norm(ramp(lib, 2, 4, 3, 3))
    norm.eval()
    x, found = ramp(lib, 1, 3, 4, 4), []
    for conv in (nn.Conv2d(3, 4, 2, bias=False), nn.ConvTranspose2d(3, 4, 2)):
        fused = utils.fuse_conv_bn_eval(conv.eval(), norm, isinstance(conv, nn.ConvTranspose2d))
        found += [fused.state_dict(), fused(x), fused.training, fused.bias.requires_grad]
    plain = nn.BatchNorm1d(4, affine=False).eval()
    found.append(utils.fuse_conv_bn_eval(nn.Conv1d(3, 4, 2).eval(), plain).state_dict())
    norm = nn.BatchNorm1d(4).eval()
    fused = utils.fuse_linear_bn_eval(nn.Linear(5, 4).eval(), norm)
    none = nn.BatchNorm1d(4, track_running_stats=False).eval()
    return [
        *found,
        fused.state_dict(),
        attempt(lambda: utils.fuse_conv_bn_eval(nn.Conv1d(3, 4, 2), norm)),
        attempt(lambda: utils.fuse_conv_bn_eval(nn.Conv1d(3, 4, 2).eval(), none)),
        attempt(lambda: utils.fuse_linear_bn_eval(nn.Linear(3, 5).eval(), norm)),
    ]


@case
def stateless_calls(lib):
    stateless, nn = part(lib, "stateless"), lib.nn
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net[0].tied = net[0].weight
    own = {name: id(param) for name, param in net.named_parameters()}
    given = {"0.weight": lib.ones(2, 2, requires_grad=True), "1.running_mean": lib.zeros(2)}
    output = stateless.functional_call(net, given, (ramp(lib, 3, 2),))
    (output * ramp(lib, 3, 2)).sum().backward()
    found = [output, given["0.weight"].grad, given["1.running_mean"], net[1].running_mean]
    found.append(own == {name: id(param) for name, param in net.named_parameters()})
    call = stateless._functional_call
    linear, x = nn.Linear(2, 2), lib.ones(3, 2)
    linear.extra, linear.tied = 3, linear.weight
    return [
        *found,
        call(net, {"0.weight": lib.ones(2, 2)}, x, tie_weights=False),
        call(nn.LSTM(2, 2), {"weight_ih_l0": lib.ones(8, 2)}, x)[0],
        attempt(lambda: call(linear, {"weight": x, "y": x}, x, strict=True)),
        attempt(lambda: call(linear, {"weight": lib.ones(2, 2), "tied": lib.ones(2, 2)}, x)),
        attempt(lambda: call(linear, {"foo.bar": lib.ones(2, 2)}, x)),
        attempt(lambda: call(linear, {"extra": lib.ones(2, 2)}, x)),
        attempt(lambda: call(linear, {"weight": lib.ones(2, 2)}, lib.ones(3, 5)))[0],
        linear.weight,
        attempt(lambda: call(nn.DataParallel(linear), {}, x)),
    ]


@case
def members_by_name(lib):
    A, nn = part(lib, "_named_member_accessor"), lib.nn
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1)))
    one = lib.ones(1)
    accessor = A.NamedMemberAccessor(net)
    found = [accessor.get_tensor("1.0.bias"), accessor.check_keys(["0.weight", "q"])]
    accessor.set_tensor("1.0.bias", one)
    found += [net[1][0].bias, accessor.swap_tensor("0.bias", one), net[0].bias]
    found += [
        attempt(call)
        for call in (
            lambda: accessor.get_tensor("2.w"),
            lambda: accessor.get_submodule("0.weight"),
            lambda: accessor.get_tensor("0.w"),
            lambda: accessor.set_tensor("0.", one),
            lambda: accessor.swap_tensor("0.x", one),
            lambda: accessor.swap_submodule("0.x", net[0]),
            lambda: accessor.set_tensors(["0.weight"], []),
            lambda: accessor.del_tensor("0.x"),
            lambda: accessor.swap_tensors_dict({"0.weight": one, "0.q": one}),
            lambda: A.set_tensor(3, "x", None),
            lambda: A.set_tensor(net, "a.b", None),
            lambda: A.set_tensor(net, "x", 4),
            lambda: A.swap_submodule(net[0], "q", net[0]),
        )
    ]
    found.append(net[0].weight)
    accessor.del_tensor("0.weight")
    return [*found, [name for name, _ in net.named_parameters()]]


# What else has moved --------------------------------------------------------------------------------


@case
def norms_and_vectors(lib):
    clip, convert = part(lib, "clip_grad"), part(lib, "convert_parameters")
    params = [lib.nn.Parameter(ramp(lib, 3)), lib.nn.Parameter(ramp(lib, 2, 2))]
    for param in params:
        param.grad = param.detach() * 3
    total = clip._get_total_norm([param.grad for param in params])
    clip._clip_grads_with_norm_(params, 1.0, total)
    devices = (
        convert._check_param_device(params[0], None),
        convert._check_param_device(params[1], -1),
    )
    return [
        total,
        [param.grad for param in params],
        devices,
        attempt(lambda: convert._check_param_device(params[0], 5)),
    ]


@case
def packed_sequences(lib):
    rnn = part(lib, "rnn")
    packed = rnn._packed_sequence_init(
        (lib.arange(3.0), lib.tensor([2, 1])), None, lib.tensor([1, 0])
    )
    args = rnn._packed_sequence_init_args(lib.arange(3.0), lib.tensor([2, 1]))
    bound = rnn.bind(None, len), rnn.bind([1], len)
    return [
        list(packed),
        list(args),
        bound,
        attempt(lambda: rnn._packed_sequence_init(lib.ones(3))),
    ]


@pytest.mark.parametrize("name", CASES)
def test_same(name):
    results = []
    for lib in (cnn, torch):
        lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(attempt(lambda lib=lib: CASES[name](lib)))
    same(*results)


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
