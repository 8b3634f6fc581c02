"""Models for tests/gpu.py, written against cnn or torch, whichever is given."""

from __future__ import annotations


def mlp(lib, tiny):
    nn = lib.nn
    wide = 32 if tiny else 1024
    model = nn.Sequential(
        nn.Linear(64, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 10)
    )
    return model, lambda n: lib.randn(n, 64), 4 if tiny else 256


def lenet(lib, tiny):
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip
    return model, lambda n: lib.randn(n, 1, 28, 28), 1 if tiny else 256


def resnet(lib, tiny):
    """For 32 x 32 pictures; two blocks at each of four widths."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.a = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.b = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.norm_a, self.norm_b = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.short = nn.Identity()
            if stride != 1 or before != after:
                self.short = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
                )

        def forward(self, x):
            y = lib.relu(self.norm_a(self.a(x)))
            return lib.relu(self.norm_b(self.b(y)) + self.short(x))

    widths = (4, 8) if tiny else (64, 128, 256, 512)
    layers = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    before = widths[0]
    for i, width in enumerate(widths):
        layers += [Block(before, width, 2 if i else 1)] + [Block(width, width, 1)] * (not tiny)
        before = width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))
    size = 8 if tiny else 32
    return model, lambda n: lib.randn(n, 3, size, size), 1 if tiny else 128


def lstm(lib, tiny):
    nn = lib.nn
    wide, steps = (8, 3) if tiny else (512, 64)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(16, wide, 1 if tiny else 2, batch_first=True)
            self.out = nn.Linear(wide, 10)

        def forward(self, x):
            return self.out(self.lstm(x)[0][:, -1])

    return Model(), lambda n: lib.randn(n, steps, 16), 2 if tiny else 64


def gpt(lib, tiny):
    """A small language model's blocks; of it, the last token is classified."""
    nn = lib.nn
    wide, heads, depth, steps = (16, 2, 1, 4) if tiny else (768, 12, 12, 512)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm_a, self.norm_b = nn.LayerNorm(wide), nn.LayerNorm(wide)
            self.qkv, self.out = nn.Linear(wide, 3 * wide), nn.Linear(wide, wide)
            self.up, self.down = nn.Linear(wide, 4 * wide), nn.Linear(4 * wide, wide)

        def forward(self, x):
            n, t, c = x.shape
            parts = self.qkv(self.norm_a(x)).view(n, t, 3, heads, c // heads).permute(2, 0, 3, 1, 4)
            y = nn.functional.scaled_dot_product_attention(
                parts[0], parts[1], parts[2], is_causal=True
            )
            x = x + self.out(y.transpose(1, 2).reshape(n, t, c))
            return x + self.down(nn.functional.gelu(self.up(self.norm_b(x))))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
            self.head = nn.Linear(wide, 10)

        def forward(self, x):
            return self.head(self.blocks(x)[:, -1])

    return Model(), lambda n: lib.randn(n, steps, wide), 1 if tiny else 4


ALL = (mlp, lenet, resnet, lstm, gpt)


class Training:
    """A model, its data and an optimizer on a device."""

    def __init__(self, lib, make, device, tiny):
        lib.manual_seed(0)
        self.lib = lib
        model, data, n = make(lib, tiny)
        self.model = model.to(device)
        self.x = data(n).to(device)
        self.target = lib.arange(n).remainder(10).to(device)
        self.optimizer = lib.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self):
        self.optimizer.zero_grad()
        loss = self.lib.nn.functional.cross_entropy(self.model(self.x), self.target)
        loss.backward()
        self.optimizer.step()
        return loss
