"""Module: registration, walking, printing, state, hooks, errors; containers; nn.utils."""

from __future__ import annotations

import ast
import copy
import pathlib
import pickle
import sys
import warnings
from collections import OrderedDict

import cnn
import pytest
from cnn import nn
from cnn.nn import functional as F


def near(tensor, expected, tolerance=1e-4):
    flat = tensor.detach().reshape(-1).tolist()
    assert flat == pytest.approx(expected, abs=tolerance)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 3)
        self.register_buffer("scale", cnn.ones(1))
        self.register_buffer("scratch", cnn.zeros(2), persistent=False)

    def forward(self, x):
        return self.head(self.features(x).flatten(1)) * self.scale


# Parameters ---------------------------------------------------------------------------------


def test_parameter_is_a_leaf_that_shares_memory():
    data = cnn.zeros(2, 2)
    param = nn.Parameter(data)
    assert isinstance(param, nn.Parameter) and isinstance(param, cnn.Tensor)
    assert param.requires_grad and param.is_leaf
    data.add_(1)
    near(param, [1, 1, 1, 1])
    assert type(param + 1) is cnn.Tensor
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert tuple(nn.Parameter().shape) == (0,)
    assert not isinstance(data, nn.Parameter)


def test_parameter_prints_copies_and_pickles():
    param = nn.Parameter(cnn.tensor([1.0, 2.0]))
    assert repr(param) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    param.tag = "kept"
    for other in (copy.deepcopy(param), pickle.loads(pickle.dumps(param))):
        assert type(other) is nn.Parameter and other is not param and other.requires_grad
        near(other, [1, 2])
    assert pickle.loads(pickle.dumps(param)).tag == "kept"
    pair = copy.deepcopy([param, param])
    assert pair[0] is pair[1]


def test_tensor_of_a_users_type_stays_it():
    class Mine(cnn.Tensor):
        pass

    mine = cnn.zeros(2).as_subclass(Mine)
    param = nn.Parameter(mine)
    assert type(param) is Mine and isinstance(param, nn.Parameter)
    module = nn.Module()
    module.p = param
    assert [name for name, _ in module.named_parameters()] == ["p"]


def test_buffer_registers_itself():
    module = nn.Module()
    module.kept = nn.Buffer(cnn.ones(2))
    module.dropped = nn.Buffer(cnn.ones(2), persistent=False)
    assert list(dict(module.named_buffers())) == ["kept", "dropped"]
    assert list(module.state_dict()) == ["kept"]
    assert isinstance(module.kept, nn.Buffer) and not isinstance(cnn.ones(2), nn.Buffer)


# Registering and walking --------------------------------------------------------------------


def test_names_and_order():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "features.0.weight",
        "features.0.bias",
        "head.weight",
        "head.bias",
    ]
    assert [n for n, _ in net.named_parameters(prefix="m", recurse=False)] == []
    assert [n for n, _ in net.named_buffers()] == ["scale", "scratch"]
    assert [n for n, _ in net.named_children()] == ["features", "head"]
    assert [n for n, _ in net.named_modules()] == [
        "",
        "features",
        "features.0",
        "features.1",
        "head",
    ]
    assert len(list(net.parameters())) == 4 and len(list(net.buffers())) == 2
    assert list(net.state_dict()) == [
        "scale",
        "features.0.weight",
        "features.0.bias",
        "head.weight",
        "head.bias",
    ]


