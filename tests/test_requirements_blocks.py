"""Code of tutorials on blocks, parameters, lazy layers, files and devices, with what it prints."""

from __future__ import annotations

import re

import pytest

import cnn as torch
import cnn.nn as nn
import cnn.nn.functional as F
from cnn import optim

# Blocks, layers, parameters, files and devices -------------------------------------------------


class MySequential(nn.Module):
    def __init__(self, *args):
        super().__init__()
        for idx, module in enumerate(args):
            self._modules[str(idx)] = module

    def forward(self, X):
        for block in self._modules.values():
            X = block(X)
        return X


def test_hand_made_sequential():
    net = MySequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
    X = torch.rand(2, 20)
    output = net(X)
    assert output.shape == (2, 10)
    assert torch.equal(net.__call__(X), output)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


class FixedHiddenMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.rand_weight = torch.rand((20, 20), requires_grad=False)
        self.linear = nn.Linear(20, 20)

    def forward(self, X):
        X = self.linear(X)
        X = F.relu(torch.mm(X, self.rand_weight) + 1)
        X = self.linear(X)
        while X.abs().sum() > 1:
            X /= 2
        return X.sum()


class NestMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.linear = nn.Linear(32, 16)

    def forward(self, X):
        return self.linear(self.net(X))


def test_control_flow_in_forward():
    net = FixedHiddenMLP()
    out = net(torch.rand(2, 20))
    assert out.shape == () and abs(out.item()) <= 1
    assert [name for name, _ in net.named_parameters()] == ["linear.weight", "linear.bias"]
    out.backward()
    assert net.linear.weight.grad.shape == (20, 20)
    assert net.rand_weight.grad is None


def test_chimera_of_blocks():
    net = nn.Sequential(NestMLP(), nn.Linear(16, 20), FixedHiddenMLP())
    output = net(torch.rand(2, 20))
    assert output.shape == ()
    output.backward()
    assert all(p.grad is not None for p in net.parameters())


class CenteredLayer(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, X):
        return X - X.mean()


def test_layer_without_parameters():
    net = nn.Sequential(nn.Linear(8, 128), CenteredLayer())
    mean = net(torch.rand(4, 8)).mean()
    assert abs(mean.item()) < 1e-7
    assert re.fullmatch(r"tensor\(.*, grad_fn=<MeanBackward0>\)", repr(mean))


class MyLinear(nn.Module):
    def __init__(self, in_units, out_units):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(in_units, out_units))
        self.bias = nn.Parameter(
            torch.randn(
                out_units,
            )
        )

    def forward(self, X):
        linear = torch.matmul(X, self.weight.data) + self.bias.data
        return F.relu(linear)


def test_layer_with_parameters(capsys):
    torch.manual_seed(3)
    net = nn.Sequential(MyLinear(64, 8), MyLinear(8, 1))
    output = net(torch.rand(2, 64))
    print(output)
    assert capsys.readouterr().out == MY_LINEAR_OUTPUT
    assert not output.requires_grad  # `.data` keeps the weights out of the graph


MY_LINEAR_OUTPUT = """\
tensor([[0.],
        [0.]])
"""


def seeded_mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


WEIGHT_0 = """\
tensor([[-0.0037,  0.2682, -0.4115, -0.3680],
        [-0.1926,  0.1341, -0.0099,  0.3964],
        [-0.0444,  0.1323, -0.1511, -0.0983],
        [-0.4777, -0.3311, -0.2061,  0.0185],
        [ 0.1977,  0.3000, -0.3390, -0.2177],
        [ 0.1816,  0.4152, -0.1029,  0.3742],
        [-0.0806,  0.0529,  0.4527, -0.4638],
        [-0.3148, -0.1266, -0.1949,  0.4320]])"""
BIAS_0 = "tensor([-0.3241, -0.2302, -0.3493, -0.4683, -0.2919,  0.4298,  0.2231,  0.2423])"
WEIGHT_2 = "tensor([[ 0.0186, -0.1813,  0.0598, -0.3301, -0.2555, -0.1823,  0.2231,  0.2073]])"


def test_parameters_print(capsys):
    net = seeded_mlp()
    print(net.state_dict())
    assert capsys.readouterr().out == (
        f"OrderedDict([('0.weight', {WEIGHT_0}), ('0.bias', {BIAS_0}), "
        f"('2.weight', {WEIGHT_2}), ('2.bias', tensor([-0.1568]))])\n"
    )
    print(net[2].state_dict())
    assert capsys.readouterr().out == (
        f"OrderedDict([('weight', {WEIGHT_2}), ('bias', tensor([-0.1568]))])\n"
    )
    print(net[2].bias)
    print(net[2].bias.data)
    assert capsys.readouterr().out == (
        "Parameter containing:\ntensor([-0.1568], requires_grad=True)\ntensor([-0.1568])\n"
    )
    assert net[2].weight.grad is None


