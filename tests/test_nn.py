"""Module: parameters, registration, walking, printing, containers."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import cnn
from cnn import nn
from nn_model import Net, near

# Parameters ---------------------------------------------------------------------------------------


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


# Registering and walking --------------------------------------------------------------------------


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
        (lambda m: m.compile(mode="fast"), RuntimeError, "Unrecognized mode=fast"),
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


# Printing -----------------------------------------------------------------------------------------


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


# Containers ---------------------------------------------------------------------------------------


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