def test_shared_members_are_walked_once():
    shared = nn.Linear(2, 2)
    both = nn.Sequential(shared, nn.ReLU(), shared)
    assert len(list(both.parameters())) == 2
    assert len(list(both.children())) == 2
    assert len(list(both.named_parameters(remove_duplicate=False))) == 4
    assert len(list(both.modules())) == 3
    assert list(both.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_assigning():
    module = nn.Module()
    module.p = nn.Parameter(cnn.zeros(1))
    module.p = None
    assert module.p is None and list(module.parameters()) == []
    module.p = nn.Parameter(cnn.ones(1))
    module.child = nn.ReLU()
    module.child = nn.Parameter(cnn.ones(2))  # another kind takes the name over
    assert list(module.children()) == [] and len(list(module.parameters())) == 2
    module.plain = 3
    module.plain = nn.Tanh()
    assert "plain" not in vars(module) and isinstance(module.plain, nn.Tanh)
    module.register_buffer("b", cnn.zeros(2), persistent=False)
    module.b = cnn.ones(2)
    assert "b" in dict(module.named_buffers()) and "b" not in module.state_dict()
    del module.p, module.plain, module.b, module.child
    assert len(list(module.modules())) == 1 and not module.state_dict()
    with pytest.raises(AttributeError, match="'Module' object has no attribute 'p'"):
        _ = module.p
    with pytest.raises(AttributeError):
        del module.p


def test_assigning_before_init():
    class Early(nn.Module):
        def __init__(self, value):
            self.value = value

    for value, what in ((nn.Parameter(cnn.ones(1)), "parameters"), (nn.ReLU(), "module")):
        with pytest.raises(AttributeError, match=f"cannot assign {what} before Module.__init__"):
            Early(value)
    assert Early(3).value == 3


@pytest.mark.parametrize(
    ("act", "kind", "text"),
    [
        (lambda m: setattr(m, "weight", 3), TypeError, "cannot assign 'int' as parameter 'weight'"),
        (
            lambda m: setattr(m, "weight", cnn.ones(1)),
            TypeError,
            "cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None "
            "expected)",
        ),
        (lambda m: setattr(m, "sub", 3), TypeError, "cannot assign 'int' as child module 'sub'"),
        (lambda m: setattr(m, "buf", 3), TypeError, "cannot assign 'int' as buffer 'buf'"),
        (
            lambda m: m.register_buffer("weight", None),
            KeyError,
            "attribute 'weight' already exists",
        ),
        (lambda m: m.register_buffer("a.b", None), KeyError, 'buffer name can\'t contain "."'),
        (
            lambda m: m.register_buffer(3, None),
            TypeError,
            "buffer name should be a string. Got int",
        ),
        (lambda m: m.register_parameter("", None), KeyError, 'name can\'t be empty string ""'),
        (
            lambda m: m.register_parameter("p", nn.ReLU()),
            TypeError,
            "cannot assign 'torch.nn.modules.activation.ReLU' object to parameter 'p'",
        ),
        (lambda m: m.add_module("n", 3), TypeError, "int is not a Module subclass"),
        (lambda m: m.add_module("a.b", nn.ReLU()), KeyError, 'can\'t contain ".", got: a.b'),
        (lambda m: m.get_submodule("sub.0"), AttributeError, "ReLU has no attribute `0`"),
        (lambda m: m.get_submodule("weight"), AttributeError, "`weight` is not an nn.Module"),
        (lambda m: m.get_parameter("buf"), AttributeError, "`buf` is not an nn.Parameter"),
        (lambda m: m.get_buffer("weight"), AttributeError, "`weight` is not a buffer"),
        (lambda m: m.set_submodule("", nn.ReLU()), ValueError, "without a target name"),
        (lambda m: m.compile(), NotImplementedError, "runs eagerly"),
    ],
)
def test_registration_errors(act, kind, text):
    module = nn.Module()
    module.weight = nn.Parameter(cnn.ones(1))
    module.sub = nn.ReLU()
    module.register_buffer("buf", cnn.ones(1))
    before = repr(module), list(module.state_dict())
    with pytest.raises(kind) as info:
        act(module)
    assert text in str(info.value).replace("\\'", "'")
    assert (repr(module), list(module.state_dict())) == before


def test_non_leaf_parameter_is_refused():
    data = cnn.ones(1, requires_grad=True) * 2
    data.__class__ = nn.Parameter
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'p'"):
        nn.Module().register_parameter("p", data)


def test_getting_and_setting_by_path():
    net = Net()
    assert net.get_submodule("features.1") is net.features[1]
    assert net.get_submodule("") is net
    assert net.get_parameter("features.0.bias") is net.features[0].bias
    assert net.get_buffer("scale") is net.scale
    net.set_submodule("features.1", nn.Tanh())
    assert isinstance(net.features[1], nn.Tanh)
    with pytest.raises(AttributeError, match="has no attribute `9`"):
        net.set_submodule("features.9", nn.Tanh(), strict=True)


def test_dir_hides_numbers():
    names = dir(nn.Sequential(nn.ReLU()))
    assert "0" not in names and "append" in names and "training" in names
    assert {"scale", "features", "head"} <= set(dir(Net()))


def test_init_arguments():
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'a'"):
        nn.Sigmoid(a=1)
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        nn.Sigmoid(1)

    class Mixin:
        def __init__(self, value):
            self.value = value

    class Both(nn.Module, Mixin):
        call_super_init = True

    assert Both(7).value == 7


# Printing -----------------------------------------------------------------------------------


def test_repr():
    assert repr(nn.Module()) == "Module()"
    assert repr(nn.Linear(2, 3)) == "Linear(in_features=2, out_features=3, bias=True)"
    assert repr(nn.ReLU()) == "ReLU()" and repr(nn.ReLU(True)) == "ReLU(inplace=True)"
    assert repr(nn.MaxPool2d(2)) == (
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    )
    assert repr(nn.BatchNorm2d(4)) == (
        "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
    )
    assert repr(nn.Dropout()) == "Dropout(p=0.5, inplace=False)"
    assert repr(nn.Embedding(3, 4, padding_idx=0)) == "Embedding(3, 4, padding_idx=0)"
    assert repr(nn.CrossEntropyLoss()) == "CrossEntropyLoss()"
    assert repr(nn.Conv2d(1, 2, 3, padding=1, bias=False)) == (
        "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    )
    assert repr(nn.Conv1d(2, 4, 3, padding="same", dilation=2, groups=2)) == (
        "Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=same, dilation=(2,), groups=2)"
    )
    assert repr(Net()) == (
        "Net(\n"
        "  (features): Sequential(\n"
        "    (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "    (1): ReLU(inplace=True)\n"
        "  )\n"
        "  (head): Linear(in_features=8, out_features=3, bias=True)\n"
        ")"
    )


def test_repr_of_containers():
    assert repr(nn.ModuleList()) == "ModuleList()"
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.Tanh())])
    assert repr(layers) == (
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "  (2): Sequential(\n"
        "    (0): Tanh()\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ParameterList([cnn.ones(2, 3), 5])) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2x3]\n"
        "    (1): Object of type: int\n"
        ")"
    )
    assert repr(nn.ParameterDict({"a": cnn.ones(2)})) == (
        "ParameterDict(  (a): Parameter containing: [torch.FloatTensor of size 2])"
    )
    assert repr(nn.ModuleDict({"act": nn.ReLU()})) == "ModuleDict(\n  (act): ReLU()\n)"