def test_named_parameters_print(capsys):
    net = seeded_mlp()
    print(*[(name, param.data) for name, param in net[0].named_parameters()])
    print(*[(name, param.shape) for name, param in net.named_parameters()])
    assert capsys.readouterr().out == (
        f"('weight', {WEIGHT_0}) ('bias', {BIAS_0})\n"
        "('0.weight', torch.Size([8, 4])) ('0.bias', torch.Size([8])) "
        "('2.weight', torch.Size([1, 8])) ('2.bias', torch.Size([1]))\n"
    )


def test_rand_takes_size_by_name(capsys):
    net = seeded_mlp()
    X = torch.rand(size=(2, 4))
    print(net(X))
    assert capsys.readouterr().out == (
        "tensor([[-0.2531],\n        [-0.3098]], grad_fn=<AddmmBackward0>)\n"
    )


def block1():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())


def block2():
    net = nn.Sequential()
    for i in range(4):
        net.add_module(f"block {i}", block1())
    return net


def test_nested_blocks_print(capsys):
    net = nn.Sequential(block2(), nn.Linear(4, 1))
    print(net)
    block = (
        "    (block {}): Sequential(\n"
        "      (0): Linear(in_features=4, out_features=8, bias=True)\n"
        "      (1): ReLU()\n"
        "      (2): Linear(in_features=8, out_features=4, bias=True)\n"
        "      (3): ReLU()\n"
        "    )\n"
    )
    assert capsys.readouterr().out == (
        "Sequential(\n  (0): Sequential(\n"
        + "".join(block.format(i) for i in range(4))
        + "  )\n  (1): Linear(in_features=4, out_features=1, bias=True)\n)\n"
    )
    assert net[0][1][0].bias.data.shape == (8,)
    assert net(torch.rand(2, 4)).shape == (2, 1)


def init_normal(m):
    if type(m) == nn.Linear:  # noqa: E721  (as readers write it)
        nn.init.normal_(m.weight, mean=0, std=0.01)
        nn.init.zeros_(m.bias)


def init_constant(m):
    if type(m) == nn.Linear:  # noqa: E721
        nn.init.constant_(m.weight, 1)
        nn.init.zeros_(m.bias)


def test_apply_sets_initial_values():
    net = seeded_mlp()
    assert net.apply(init_normal) is net
    assert net[0].weight.abs().max().item() < 0.1 and net[0].bias.tolist() == [0.0] * 8
    net[0].apply(init_normal)
    net[2].apply(init_constant)
    assert net[2].weight.tolist() == [[1.0] * 8] and net[2].bias.tolist() == [0.0]


def test_init_of_the_list():
    layer = nn.Linear(6, 4)
    w = layer.weight
    assert nn.init.constant_(w, 7).tolist() == [[7.0] * 6] * 4
    assert nn.init.zeros_(w).abs().sum().item() == 0
    assert nn.init.ones_(w).sum().item() == 24
    assert 2 <= nn.init.uniform_(w, 2, 3).min().item() <= w.max().item() <= 3
    assert nn.init.xavier_uniform_(w).abs().max().item() <= (6 / 10) ** 0.5
    assert nn.init.normal_(w, 5, 0.001).mean().item() == pytest.approx(5, abs=0.01)
    nn.init.orthogonal_(w)
    assert torch.allclose(w @ w.t(), torch.eye(4), atol=1e-5)
    nn.init.sparse_(w, sparsity=0.5, std=1.0)
    assert (w == 0).sum(0).tolist() == [2] * 6


def test_lazy_layers_print_before_and_after(capsys):
    net = nn.Sequential(nn.LazyLinear(256), nn.ReLU(), nn.LazyLinear(10))
    print(net)
    assert capsys.readouterr().out == (
        "Sequential(\n"
        "  (0): LazyLinear(in_features=0, out_features=256, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): LazyLinear(in_features=0, out_features=10, bias=True)\n"
        ")\n"
    )
    assert repr(net[0].weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        net[0].weight.shape  # noqa: B018
    X = torch.rand(2, 20)
    net(X)
    print(net)
    assert capsys.readouterr().out == (
        "Sequential(\n"
        "  (0): Linear(in_features=20, out_features=256, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Linear(in_features=256, out_features=10, bias=True)\n"
        ")\n"
    )
    assert type(net[0]) is nn.Linear and type(net[0].weight) is nn.Parameter


def test_tensors_saved_and_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = torch.arange(4)
    y = torch.zeros(4)
    torch.save([x, y], "xy.pth")
    x2, y2 = torch.load("xy.pth")
    print(x2, y2)
    assert capsys.readouterr().out == "tensor([0, 1, 2, 3]) tensor([0., 0., 0., 0.])\n"
    torch.save([x, y], "no_suffix")
    assert torch.equal(torch.load("no_suffix")[0], x)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 2)
        self.output = nn.Linear(2, 3)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x)))


