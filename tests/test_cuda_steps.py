"""What a step of training asks of a GPU: nothing waits but who reads the loss, and launches are
few. The numbers are the CPU's.
"""

import numpy as np
import pytest

import cnn
from cnn import nn
from emulation import counted

pytestmark = pytest.mark.cuda
F = nn.functional


class Mlp:
    launches = 25

    def __init__(self, device):
        layers = nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4)
        self.model = nn.Sequential(*layers).to(device)
        self.optimizer = cnn.optim.SGD(self.model.parameters(), 0.1, momentum=0.9)
        self.x = cnn.randn(8, 12).to(device)
        self.target = cnn.randint(0, 4, (8,)).to(device)

    def step(self):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.x), self.target)
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Block(nn.Module):
    """A transformer of one block, its attention written by hand."""

    def __init__(self, words=11, length=6, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, words, bias=False)
        self.register_buffer("future", cnn.ones(length, length).triu(1).bool())
        self.register_buffer("numbers", cnn.arange(length))

    def attention(self, x):
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = q @ k.transpose(-2, -1) * (width // self.heads) ** -0.5
        weights = weights.masked_fill(self.future, float("-inf")).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, width))

    def forward(self, tokens):
        x = self.words(tokens) + self.places(self.numbers)
        x = x + self.attention(self.before(x))
        x = x + self.down(F.gelu(self.up(self.between(x))))
        return self.head(x)


class Gpt:
    launches = 78

    def __init__(self, device):
        self.model = Block().to(device)
        self.optimizer = cnn.optim.AdamW(self.model.parameters(), 0.01)
        self.tokens = cnn.randint(0, 11, (4, 6)).to(device)
        self.target = self.tokens.roll(-1, 1)

    def step(self):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.tokens).flatten(0, 1), self.target.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


class Gan:
    launches = 73

    def __init__(self, device):
        self.maker = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 6), nn.Tanh())
        self.judge = nn.Sequential(
            nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid()
        )
        self.maker.to(device), self.judge.to(device)
        self.by_maker = cnn.optim.Adam(self.maker.parameters(), 0.01)
        self.by_judge = cnn.optim.Adam(self.judge.parameters(), 0.01)
        self.real, self.noise = cnn.rand(8, 6).to(device), cnn.randn(8, 4).to(device)
        self.yes, self.no = cnn.ones(8, 1, device=device), cnn.zeros(8, 1, device=device)

    def step(self):
        self.by_judge.zero_grad()
        made = self.maker(self.noise)
        loss = F.binary_cross_entropy(self.judge(self.real), self.yes)
        loss = loss + F.binary_cross_entropy(self.judge(made.detach()), self.no)
        loss.backward()
        self.by_judge.step()
        self.by_maker.zero_grad()
        F.binary_cross_entropy(self.judge(made), self.yes).backward()
        self.by_maker.step()
        return loss.item()


class Vae:
    launches = 39

    def __init__(self, device):
        self.encoder = nn.Linear(10, 8).to(device)
        self.decoder = nn.Linear(4, 10).to(device)
        params = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = cnn.optim.Adam(params, 0.01)
        self.x, self.noise = cnn.rand(8, 10).to(device), cnn.randn(8, 4).to(device)

    def step(self):
        self.optimizer.zero_grad()
        mean, spread = self.encoder(self.x).chunk(2, 1)
        y = self.decoder(mean + (0.5 * spread).exp() * self.noise)
        loss = F.binary_cross_entropy_with_logits(y, self.x, reduction="sum")
        loss = loss - 0.5 * (1 + spread - mean**2 - spread.exp()).sum()
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Recurrent:
    launches = 189

    def __init__(self, device):
        self.cell, self.head = nn.LSTMCell(3, 8).to(device), nn.Linear(8, 1).to(device)
        params = [*self.cell.parameters(), *self.head.parameters()]
        self.optimizer = cnn.optim.RMSprop(params, 0.01)
        self.x, self.y = cnn.randn(5, 4, 3).to(device), cnn.randn(4, 1).to(device)

    def step(self):
        self.optimizer.zero_grad()
        state = None
        for x in self.x:
            state = self.cell(x, state)
        loss = F.mse_loss(self.head(state[0]), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()


PROGRAMS = [Mlp, Gpt, Gan, Vae, Recurrent]


def made(program, device):
    cnn.manual_seed(3)
    return program(device)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_losses_are_the_cpus(program):
    on_gpu, on_cpu, again = made(program, "cuda"), made(program, "cpu"), made(program, "cuda")
    got = [on_gpu.step() for _ in range(5)]
    np.testing.assert_allclose(got, [on_cpu.step() for _ in range(5)], 1e-4)
    assert got == [again.step() for _ in range(5)]  # the same bits every time


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_only_who_reads_the_loss_waits(program):
    training = made(program, "cuda")
    for _ in range(2):
        training.step()
    counts = counted(training.step)
    assert counts.copies == 0 and counts.waits == 1
    assert counts.launches <= program.launches