def test_repr_of_extra_lines_and_children():
    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def extra_repr(self):
            return "a=1\nb=2"

    assert repr(Extra()) == "Extra(\n  a=1\n  b=2\n  (act): ReLU()\n)"


# Containers ---------------------------------------------------------------------------------


def test_sequential():
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), act=nn.ReLU(), last=nn.Linear(3, 1)))
    assert net.first is net[0] and net[-1] is net.last and len(net) == 3
    assert list(net[:2]._modules) == ["first", "act"]
    assert tuple(net(cnn.ones(4, 2)).shape) == (4, 1)
    net[1] = nn.Tanh()
    assert isinstance(net.act, nn.Tanh)
    with pytest.raises(IndexError, match="index 3 is out of range"):
        net[3]

    net = nn.Sequential(nn.ReLU()).append(nn.Tanh()).extend([nn.Sigmoid()])
    net.insert(1, nn.GELU()).insert(-1, nn.SiLU())
    assert [type(m).__name__ for m in net] == ["ReLU", "GELU", "Tanh", "SiLU", "Sigmoid"]
    del net[1:3]
    assert list(net._modules) == ["0", "1", "2"]
    assert isinstance(net.pop(1), nn.SiLU) and len(net) == 2
    both = net + nn.Sequential(nn.ELU())
    assert [type(m).__name__ for m in both] == ["ReLU", "Sigmoid", "ELU"]
    assert [type(m).__name__ for m in 2 * net] == ["ReLU", "Sigmoid"] * 2
    net += nn.Sequential(nn.ELU())
    net *= 2
    assert len(net) == 6 and net[0] is net[3]
    with pytest.raises(TypeError, match="unsupported operand"):
        net * 1.5
    with pytest.raises(IndexError, match="Index out of range: 9"):
        net.insert(9, nn.ReLU())
    with pytest.raises(AssertionError):
        net.insert(0, "relu")


def test_module_list():
    layers = nn.ModuleList([nn.ReLU()])
    layers += [nn.Tanh(), nn.ELU()]
    layers.insert(1, nn.GELU())
    assert [type(m).__name__ for m in layers] == ["ReLU", "GELU", "Tanh", "ELU"]
    assert isinstance(layers[-1], nn.ELU) and isinstance(layers[1:3], nn.ModuleList)
    layers[0] = nn.SiLU()
    del layers[1]
    assert [type(m).__name__ for m in layers + [nn.ReLU()]] == ["SiLU", "Tanh", "ELU", "ReLU"]
    assert list(layers._modules) == ["0", "1", "2"]
    with pytest.raises(TypeError, match="iterable, but got int"):
        layers.extend(3)
    with pytest.raises(NotImplementedError):
        layers(1)


def test_module_dict():
    layers = nn.ModuleDict([["a", nn.ReLU()], ["b", nn.Tanh()]])
    layers.update({"c": nn.ELU()})
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"] and len(layers) == 3
    assert "b" in layers and isinstance(layers.pop("b"), nn.Tanh) and "b" not in layers
    assert [name for name, _ in layers.items()] == ["a", "c"]
    assert isinstance(layers.c, nn.ELU)
    with pytest.raises(KeyError):
        layers["missing"]
    layers.clear()
    assert not list(layers.values())