HIDDEN = """\
tensor([[-0.0037,  0.2682, -0.4115, -0.3680],
        [-0.1926,  0.1341, -0.0099,  0.3964]])), ('{}bias', tensor([-0.0444,  0.1323])"""
OUTPUT = """\
tensor([[-0.2137, -0.1390],
        [-0.6755, -0.4683],
        [-0.2915,  0.0262]])), ('{}bias', tensor([ 0.2795,  0.4243, -0.4794])"""


def test_model_parameters_saved_and_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = MLP()
    X = torch.randn(size=(2, 4))
    Y = net(X)
    expected = (
        f"OrderedDict([('hidden.weight', {HIDDEN.format('hidden.')}), "
        f"('output.weight', {OUTPUT.format('output.')})])\n"
    )
    print(net.state_dict())
    assert capsys.readouterr().out == expected
    torch.save(net.state_dict(), "mlp.pth")
    net2 = MLP()
    net2.load_state_dict(torch.load("mlp.pth"))
    print(net2.state_dict())
    assert capsys.readouterr().out == expected
    assert torch.equal(net2(X), Y)


def test_one_layer_saved_and_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    net = MLP()
    torch.save(net.hidden.state_dict(), "mlp.pth")
    net2 = MLP()
    kept = net2.output.weight.detach().clone()
    net2.hidden.load_state_dict(torch.load("mlp.pth"))
    print(net2.hidden.state_dict())
    assert capsys.readouterr().out == f"OrderedDict([('weight', {HIDDEN.format('')})])\n"
    assert torch.equal(net2.output.weight, kept)


def try_gpu(i=0):
    if torch.cuda.device_count() >= i + 1:
        return torch.device(f"cuda:{i}")
    return torch.device("cpu")


def try_all_gpus():
    devices = [torch.device(f"cuda:{i}") for i in range(torch.cuda.device_count())]
    return devices if devices else [torch.device("cpu")]


def test_devices_are_tried():
    count = torch.cuda.device_count()
    assert try_gpu(count) == torch.device("cpu")
    assert len(try_all_gpus()) == max(count, 1)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    assert repr(device) == f"device(type='{device.type}'" + (", index=0)" if count else ")")
    assert repr(torch.device("cuda:1")) == "device(type='cuda', index=1)"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_moving_to_a_gpu_that_is_not_there_says_so():
    net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 32))
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    assert net.to(device) is net
    for moved in (net, torch.randn(size=(4, 2))):
        with pytest.raises(RuntimeError, match="CUDA is not available"):
            moved.cuda(device="cuda:0")
        with pytest.raises(RuntimeError, match="CUDA is not available"):
            moved.to("cuda")
    assert nn.MSELoss().cuda(device="cuda:0") is not None  # a loss holds nothing to move


def test_cuda_of_a_cpu_device_is_refused():
    with pytest.raises(RuntimeError, match="Invalid device, must be cuda device"):
        torch.randn(4, 2).cuda(device=torch.device("cpu"))


# The multilayer perceptron, block by block -----------------------------------------------------


def test_sequential_perceptron():
    net = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
    X = torch.rand(2, 20)
    assert net(X).shape == (2, 10)
    hidden = F.relu(F.linear(X, net[0].weight, net[0].bias))
    assert torch.equal(net(X), F.linear(hidden, net[2].weight, net[2].bias))


class PerceptronBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 256)
        self.out = nn.Linear(256, 10)

    def forward(self, X):
        return self.out(F.relu(self.hidden(X)))


def test_perceptron_as_a_class():
    net = PerceptronBlock()
    output = net(torch.rand(2, 20))
    assert output.shape == (2, 10)
    output.sum().backward()
    assert net.hidden.weight.grad.shape == (256, 20)


def test_weight_outside_the_parameters_stays_through_training():
    net = FixedHiddenMLP()
    fixed = net.rand_weight.clone()
    trained = net.linear.weight.detach().clone()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.rand(2, 20)).backward()
        optimizer.step()
    assert torch.equal(net.rand_weight, fixed)
    assert not torch.equal(net.linear.weight, trained)
