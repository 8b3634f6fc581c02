"""Code of a tutorial on gradients and training by hand, with the losses that PyTorch gives."""

from __future__ import annotations

import pytest

import cnn as torch
import cnn.nn as nn
from cnn.autograd import Variable

# Gradients and training loops by hand ----------------------------------------------------------

batch_n, input_data, hidden_layer, output_data = 100, 1000, 100, 10


def regression():
    torch.manual_seed(0)
    x = Variable(torch.randn(batch_n, input_data), requires_grad=False)
    y = Variable(torch.randn(batch_n, output_data), requires_grad=False)
    w1 = Variable(torch.randn(input_data, hidden_layer), requires_grad=True)
    w2 = Variable(torch.randn(hidden_layer, output_data), requires_grad=True)
    return x, y, w1, w2


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, input, w1, w2):
        x = torch.mm(input, w1)
        x = torch.clamp(x, min=0)
        x = torch.mm(x, w2)
        return x

    def backward(self):
        pass


@pytest.mark.parametrize("how", ["expression", "module"])
def test_training_by_hand(how, capsys):
    x, y, w1, w2 = regression()
    model = Model()
    epoch_n = 20
    learning_rate = 1e-6
    for epoch in range(epoch_n):
        y_pred = x.mm(w1).clamp(min=0).mm(w2) if how == "expression" else model(x, w1, w2)
        loss = (y_pred - y).pow(2).sum()
        print(f"Epoch:{epoch}, Loss:{loss.data.item():.4f}")
        loss.backward()
        w1.data -= learning_rate * w1.grad.data
        w2.data -= learning_rate * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == [f"Epoch:{i}" for i in range(20)]
    losses = [float(line.split("Loss:")[1]) for line in lines]
    assert losses == pytest.approx(LOSSES_BY_HAND, rel=1e-4)
    assert w1.grad.abs().sum().item() == 0


LOSSES_BY_HAND = [
    48420310.0, 88131780.0, 352313800.0, 854586600.0, 108476800.0,
    26148330.0, 14872010.0, 9936757.0, 7206932.0, 5498470.0,
    4345034.0, 3524537.0, 2916498.0, 2452750.0, 2091125.0,
    1803562.0, 1571464.0, 1381564.0, 1224400.0, 1093068.0,
]  # fmt: skip


def test_training_by_an_optimizer():
    x, y, _, _ = regression()
    models = torch.nn.Sequential(
        torch.nn.Linear(input_data, hidden_layer),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden_layer, output_data),
    )
    loss_fn = torch.nn.MSELoss()
    optimizer = torch.optim.Adam(models.parameters(), lr=1e-4)
    losses = []
    for _ in range(20):
        loss = loss_fn(models(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses == pytest.approx(LOSSES_BY_ADAM, rel=1e-4)


LOSSES_BY_ADAM = [
    1.078505, 1.056626, 1.0353, 1.014549, 0.994313,
    0.9746582, 0.9554933, 0.9367354, 0.9183672, 0.9004201,
    0.8829168, 0.8658317, 0.8491517, 0.8328289, 0.8168158,
    0.8011431, 0.7858186, 0.7708257, 0.7561638, 0.7418021,
]  # fmt: skip


def test_a_letter_for_the_one_of_1e_6_is_a_name():
    with pytest.raises(NameError, match="name 'le' is not defined"):
        eval("le-6", {"torch": torch})


def test_module_is_written_with_a_capital():
    with pytest.raises(AttributeError, match="has no attribute 'module'"):
        torch.nn.module  # noqa: B018


def test_a_loss_is_not_indexed():
    loss = torch.tensor([1.0, 2.0]).pow(2).sum()
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor. Use `tensor.item"):
        loss.data[0]


def test_super_of_the_wrong_class():
    class Slip(torch.nn.Module):
        def __init__(self):
            super(nn.Linear, self).__init__()

    with pytest.raises(TypeError, match="obj must be an instance or subtype of type"):
        Slip()


def test_gradients_are_tensors_with_data():
    X = Variable(torch.tensor([1.0, 2.0]), requires_grad=True)
    (X * X).sum().backward()
    assert X.data.tolist() == [1.0, 2.0] and X.grad.data.tolist() == [2.0, 4.0]
    assert type(X) is torch.Tensor and isinstance(X, Variable)