def test_parameter_list():
    params = nn.ParameterList([cnn.ones(2), nn.Parameter(cnn.zeros(3))])
    params.append(cnn.ones(1))
    assert len(params) == 3 and all(isinstance(p, nn.Parameter) for p in params)
    assert [n for n, _ in params.named_parameters()] == ["0", "1", "2"]
    assert len(params[1:]) == 2 and tuple(params[-1].shape) == (1,)
    params[0] = cnn.zeros(5)
    assert tuple(params[0].shape) == (5,)
    with pytest.raises(TypeError):
        params.extend(cnn.ones(2))
    with pytest.raises(RuntimeError, match="should not be called"):
        params()
    assert len(copy.deepcopy(params)) == 3


def test_parameter_dict():
    params = nn.ParameterDict({"b": cnn.ones(2), "a": cnn.zeros(3)})
    assert list(params) == ["a", "b"]  # a plain dictionary is taken in sorted order
    params["c"] = cnn.ones(1)
    assert [n for n, _ in params.named_parameters()] == ["a", "b", "c"]
    assert params.setdefault("a") is params["a"] and params.get("z", 5) == 5
    key, value = params.popitem()
    assert key == "c" and tuple(value.shape) == (1,) and "c" not in params
    merged = params | nn.ParameterDict({"d": cnn.ones(1)})
    assert list(merged) == ["a", "b", "d"] and list(params) == ["a", "b"]
    assert list(reversed(params)) == ["b", "a"]
    assert params.pop("a") is not None and len(params) == 1
    params.clear()
    assert not list(params.items())
    with pytest.raises(KeyError):
        params.popitem()


# Changing everything at once ----------------------------------------------------------------


def test_train_eval_apply_and_requires_grad():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Conv2d", "ReLU", "Sequential", "Linear", "Net"]
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())


def test_casting_keeps_the_parameter_objects():
    net = Net()
    net.register_buffer("count", cnn.tensor(3))
    params = list(net.parameters())
    net(cnn.ones(1, 1, 2, 2)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(params, net.parameters()))
    assert {p.dtype for p in params} == {cnn.float64} and net.scale.dtype == cnn.float64
    assert net.count.dtype == cnn.int64
    assert params[0].grad.dtype == cnn.float64
    for method, dtype in (
        ("float", cnn.float32),
        ("half", cnn.float16),
        ("bfloat16", cnn.bfloat16),
    ):
        getattr(net, method)()
        assert {p.dtype for p in net.parameters()} == {dtype} and net.count.dtype == cnn.int64
    assert net.to("cpu", cnn.float32).head.weight.dtype == cnn.float32
    assert net.to(cnn.ones(1, dtype=cnn.float64)).head.weight.dtype == cnn.float64
    assert net.to(dtype=cnn.float32, device=cnn.device("cpu")).scale.dtype == cnn.float32
    assert net.cpu() is net
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(cnn.int32)
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        net.to(shape=3)


def test_zero_grad():
    layer = nn.Linear(2, 1)
    layer(cnn.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    near(layer.weight.grad, [0, 0])
    layer.zero_grad()
    assert layer.weight.grad is None


def test_meta_device_and_to_empty():
    layer = nn.Linear(3, 2, device="meta")
    assert layer.weight.is_meta and tuple(layer(cnn.ones(4, 3, device="meta")).shape) == (4, 2)
    with pytest.raises(NotImplementedError, match="to_empty"):
        layer.to("cpu")
    assert layer.to_empty(device="cpu") is layer
    assert not layer.weight.is_meta and isinstance(layer.weight, nn.Parameter)
    skipped = nn.utils.skip_init(nn.Linear, 3, 2)
    assert not skipped.weight.is_meta and tuple(skipped.weight.shape) == (2, 3)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)


def test_copies_and_pickles():
    net = Net().eval()
    net.extra = {"note": [1, 2]}
    x = cnn.ones(2, 1, 2, 2)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net) and not other.training and other.extra == net.extra
        assert other(x).tolist() == net(x).tolist()
        assert not {id(p) for p in net.parameters()} & {id(p) for p in other.parameters()}


def test_old_pickles_get_the_tables_they_lack():
    module = nn.ReLU()
    state = dict(vars(module))
    del state["_forward_hooks_with_kwargs"], state["_backward_pre_hooks"]
    other = nn.ReLU.__new__(nn.ReLU)
    other.__setstate__(state)
    near(other(cnn.tensor([-1.0, 2.0])), [0, 2])


# State dicts --------------------------------------------------------------------------------


def test_state_dict_shares_memory_and_has_versions():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert dict(state._metadata) == {"": {"version": 1}, "0": {"version": 1}, "1": {"version": 2}}
    assert not state["0.weight"].requires_grad
    state["0.weight"].zero_()
    near(net[0].weight, [0, 0, 0, 0])
    assert net.state_dict(keep_vars=True)["0.weight"] is net[0].weight
    assert list(net.state_dict(prefix="m."))[0] == "m.0.weight"
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        assert list(net.state_dict(None, "m."))[0] == "m.0.weight"


