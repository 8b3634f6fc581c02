"""Training steps by hand in jax.numpy, compiled whole by `jax.jit`, from weights that cnn draws.

Each draws as its workload in training.py does, so that both have the same weights and data.
"""

from __future__ import annotations

from importlib import import_module
from itertools import cycle

from benchmarks import models


def arrays(jax, net):
    """Name -> array of the parameters."""
    return {name: jax.numpy.array(p.detach().numpy()) for name, p in net.named_parameters()}


def sgd(jax, rate=0.01, momentum=0.9):
    def update(weights, gradients, state):
        pace = jax.tree.map(lambda v, g: momentum * v + g, state, gradients)
        return jax.tree.map(lambda w, v: w - rate * v, weights, pace), pace

    return update, lambda weights: jax.tree.map(jax.numpy.zeros_like, weights)


def adam(jax, rate=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    def update(weights, gradients, state):
        first, second, count = state
        count = count + 1
        first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, second, gradients)
        pace, scale = rate / (1 - beta1**count), 1 / (1 - beta2**count)
        weights = jax.tree.map(
            lambda w, m, v: w - pace * m / (jax.numpy.sqrt(v * scale) + eps),
            weights, first, second,
        )  # fmt: skip
        return weights, (first, second, count)

    def start(weights):
        zeros = [jax.tree.map(jax.numpy.zeros_like, weights) for _ in range(2)]
        return (*zeros, jax.numpy.zeros(()))

    return update, start


def step_of(jax, forward, loss, weights, optimizer, x, targets):
    """The function that makes one step; targets: an iterator, whose next is for the next step."""
    update, start = optimizer

    def change(weights, state, x, target):
        value, gradients = jax.value_and_grad(lambda w: loss(forward(w, x), target))(weights)
        return *update(weights, gradients, state), value

    compiled = jax.jit(change, donate_argnums=(0, 1))
    state = start(weights)

    def step():
        nonlocal weights, state
        weights, state, value = compiled(weights, state, x, next(targets))
        return jax.block_until_ready((weights, value))[1]

    return step


def cross_entropy(jax):
    def loss(scores, labels):
        logs = jax.nn.log_softmax(scores)
        return -jax.numpy.take_along_axis(logs, labels[:, None], axis=1).mean()

    return loss


def labels(jax, torch, count, classes):
    drawn = torch.randint(0, classes, (64, count)).numpy().astype("int32")
    return cycle([jax.numpy.array(row) for row in drawn])


def seeded():
    """cnn, about to draw what the workload does."""
    torch = import_module("cnn")
    torch.manual_seed(0)
    return torch


def mlp(batch):
    def forward_of(jax):
        def forward(w, x):
            x = jax.nn.relu(x @ w["0.weight"].T + w["0.bias"])
            return x @ w["2.weight"].T + w["2.bias"]

        return forward

    def build(jax, place):
        torch = seeded()
        weights = arrays(jax, models.mlp(torch))
        x = jax.numpy.array(torch.randn(batch, 784).numpy())
        targets = labels(jax, torch, batch, 10)
        return step_of(jax, forward_of(jax), cross_entropy(jax), weights, adam(jax), x, targets)

    return build


def lenet(batch):
    """Channels last, as XLA has its convolutions."""

    def forward_of(jax):
        def convolution(x, w, b, padding):
            order = ("NHWC", "OIHW", "NHWC")
            sides = ((padding, padding), (padding, padding))
            return jax.lax.conv_general_dilated(x, w, (1, 1), sides, dimension_numbers=order) + b

        def pool(x):
            window = (1, 2, 2, 1)
            return jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, window, window, "VALID")

        def forward(w, x):
            x = pool(jax.nn.relu(convolution(x, w["0.weight"], w["0.bias"], 2)))
            x = pool(jax.nn.relu(convolution(x, w["3.weight"], w["3.bias"], 0)))
            x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
            for layer in ("7", "9"):
                x = jax.nn.relu(x @ w[f"{layer}.weight"].T + w[f"{layer}.bias"])
            return x @ w["11.weight"].T + w["11.bias"]

        return forward

    def build(jax, place):
        torch = seeded()
        weights = arrays(jax, models.lenet(torch))
        images = torch.randn(batch, 1, 28, 28).numpy().transpose(0, 2, 3, 1)
        x, targets = jax.numpy.array(images), labels(jax, torch, batch, 10)
        return step_of(jax, forward_of(jax), cross_entropy(jax), weights, sgd(jax), x, targets)

    return build


def transformer(jax, place):
    """Layers with the norm after each sum, as nn.TransformerEncoderLayer has them."""
    layers, heads = 4, 8

    def norm(w, name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attention(w, name, x):
        batch, length, width = x.shape
        y = x @ w[f"{name}.in_proj_weight"].T + w[f"{name}.in_proj_bias"]
        y = y.reshape(batch, length, 3, heads, width // heads)
        q, k, v = (y[:, :, part] for part in range(3))
        scores = jax.numpy.einsum("bqhd,bkhd->bhqk", q, k) * (width // heads) ** -0.5
        y = jax.numpy.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
        out = f"{name}.out_proj"
        return y.reshape(x.shape) @ w[f"{out}.weight"].T + w[f"{out}.bias"]

    def forward(w, x):
        for number in range(layers):
            name = f"layers.{number}"
            x = norm(w, f"{name}.norm1", x + attention(w, f"{name}.self_attn", x))
            y = x @ w[f"{name}.linear1.weight"].T + w[f"{name}.linear1.bias"]
            y = jax.nn.gelu(y, approximate=False) @ w[f"{name}.linear2.weight"].T
            x = norm(w, f"{name}.norm2", x + y + w[f"{name}.linear2.bias"])
        return x

    def loss(y, target):
        return ((y - target) ** 2).mean()

    torch = seeded()
    weights = arrays(jax, models.transformer(torch))
    x, target = (jax.numpy.array(torch.randn(8, 128, 256).numpy()) for _ in range(2))
    return step_of(jax, forward, loss, weights, sgd(jax), x, cycle([target]))
