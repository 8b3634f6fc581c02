"""The networks of the training benchmarks; `torch` is cnn or PyTorch."""

from __future__ import annotations


def lenet(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def conv_norm(torch, inputs, outputs, size, stride=1, groups=1):
    """Convolution and batch norm, the layers of an image network."""
    nn = torch.nn
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def resnet18(torch):
    """ResNet-18 in its form for 32x32 images: a 3x3 stem, no pooling before the blocks."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(
                *conv_norm(torch, inputs, outputs, 3, stride), nn.ReLU(),
                *conv_norm(torch, outputs, outputs, 3),
            )  # fmt: skip
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(*conv_norm(torch, inputs, outputs, 1, stride))

        def forward(self, x):
            return nn.functional.relu(self.body(x) + self.shortcut(x))

    layers, inputs = [*conv_norm(torch, 3, 64, 3), nn.ReLU()], 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def mobilenet(torch):
    """Depthwise 3x3 and pointwise 1x1 convolutions in turn, for 32x32 images."""
    nn = torch.nn
    layers, inputs = [*conv_norm(torch, 3, 32, 3), nn.ReLU()], 32
    shapes = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))
    for outputs, stride in shapes:
        layers += [*conv_norm(torch, inputs, inputs, 3, stride, groups=inputs), nn.ReLU()]
        layers += [*conv_norm(torch, inputs, outputs, 1), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def transformer(torch):
    nn = torch.nn
    layer = nn.TransformerEncoderLayer(
        256, nhead=8, dim_feedforward=1024, dropout=0.0, activation="gelu", batch_first=True
    )
    return nn.TransformerEncoder(layer, num_layers=4)


def char_gpt(torch, fused, vocabulary=96, width=192, heads=6, length=128):
    """A small language model of characters; fused: by scaled_dot_product_attention."""
    nn, functional = torch.nn, torch.nn.functional
    if fused:
        functional.scaled_dot_product_attention  # noqa: B018  tells early that it is absent

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            future = torch.ones(length, length).triu(1) > 0
            self.register_buffer("future", future)

        def forward(self, x):
            batch, time, _ = x.shape
            q, k, v = (
                part.view(batch, time, heads, width // heads).transpose(1, 2)
                for part in self.qkv(x).split(width, dim=2)
            )
            if fused:
                y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                scores = (q @ k.transpose(-2, -1)) * (width // heads) ** -0.5
                y = scores.masked_fill(self.future, float("-inf")).softmax(-1) @ v
            return self.out(y.transpose(1, 2).reshape(batch, time, width))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.attention = nn.LayerNorm(width), Attention()
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = (
                nn.Embedding(vocabulary, width),
                nn.Embedding(length, width),
            )
            self.blocks = nn.Sequential(*(Block() for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

        def forward(self, tokens):
            x = self.tokens(tokens) + self.places(torch.arange(length))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return Gpt()