def test_load_state_dict():
    a, b = Net(), Net()
    result = b.load_state_dict(a.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    x = cnn.ones(1, 1, 2, 2)
    assert a(x).tolist() == b(x).tolist()
    assert b.head.weight is not a.head.weight


def test_load_state_dict_reports_everything_at_once():
    state = Net().state_dict()
    del state["head.bias"]
    state["head.weight"] = cnn.ones(2, 2)
    state["other.weight"] = cnn.ones(1)
    net = Net()
    with pytest.raises(RuntimeError) as info:
        net.load_state_dict(state)
    assert str(info.value) == (
        "Error(s) in loading state_dict for Net:\n\t"
        'Missing key(s) in state_dict: "head.bias". \n\t'
        'Unexpected key(s) in state_dict: "other.weight". \n\t'
        "size mismatch for head.weight: copying a param with shape torch.Size([2, 2]) from "
        "checkpoint, the shape in current model is torch.Size([3, 8])."
    )
    del state["head.weight"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["head.weight", "head.bias"]
    assert result.unexpected_keys == ["other.weight"]
    assert "missing_keys=['head.weight', 'head.bias']" in repr(result)
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        net.load_state_dict([])


def test_load_state_dict_assign():
    layer = nn.Linear(2, 2, device="meta")
    state = nn.Linear(2, 2).state_dict()
    with pytest.warns(UserWarning, match="which is a no-op"):
        layer.load_state_dict(state)
    layer.load_state_dict(state, assign=True)
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    assert layer.weight.tolist() == state["weight"].tolist()


def test_batch_norm_reads_its_first_version():
    state = nn.BatchNorm1d(2).state_dict()
    del state["num_batches_tracked"], state._metadata
    assert not nn.BatchNorm1d(2).load_state_dict(state).missing_keys


def test_extra_state():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = nn.Sequential(Counting()), nn.Sequential(Counting())
    a[0].count = 5
    assert a.state_dict()["0._extra_state"] == {"count": 5}
    b.load_state_dict(a.state_dict())
    assert b[0].count == 5
    with pytest.raises(RuntimeError, match='Missing key.*"0._extra_state"'):
        b.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key.*"0._extra_state"'):
        nn.Sequential(nn.ReLU()).load_state_dict(a.state_dict())


def test_state_dict_hooks():
    layer = nn.Linear(2, 2)
    calls = []

    def after(module, state, prefix, metadata):
        state["added"] = cnn.ones(1)

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        state["weight"] = state.pop("kernel")
        state.pop("added")

    handles = [
        layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(prefix)),
        layer.register_state_dict_post_hook(after),
        layer.register_load_state_dict_pre_hook(rename),
        layer.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear()),
    ]
    state = layer.state_dict()
    assert calls == [""] and "added" in state
    state["kernel"] = state.pop("weight")
    del state["bias"]
    layer.load_state_dict(state)
    for handle in handles:
        handle.remove()
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(other=1))
    assert list(layer.state_dict()) == ["other"]


# Hooks --------------------------------------------------------------------------------------


def test_forward_hooks():
    layer = nn.ReLU()
    x = cnn.tensor([-1.0, 2.0])
    first = layer.register_forward_pre_hook(lambda m, args: args[0] + 10)
    second = layer.register_forward_hook(lambda m, args, out: out * 2)
    near(layer(x), [18, 24])
    first.remove()
    near(layer(x), [0, 4])
    with second:
        near(layer(x), [0, 4])
    near(layer(x), [0, 2])


def test_forward_hooks_with_kwargs_and_order():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer, calls = Scale(), []
    layer.register_forward_pre_hook(lambda m, args: calls.append("second"))
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: calls.append("first") or (args, {"factor": 5}),
        with_kwargs=True,
        prepend=True,
    )
    layer.register_forward_hook(
        lambda m, args, kwargs, out: calls.append(kwargs["factor"]), with_kwargs=True
    )
    near(layer(cnn.ones(1), factor=2), [5])
    assert calls == ["first", "second", 5]
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        layer(cnn.ones(1))


def test_hook_that_is_always_called():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    layer, calls = Fails(), []
    layer.register_forward_hook(lambda m, args, out: calls.append(out), always_call=True)
    layer.register_forward_hook(lambda m, args, out: calls.append("never"))
    with pytest.raises(ValueError, match="no"):
        layer(1)
    assert calls == [None]

    def broken(module, args, out):
        raise RuntimeError("hook")

    layer.register_forward_hook(broken, always_call=True)
    with pytest.warns(UserWarning, match="silenced as another error was raised"):
        with pytest.raises(ValueError, match="no"):
            layer(1)


