"""Optimizers and small programs: a GPU trains as the CPU does."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
from cnn import nn, optim
from drawing import DrawnOnTheCpu

pytestmark = pytest.mark.cuda
F = nn.functional

OPTIMIZERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "Adam": {"lr": 0.01, "amsgrad": True, "weight_decay": 0.01},
    "AdamW": {"lr": 0.01},
    "Adamax": {"lr": 0.01},
    "NAdam": {"lr": 0.01},
    "RAdam": {"lr": 0.01},
    "Adagrad": {"lr": 0.05, "lr_decay": 0.01},
    "Adadelta": {"lr": 0.5},
    "Adafactor": {"lr": 0.05},
    "RMSprop": {"lr": 0.01, "centered": True, "momentum": 0.5},
    "Rprop": {"lr": 0.01},
    "ASGD": {"lr": 0.05},
    "Muon": {"lr": 0.05},
    "LBFGS": {"lr": 0.3, "max_iter": 4, "line_search_fn": "strong_wolfe"},
}
# Of sparse gradients, which there are none of.
NOT_TRIED = {"Optimizer", "SparseAdam"}


def test_no_optimizer_is_left_out():
    classes = {name for name in dir(optim) if isinstance(getattr(optim, name), type)}
    every = {name for name in classes if issubclass(getattr(optim, name), optim.Optimizer)}
    assert every - NOT_TRIED == set(OPTIMIZERS)


def trained(device, build, batch, optimizer, steps=4):
    """The losses of some steps and the parameters after them, as float64 arrays."""
    cnn.manual_seed(0)
    model = build().to(device)
    opt = optimizer(model.parameters())
    losses = []
    for step in range(steps):
        inputs = batch(step, device)

        def closure(inputs=inputs):
            opt.zero_grad()
            with DrawnOnTheCpu():
                loss = model(*inputs)
            loss.backward()
            return loss

        losses.append(float(opt.step(closure)))
    return losses, [np.array(p.detach().cpu().double().tolist()) for p in model.parameters()]


def compare(build, batch, optimizer, steps=4, rtol=1e-5):
    want_losses, want = trained("cpu", build, batch, optimizer, steps)
    got_losses, got = trained("cuda", build, batch, optimizer, steps)
    np.testing.assert_allclose(got_losses, want_losses, rtol=rtol)
    for g, w in zip(got, want):
        np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol * max(1e-3, np.abs(w).max()))
    again_losses, again = trained("cuda", build, batch, optimizer, steps)
    assert again_losses == got_losses  # the same bits
    assert all(np.array_equal(a, g) for a, g in zip(again, got))


class WithLoss(nn.Module):
    """A model and what its outputs are measured by."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x, target):
        return self.loss(self.model(x), target)


def numbers(step, *shape):
    return np.random.default_rng(step).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    def build():
        if name == "Muon":  # of matrices alone
            layers = nn.Sequential(nn.Linear(5, 7, False), nn.Tanh(), nn.Linear(7, 3, False))
        else:
            layers = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
        return WithLoss(layers, F.mse_loss).double()

    def batch(step, device):
        x, y = numbers(0, 8, 5), numbers(1, 8, 3)
        return cnn.tensor(x).double().to(device), cnn.tensor(y).double().to(device)

    make = getattr(optim, name)
    compare(build, batch, lambda params: make(list(params), **OPTIMIZERS[name]), rtol=1e-9)


def adam(params):
    return optim.Adam(list(params), lr=0.01)


def test_an_lstm():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(11, 6)
            self.lstm = nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
            self.out = nn.Linear(16, 4)

        def forward(self, x, target):
            y, _ = self.lstm(self.embed(x))
            return F.cross_entropy(self.out(y).flatten(0, 1), target.flatten())

    def batch(step, device):
        rng = np.random.default_rng(step)
        x = cnn.tensor(rng.integers(0, 11, (3, 7)))
        return x.to(device), (x % 4).to(device)

    compare(Tagger, batch, adam)


def test_a_transformer_encoder():
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(13, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)
            self.out = nn.Linear(8, 3)

        def forward(self, x, target):
            hidden = self.encoder(self.embed(x), src_key_padding_mask=x == 0)
            return F.cross_entropy(self.out(hidden.mean(1)), target)

    def batch(step, device):
        rng = np.random.default_rng(step)
        x = cnn.tensor(rng.integers(0, 13, (4, 6)))
        x[:, 0] = 1
        return x.to(device), (x.sum(1) % 3).to(device)

    compare(Classifier, batch, lambda params: optim.SGD(list(params), lr=0.1, momentum=0.9))


def test_a_language_model():
    # Causal attention, tied weights, gradients clipped by their norm.
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 8)
            self.qkv = nn.Linear(8, 24, bias=False)
            self.norm = nn.LayerNorm(8)

        def forward(self, x, target):
            h = self.embed(x)
            q, k, v = self.qkv(self.norm(h)).view(*x.shape, 3, 2, 4).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + y.transpose(1, 2).flatten(2)
            return F.cross_entropy(F.linear(h, self.embed.weight).flatten(0, 1), target.flatten())

    def batch(step, device):
        x = cnn.tensor(np.random.default_rng(step).integers(0, 9, (3, 8)))
        return x[:, :-1].contiguous().to(device), x[:, 1:].contiguous().to(device)

    def clipped(params):
        params = list(params)
        optimizer = optim.AdamW(params, lr=0.01)
        optimizer.register_step_post_hook(lambda *_: nn.utils.clip_grad_norm_(params, 0.5))
        return optimizer

    compare(Block, batch, clipped)


def test_a_gan():
    def losses(device):
        cnn.manual_seed(0)
        maker = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 5)).to(device)
        judge = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        judge.to(device)
        makers, judges = adam(maker.parameters()), adam(judge.parameters())
        found = []
        for step in range(3):
            real = cnn.tensor(numbers(step, 6, 5)).to(device)
            noise = cnn.tensor(numbers(step + 10, 6, 4)).to(device)
            ones, zeros = cnn.ones(6, 1, device=device), cnn.zeros(6, 1, device=device)
            judges.zero_grad()
            loss = F.binary_cross_entropy_with_logits(judge(real), ones)
            loss += F.binary_cross_entropy_with_logits(judge(maker(noise).detach()), zeros)
            loss.backward()
            judges.step()
            makers.zero_grad()
            fooled = F.binary_cross_entropy(judge(maker(noise)).sigmoid(), ones)
            fooled.backward()
            makers.step()
            found += [loss.item(), fooled.item()]
        return found

    np.testing.assert_allclose(losses("cuda"), losses("cpu"), rtol=2e-5)
    assert losses("cuda") == losses("cuda")


def test_a_convolutional_net():
    # As examples/digits.py has it, smaller.
    def build():
        layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),  # batch norm takes a bias away
            nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.2),
            nn.Linear(6, 10),
        )  # fmt: skip
        return WithLoss(layers, F.cross_entropy)

    def batch(step, device):
        x = cnn.tensor(numbers(step, 5, 1, 8, 8)).to(device)
        return x, cnn.arange(5).to(device)

    compare(build, batch, adam)
