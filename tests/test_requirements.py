"""Code of tutorials on building networks, as their readers type it, with what it prints.

Classes of layers, LeNet, convolution and pooling, containers, losses, optimizers.
Where a tutorial has a slip, its test holds the error that tells the reader so.
"""

from __future__ import annotations

import re
from collections import OrderedDict

import pytest

import cnn as t
import cnn as torch
import cnn.nn as nn
import cnn.nn.functional as F
from cnn import optim
from cnn.autograd import Variable
from cnn.autograd import Variable as V

# Networks as classes: LeNet, its attributes, gradients and losses ------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


def test_lenet_prints(capsys):
    model = Net()
    print(model)
    assert capsys.readouterr().out == (
        "Net(\n"
        "  (conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (conv2): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))\n"
        "  (fc1): Linear(in_features=400, out_features=120, bias=True)\n"
        "  (fc2): Linear(in_features=120, out_features=84, bias=True)\n"
        "  (fc3): Linear(in_features=84, out_features=10, bias=True)\n"
        ")\n"
    )


def test_lenet_parameters(capsys):
    net = Net()
    params = list(net.parameters())
    print(len(params))
    for name, parameters in net.named_parameters():
        print(name, ":", parameters.size())
    assert capsys.readouterr().out == (
        "10\n"
        "conv1.weight : torch.Size([6, 1, 5, 5])\n"
        "conv1.bias : torch.Size([6])\n"
        "conv2.weight : torch.Size([16, 6, 5, 5])\n"
        "conv2.bias : torch.Size([16])\n"
        "fc1.weight : torch.Size([120, 400])\n"
        "fc1.bias : torch.Size([120])\n"
        "fc2.weight : torch.Size([84, 120])\n"
        "fc2.bias : torch.Size([84])\n"
        "fc3.weight : torch.Size([10, 84])\n"
        "fc3.bias : torch.Size([10])\n"
    )


def test_lenet_forward_prints_its_output(capsys):
    torch.manual_seed(0)
    net = Net()
    input = Variable(torch.randn(1, 1, 32, 32))
    out = net(input)
    print(out)
    printed = capsys.readouterr().out
    assert printed == LENET_OUTPUT
    assert out.shape == (1, 10)


LENET_OUTPUT = """\
tensor([[-0.1007, -0.0902,  0.0364,  0.0591, -0.0421,  0.0203,  0.0314,  0.0724,
         -0.0276,  0.1233]], grad_fn=<AddmmBackward0>)
"""


def test_lenet_backward_accumulates_until_zeroed():
    net = Net()
    out = net(Variable(torch.randn(1, 1, 32, 32)))
    seed = torch.randn(1, 10)
    net.zero_grad()
    out.backward(seed, retain_graph=True)
    once = [p.grad.clone() for p in net.parameters()]
    out.backward(seed, retain_graph=True)
    for p, g in zip(net.parameters(), once):
        assert torch.equal(p.grad, g + g)
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    out.backward(seed)
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), once))


def test_backward_of_a_vector_needs_a_gradient():
    out = Net()(torch.randn(1, 1, 32, 32))
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
        out.backward()


def test_mse_loss_reductions():
    input, target = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 1.0])
    assert nn.MSELoss(reduction="none")(input, target).tolist() == [0.0, 4.0, 9.0]
    assert nn.MSELoss()(input, target).item() == pytest.approx(13 / 3, rel=1e-6)
    assert nn.MSELoss(reduction="mean")(input, target).shape == ()
    assert nn.MSELoss(reduction="sum")(input, target).item() == 13.0


def test_mse_loss_reduction_is_spelled_in_small_letters():
    with pytest.raises(ValueError, match="None is not a valid value for reduction"):
        nn.MSELoss(reduction="None")(torch.ones(2), torch.ones(2))


# Blocks of layers


class MyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(3, 32, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.dense_block = nn.Sequential(
            nn.Linear(32 * 3 * 3, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        conv_out = self.conv_block(x)
        res = conv_out.view(conv_out.size(0), -1)
        out = self.dense_block(res)
        return out


class MyNamedNet(MyNet):
    def __init__(self):
        super().__init__()
        self.conv_block = nn.Sequential(
            OrderedDict(
                [
                    ("conv1", nn.Conv2d(3, 32, 3, 1, 1)),
                    ("relu1", nn.ReLU()),
                    ("pool", nn.MaxPool2d(2)),
                ]
            )
        )
        self.dense_block = nn.Sequential(
            OrderedDict(
                [
                    ("dense1", nn.Linear(32 * 3 * 3, 128)),
                    ("relu2", nn.ReLU()),
                    ("dense2", nn.Linear(128, 10)),
                ]
            )
        )


MY_NET = """\
MyNet(
  (conv_block): Sequential(
    ({0}): Conv2d(3, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    ({1}): ReLU()
    ({2}): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  )
  (dense_block): Sequential(
    ({3}): Linear(in_features=288, out_features=128, bias=True)
    ({4}): ReLU()
    ({5}): Linear(in_features=128, out_features=10, bias=True)
  )
)"""


def test_sequential_blocks_print():
    assert repr(MyNet()) == MY_NET.format(0, 1, 2, 0, 1, 2)


def test_named_blocks_print():
    names = ("conv1", "relu1", "pool", "dense1", "relu2", "dense2")
    assert repr(MyNamedNet()) == MY_NET.replace("MyNet", "MyNamedNet").format(*names)


def test_blocks_fit_one_image_size_alone():
    assert MyNet()(torch.randn(2, 3, 6, 6)).shape == (2, 10)
    with pytest.raises(RuntimeError, match=re.escape("cannot be multiplied (2x8192 and 288x128)")):
        MyNet()(torch.randn(2, 3, 32, 32))


def test_add_module_builds_a_block():
    block = torch.nn.Sequential()
    block.add_module("conv1", torch.nn.Conv2d(3, 32, 3, 1, 1))
    block.add_module("relu1", torch.nn.ReLU())
    block.add_module("pool1", torch.nn.MaxPool2d(2))
    assert repr(block) == (
        "Sequential(\n"
        "  (conv1): Conv2d(3, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  (relu1): ReLU()\n"
        "  (pool1): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n"
        ")"
    )
    assert block(torch.randn(1, 3, 6, 6)).shape == (1, 32, 3, 3)


def test_walks_over_modules():
    model = MyNamedNet()
    assert [type(m).__name__ for m in model.children()] == ["Sequential", "Sequential"]
    assert [name for name, _ in model.named_children()] == ["conv_block", "dense_block"]
    assert all(isinstance(pair, tuple) for pair in model.named_children())
    kinds = [type(m).__name__ for m in model.modules()]
    assert kinds == (
        ["MyNamedNet", "Sequential", "Conv2d", "ReLU", "MaxPool2d"]
        + ["Sequential", "Linear", "ReLU", "Linear"]
    )
    assert [name for name, _ in model.named_modules()] == [
        "",
        "conv_block",
        "conv_block.conv1",
        "conv_block.relu1",
        "conv_block.pool",
        "dense_block",
        "dense_block.dense1",
        "dense_block.relu2",
        "dense_block.dense2",
    ]
    assert [type(m).__name__ for m in model.conv_block] == ["Conv2d", "ReLU", "MaxPool2d"]


# Layers by hand, convolution and pooling, containers, losses, optimizers -----------------------


class Linear(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.w = nn.Parameter(t.randn(out_features, in_features))
        self.b = nn.Parameter(t.randn(out_features, 1))

    def forward(self, x):
        return (self.w).mm(x) + self.b


class Perceptron(nn.Module):
    def __init__(self, in_features, hidden_features, out_features):
        super().__init__()
        self.layer1 = Linear(in_features, hidden_features)
        self.layer2 = Linear(hidden_features, out_features)

    def forward(self, x):
        x = self.layer1(x)
        x = t.sigmoid(x)
        x = self.layer2(x)
        return x


def test_perceptron_of_hand_made_layers():
    perceptron = Perceptron(3, 4, 1)
    x = V(t.randn(3, 5))
    output = perceptron(x)
    assert output.shape == (1, 5) and output.requires_grad and not x.requires_grad
    names = [name for name, _ in perceptron.named_parameters()]
    assert names == ["layer1.w", "layer1.b", "layer2.w", "layer2.b"]
    inside = t.sigmoid(perceptron.layer1.w @ x + perceptron.layer1.b)
    expected = perceptron.layer2.w @ inside + perceptron.layer2.b
    assert t.allclose(output, expected)
    output.sum().backward()
    assert perceptron.layer1.b.grad.shape == (4, 1)
    assert repr(perceptron) == "Perceptron(\n  (layer1): Linear()\n  (layer2): Linear()\n)"


def test_a_module_must_call_its_parents_init():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\)"):
        Forgetful()


def test_sharpening_convolution():
    input = t.rand(200, 200).unsqueeze(0).unsqueeze(0)
    kernel = t.ones(3, 3) / -9
    kernel[1][1] = 1
    conv = nn.Conv2d(1, 1, (3, 3), 1, bias=False)
    conv.weight.data = kernel.view(1, 1, 3, 3)
    out = conv(V(input))
    picture = out.data.squeeze(0)
    assert picture.shape == (1, 198, 198) and not picture.requires_grad
    window = input[0, 0, 10:13, 20:23]
    assert picture[0, 10, 20].item() == pytest.approx((window * kernel).sum().item(), abs=1e-5)
    assert isinstance(conv.weight, nn.Parameter) and conv.weight.requires_grad
    assert repr(conv) == "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), bias=False)"


def test_average_pooling_has_no_parameters():
    pool = nn.AvgPool2d(2, 2)
    assert list(pool.parameters()) == []
    input = t.arange(16.0).view(1, 1, 4, 4)
    out = pool(V(input))
    assert out.data.squeeze(0).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    assert repr(pool) == "AvgPool2d(kernel_size=2, stride=2, padding=0)"


def test_linear_takes_a_batch_of_rows():
    linear = nn.Linear(3, 4)
    input = V(t.randn(2, 3))
    output = linear(input)
    assert output.shape == (2, 4)
    assert t.allclose(output, input @ linear.weight.t() + linear.bias)
    with pytest.raises(RuntimeError, match=re.escape("cannot be multiplied (3x2 and 3x4)")):
        linear(input.t())


def test_dropout_scales_what_it_keeps():
    dropout = nn.Dropout(0.5)
    input = t.ones(1000)
    output = dropout(input)
    assert set(output.tolist()) == {0.0, 2.0}
    assert t.equal(dropout.eval()(input), input)
    assert repr(dropout) == "Dropout(p=0.5, inplace=False)"


def test_relu_in_place_keeps_its_gradient():
    x = t.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 3
    z = nn.ReLU(inplace=True)(y)
    assert z is y and y.tolist() == [0.0, 6.0]
    z.sum().backward()
    assert x.grad.tolist() == [0.0, 3.0]
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"


def test_sequential_by_add_module():
    net1 = nn.Sequential()
    net1.add_module("conv", nn.Conv2d(3, 3, 3))
    net1.add_module("bn", nn.BatchNorm2d(3))
    net1.add_module("activation", nn.ReLU())
    input = V(t.randn(1, 3, 4, 4))
    output = net1(input)
    assert output.shape == (1, 3, 2, 2) and output.min().item() >= 0
    assert repr(net1) == (
        "Sequential(\n"
        "  (conv): Conv2d(3, 3, kernel_size=(3, 3), stride=(1, 1))\n"
        "  (bn): BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
        "track_running_stats=True)\n"
        "  (activation): ReLU()\n"
        ")"
    )


def test_batch_norm_1d_refuses_images():
    net2 = nn.Sequential(
        nn.Conv2d(3, 3, 3),
        nn.BatchNorm1d(3),
        nn.ReLU(),
    )
    with pytest.raises(ValueError, match=re.escape("expected 2D or 3D input (got 4D input)")):
        net2(V(t.randn(1, 3, 4, 4)))


def test_module_list():
    layers = nn.ModuleList([nn.Conv2d(3, 3, 3), nn.ReLU()])
    assert len(layers) == 2 and isinstance(layers[1], nn.ReLU)
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias"]
    assert repr(layers) == (
        "ModuleList(\n  (0): Conv2d(3, 3, kernel_size=(3, 3), stride=(1, 1))\n  (1): ReLU()\n)"
    )
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        layers(t.ones(1))


def test_cross_entropy_of_long_labels():
    score = V(t.randn(3, 2))
    label = V(t.Tensor([1, 0, 1])).long()
    criterion = nn.CrossEntropyLoss()
    loss = criterion(score, label)
    picked = t.log_softmax(score, 1)[t.arange(3), label]
    assert loss.item() == pytest.approx(-picked.mean().item(), rel=1e-5)


def test_cross_entropy_refuses_float_labels():
    with pytest.raises(
        RuntimeError, match="expected target dtype to be Long or Byte, but got Float"
    ):
        nn.CrossEntropyLoss()(V(t.randn(3, 2)), V(t.Tensor([1, 0, 1])))


class SequentialLeNet(nn.Module):
    def __init__(self, second_kernel):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 16, second_kernel),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        )

    def forward(self, x):
        x = self.features(x)
        x = x.view(-1, 16 * 5 * 5)
        x = self.classifier(x)
        return x


def test_optimizer_takes_a_step():
    net = SequentialLeNet(second_kernel=5)
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = optim.SGD(params=net.parameters(), lr=1)
    optimizer.zero_grad()
    input = V(t.randn(1, 3, 32, 32))
    output = net(input)
    output.backward(output)
    optimizer.step()
    for old, p in zip(before, net.parameters()):
        assert t.equal(p.detach(), old - p.grad)
    assert any(not t.equal(old, p) for old, p in zip(before, net.parameters()))


def test_a_kernel_too_large_leaves_a_shape_that_cannot_fit():
    net = SequentialLeNet(second_kernel=6)
    with pytest.raises(RuntimeError, match=re.escape("shape '[-1, 400]' is invalid for input of")):
        net(V(t.randn(1, 3, 32, 32)))


def test_optimizer_groups():
    net = SequentialLeNet(second_kernel=5)
    optimizer = optim.SGD(
        [
            {"params": net.features.parameters()},
            {"params": net.classifier.parameters(), "lr": 0.01},
        ],
        lr=0.001,
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.01]
    assert [len(group["params"]) for group in optimizer.param_groups] == [4, 6]
    assert repr(optimizer).startswith("SGD (\nParameter Group 0\n    dampening: 0\n")


def test_optimizer_refuses_parameters_in_quotes():
    groups = [
        {"params": "net.features.parameters()"},
        {"params": "net.classifier.parameters()", "lr": 0.01},
    ]
    with pytest.raises(TypeError, match="optimizer can only optimize Tensors, but one of the"):
        optim.SGD(groups, lr=0.001)


def test_old_name_of_xavier_normal_warns():
    linear = nn.Linear(3, 4)
    before = linear.weight.detach().clone()
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.xavier_normal_`"):
        nn.init.xavier_normal(linear.weight)
    assert not t.equal(linear.weight, before)


def test_train_and_eval_reach_every_layer():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm2d(3)))
    net.eval()
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_saved_state_loads_into_another_net(tmp_path):
    net, net2 = Net(), Net()
    path = tmp_path / "net.pth"
    t.save(net.state_dict(), path)
    assert repr(net2.load_state_dict(t.load(path))) == "<All keys matched successfully>"
    for p, q in zip(net.parameters(), net2.parameters()):
        assert t.equal(p, q)


def test_data_parallel_of_no_device_runs_the_module():
    net, input = nn.Linear(3, 2), t.randn(4, 3)
    if not t.cuda.is_available():
        assert t.equal(nn.parallel.data_parallel(net, input), net(input))