def test_full_backward_hooks():
    layer = nn.Linear(2, 1, bias=False)
    with cnn.no_grad():
        layer.weight.fill_(3.0)
    seen = {}

    def hook(module, grad_input, grad_output):
        seen["input"] = grad_input[0].tolist()
        seen["output"] = grad_output[0].tolist()
        return (grad_input[0] * 10,)

    layer.register_full_backward_hook(hook)
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2,))
    x = cnn.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == {"input": [[6.0, 6.0]], "output": [[2.0]]}
    near(x.grad, [60, 60])
    near(layer.weight.grad, [2, 2])
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full"):
        layer.register_backward_hook(hook)


def test_full_backward_hook_without_input_gradient():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with pytest.warns(UserWarning, match="Full backward hook is firing"):
        layer(cnn.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_backward_hook_of_wrong_length():
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(lambda m, gi, go: gi + gi)
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(cnn.ones(1, 2, requires_grad=True)).sum().backward()


def test_old_style_backward_hook():
    layer, seen = nn.ReLU(), []
    layer.register_backward_hook(lambda m, gi, go: seen.append((m, len(gi), go[0].tolist())))
    x = cnn.ones(2, requires_grad=True) * 1
    layer(x).sum().backward()
    assert seen == [(layer, 1, [1.0, 1.0])]


def test_hooks_under_no_grad_and_on_tuples():
    class Pair(nn.Module):
        def forward(self, a, b):
            return a * 2, b * 3, "label"

    layer, seen = Pair(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    a, b = cnn.ones(1, requires_grad=True), cnn.ones(1)
    with cnn.no_grad():
        layer(a, b)
    left, right, label = layer(a, b)
    assert label == "label"
    (left + right).sum().backward()
    (gi, go) = seen[0]
    assert gi[0].tolist() == [2.0] and gi[1].tolist() == [0.0] and go[1:] == (None, None)
    near(a.grad, [2])


def test_global_hooks():
    calls = []
    module = nn.modules.module
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: calls.append("pre")),
        module.register_module_forward_hook(lambda m, args, out: calls.append("post")),
        module.register_module_full_backward_hook(lambda m, gi, go: calls.append("backward")),
        module.register_module_parameter_registration_hook(
            lambda m, name, p: calls.append(("param", name))
        ),
        module.register_module_module_registration_hook(
            lambda m, name, c: calls.append(("module", name))
        ),
        module.register_module_buffer_registration_hook(
            lambda m, name, b: calls.append(("buffer", name))
        ),
    ]
    try:
        nn.ReLU()(cnn.ones(1, requires_grad=True)).sum().backward()
        assert calls == ["pre", "post", "backward"]
        calls.clear()
        nn.Sequential(nn.BatchNorm1d(1))
        assert calls[:2] == [("param", "weight"), ("param", "bias")] and calls[-1] == (
            "module",
            "0",
        )
        assert ("buffer", "running_mean") in calls
    finally:
        for handle in handles:
            handle.remove()
    calls.clear()
    nn.ReLU()(cnn.ones(1))
    assert not calls


def test_hooks_survive_pickling():
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(_double)
    x = cnn.ones(1, 2)
    assert pickle.loads(pickle.dumps(layer))(x).tolist() == layer(x).tolist()


def _double(module, args, out):
    return out * 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes before 3.11")
def test_error_says_where_it_happened():
    class Fails(nn.Module):
        def forward(self, x):
            raise RuntimeError("shapes")

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.ReLU(), nn.Sequential(nn.Tanh(), Fails())])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    with pytest.raises(RuntimeError) as info:
        Outer()(cnn.ones(1))
    assert str(info.value) == "shapes"
    assert info.value.__notes__ == ["in blocks.1.1 (Fails)"]
    with pytest.raises(RuntimeError) as info:
        Fails()(1)
    assert info.value.__notes__ == ["in Fails"]
    assert pickle.loads(pickle.dumps(info.value)).__notes__ == ["in Fails"]


def test_missing_forward():
    with pytest.raises(
        NotImplementedError, match=r'Module \[Module\] is missing the required "forward"'
    ):
        nn.Module()(1)


# Lazy modules -------------------------------------------------------------------------------


def test_lazy_linear():
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = layer.weight.shape
    assert tuple(layer(cnn.ones(2, 5)).shape) == (2, 3)
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=True)"
    assert type(layer) is nn.Linear and type(layer.weight) is nn.Parameter
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_lazy_module_takes_its_shape_from_a_state_dict():
    source = nn.Linear(5, 3)
    layer = nn.LazyLinear(3)
    layer.load_state_dict(source.state_dict())
    x = cnn.ones(2, 5)
    assert layer(x).tolist() == source(x).tolist()
    assert type(layer) is nn.Linear


def test_lazy_modules_move_copy_and_pickle():
    layer = nn.LazyConv2d(4, 3).double()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer):
        assert other.has_uninitialized_params()
        y = other.double()(cnn.ones(1, 2, 5, 5, dtype=cnn.float64))
        assert tuple(y.shape) == (1, 4, 3, 3) and type(other) is nn.Conv2d
        assert y.dtype == cnn.float64


