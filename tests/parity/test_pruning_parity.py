"""Pruning, fusion, calls without state and the rest of nn.utils against PyTorch's."""

from __future__ import annotations

import pickle

import pytest

torch = pytest.importorskip("torch")

from case_parity import attempt, part, ramp, run_in_both, steps  # noqa: E402

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


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
    run_in_both(CASES[name])