def test_lazy_batch_norm():
    layer = nn.LazyBatchNorm2d()
    assert repr(layer).startswith("LazyBatchNorm2d(0, eps=1e-05")
    layer(cnn.ones(2, 3, 2, 2))
    assert repr(layer).startswith("BatchNorm2d(3, eps=1e-05")
    assert tuple(layer.running_mean.shape) == (3,) and int(layer.num_batches_tracked) == 1


# Layers and functions -----------------------------------------------------------------------


def test_seeded_initialization():
    cnn.manual_seed(0)
    layer = nn.Linear(4, 8)
    near(layer.weight[0], [-0.0037, 0.2682, -0.4115, -0.3680])
    near(layer.bias[:3], [-0.3241, -0.2302, -0.3493])


def test_batch_norm_statistics():
    layer = nn.BatchNorm1d(2)
    x = cnn.tensor([[1.0, 2.0], [3.0, 6.0]])
    near(layer(x), [-1, -1, 1, 1], 1e-3)
    near(layer.running_mean, [0.2, 0.4])
    near(layer.running_var, [0.9 + 0.2, 0.9 + 0.8])
    near(layer.eval()(cnn.zeros(1, 2)), [-0.2 / 1.1**0.5, -0.4 / 1.7**0.5], 1e-3)


def test_losses_by_hand():
    x, y = cnn.tensor([0.0, 2.0]), cnn.tensor([1.0, 4.0])
    assert float(nn.MSELoss()(x, y)) == 2.5
    assert float(nn.L1Loss(reduction="sum")(x, y)) == 3.0
    near(nn.SmoothL1Loss(reduction="none")(x, y), [0.5, 1.5])
    logits = cnn.zeros(2, 4)
    near(nn.CrossEntropyLoss()(logits, cnn.tensor([0, 3])), [1.386294])
    near(nn.BCEWithLogitsLoss()(cnn.zeros(2), cnn.ones(2)), [0.693147])
    with pytest.warns(UserWarning, match="reduction='sum' instead"):
        assert nn.L1Loss(size_average=False).reduction == "sum"
    with pytest.raises(ValueError, match="median is not a valid value for reduction"):
        nn.L1Loss(reduction="median")(x, y)
    with pytest.warns(UserWarning, match="different to the input size"):
        nn.MSELoss()(cnn.ones(2, 1), cnn.ones(2))


def test_dropout_modes():
    cnn.manual_seed(0)
    x = cnn.ones(1000)
    layer = nn.Dropout(0.25)
    y = layer(x)
    assert all(value in (0.0, pytest.approx(1 / 0.75)) for value in y.tolist())
    assert 150 < (y == 0).sum().item() < 350
    assert layer.eval()(x) is x or layer(x).tolist() == x.tolist()
    assert nn.Dropout2d(1.0)(cnn.ones(1, 2, 2, 2)).abs().sum().item() == 0
    with pytest.raises(ValueError, match="between 0 and 1, but got -0.1"):
        nn.Dropout(-0.1)


def test_functional_is_a_module_of_functions():
    import cnn.nn.functional as functional

    assert functional is nn.functional
    near(functional.relu(cnn.tensor([-1.0, 1.0])), [0, 1])
    assert "linear" in dir(functional) and "linear" in functional.__all__
    with pytest.raises(AttributeError, match="has no attribute 'relu7'"):
        _ = functional.relu7
    x = cnn.tensor([-1.0, 1.0])
    assert functional.relu(x, inplace=True) is x
    near(x, [0, 1])


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        near(nn.Softmax()(cnn.zeros(2, 2)), [0.5] * 4)


def test_pad():
    x = cnn.arange(4.0).reshape(1, 1, 4)
    near(F.pad(x, (1, 2)), [0, 0, 1, 2, 3, 0, 0])
    near(F.pad(x, (1, 2), "circular"), [3, 0, 1, 2, 3, 0, 1])
    near(F.pad(x, (-1, 2), "circular"), [1, 2, 3, 1, 2])
    for pad, mode, kind, text in (
        ((1,), "constant", RuntimeError, "divisible by 2"),
        ((1,) * 8, "constant", RuntimeError, "two times the input dimension"),
        ((5, 0), "circular", RuntimeError, "wrapping around more than once"),
        ((1, 1), "mirror", NotImplementedError, "Unrecognised padding mode mirror"),
    ):
        with pytest.raises(kind, match=text):
            F.pad(x, pad, mode)


def test_one_hot():
    assert F.one_hot(cnn.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert tuple(F.one_hot(cnn.zeros(0, dtype=cnn.int64), 3).shape) == (0, 3)
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(cnn.tensor([3]), 2)


def test_old_names_of_init_warn():
    t = cnn.zeros(2, 2)
    with pytest.warns(FutureWarning, match="`nn.init.constant` is now deprecated"):
        nn.init.constant(t, 3.0)
    near(t, [3, 3, 3, 3])
    for name in ("uniform normal eye dirac xavier_uniform xavier_normal kaiming_uniform").split():
        assert callable(getattr(nn.init, name)) and getattr(nn.init, name).__name__ == name
    with pytest.raises(ValueError, match="Unsupported nonlinearity cubic"):
        nn.init.calculate_gain("cubic")
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        nn.Linear(0, 3)


def test_init_works_on_parameters():
    param = nn.Parameter(cnn.ones(3, 3))
    assert nn.init.eye_(param) is param and param.requires_grad
    near(param, [1, 0, 0, 0, 1, 0, 0, 0, 1])


# Utilities ----------------------------------------------------------------------------------


def test_clip_grad_norm():
    param = nn.Parameter(cnn.zeros(2))
    param.grad = cnn.tensor([3.0, 4.0])
    assert float(nn.utils.clip_grad_norm_([param], 1.0)) == pytest.approx(5.0)
    near(param.grad, [0.6, 0.8])
    assert float(nn.utils.clip_grad_norm_(param, 10.0, norm_type=float("inf"))) == pytest.approx(
        0.8
    )
    near(param.grad, [0.6, 0.8])
    assert float(nn.utils.clip_grad_norm_([nn.Parameter(cnn.ones(1))], 1.0)) == 0.0
    param.grad = cnn.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_([param], 1.0, error_if_nonfinite=True)
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)


def test_clip_grad_value():
    param = nn.Parameter(cnn.zeros(3))
    param.grad = cnn.tensor([-3.0, 0.5, 4.0])
    nn.utils.clip_grad_value_([param], 1)
    near(param.grad, [-1, 0.5, 1])


def test_parameters_as_one_vector():
    layer = nn.Linear(2, 1)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert tuple(vector.shape) == (3,)
    nn.utils.vector_to_parameters(cnn.tensor([1.0, 2.0, 3.0]), layer.parameters())
    near(layer.weight, [1, 2])
    near(layer.bias, [3])
    with pytest.raises(TypeError, match="expected torch.Tensor, but got: list"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_data_parallel_on_one_device():
    layer = nn.Linear(2, 1)
    wrapped = nn.DataParallel(layer)
    x = cnn.ones(3, 2)
    assert wrapped(x).tolist() == layer(x).tolist()
    assert nn.parallel.data_parallel(layer, x).tolist() == layer(x).tolist()
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(NotImplementedError, match="one process runs one device"):
        nn.DataParallel(layer, device_ids=[0, 1])


def test_factory_kwargs():
    assert nn.factory_kwargs(None) == {}
    assert nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": 1}}) == {
        "device": "cpu",
        "dtype": 1,
    }
    with pytest.raises(TypeError, match="unexpected kwargs"):
        nn.factory_kwargs({"shape": 1})


# Paths and imports --------------------------------------------------------------------------


def test_pytorchs_module_paths():
    from cnn.nn.modules import Linear, batchnorm
    from cnn.nn.modules.container import ModuleDict, ParameterList
    from cnn.nn.modules.loss import _WeightedLoss
    from cnn.nn.modules.utils import _pair

    assert Linear is nn.Linear and batchnorm.BatchNorm2d is nn.BatchNorm2d
    assert ModuleDict is nn.ModuleDict and ParameterList is nn.ParameterList
    assert issubclass(nn.NLLLoss, _WeightedLoss) and _pair(3) == (3, 3)
    assert issubclass(nn.BatchNorm2d, nn.modules.batchnorm._BatchNorm)
    assert issubclass(nn.Conv2d, nn.modules.conv._ConvNd)


def test_every_public_class_has_its_path():
    from cnn.nn._paths import CNN_TO_TORCH, TORCH_TO_CNN, torch_path

    assert len(CNN_TO_TORCH) == len(TORCH_TO_CNN)
    for name in nn.__all__:
        value = getattr(nn, name)
        if isinstance(value, type):
            assert torch_path(value).startswith("torch.nn."), name
    assert torch_path(nn.Linear) == "torch.nn.modules.linear.Linear"
    assert torch_path(Net) == f"{Net.__module__}.Net"


def test_sources_import_nothing_slow():
    """`import cnn` is fast because nothing heavy is imported before it is needed."""
    allowed = {"__future__", "collections", "itertools", "math", "operator", "sys", "types"}
    allowed |= {"warnings", "weakref"}
    for path in pathlib.Path(nn.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_no_warnings_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = Net()
        net(cnn.ones(1, 1, 2, 2)).sum().backward()
        net.load_state_dict(net.state_dict())
        copy.deepcopy(net)
