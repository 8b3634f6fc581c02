"""Whole training steps: forward, loss, backward, optimizer; and reading data."""

from __future__ import annotations

from itertools import cycle

from benchmarks import jax_steps, models
from benchmarks.workload import Target, Workload

SECTION = "training steps"


def as_it_is(net):
    return net


def training_step(optimizer, loss_of):
    """The function that makes one step; it returns the loss."""

    def step():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    return step


def classifier_step(torch, net, optimizer, inputs, classes):
    """A step of a classifier on random labels, one for each row of its output.

    They are others at the next step: nothing can be learnt, so that the gradients do not vanish.
    """
    labels = cycle(torch.randint(0, classes, (64, net(inputs).shape[0])))
    cross_entropy = torch.nn.functional.cross_entropy
    return training_step(optimizer, lambda: cross_entropy(net(inputs), next(labels)))


def sgd(torch, net):
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)


def lenet(batch):
    def build(torch, prepare=as_it_is):
        net = models.lenet(torch)
        images = torch.randn(batch, 1, 28, 28)
        return classifier_step(torch, prepare(net), sgd(torch, net), images, 10)

    return build


def mlp(batch, fused=None):
    def build(torch, prepare=as_it_is):
        net = models.mlp(torch)
        adam = torch.optim.Adam(net.parameters(), fused=fused)
        return classifier_step(torch, prepare(net), adam, torch.randn(batch, 784), 10)

    return build


def image_net(model, batch):
    def build(torch, prepare=as_it_is):
        net = model(torch)
        images = torch.randn(batch, 3, 32, 32)
        return classifier_step(torch, prepare(net), sgd(torch, net), images, 10)

    return build


def resnet18_inference(torch):
    net, images = models.resnet18(torch).eval(), torch.randn(8, 3, 32, 32)

    def infer():
        with torch.no_grad():
            return net(images)

    return infer


def recurrent(kind):
    """LSTM or GRU, 128 inputs, 256 hidden values, 32 sequences of 32 steps."""

    def build(torch):
        net = getattr(torch.nn, kind)(128, 256, batch_first=True)
        x, y = torch.randn(32, 32, 128), torch.randn(32, 32, 256)
        mse_loss = torch.nn.functional.mse_loss
        return training_step(sgd(torch, net), lambda: mse_loss(net(x)[0], y))

    return build


def transformer(torch, prepare=as_it_is):
    net = models.transformer(torch)
    run, optimizer = prepare(net), sgd(torch, net)
    x, y = torch.randn(8, 128, 256), torch.randn(8, 128, 256)
    mse_loss = torch.nn.functional.mse_loss
    return training_step(optimizer, lambda: mse_loss(run(x), y))


def char_gpt(fused):
    def build(torch):
        net = models.char_gpt(torch, fused)
        tokens = torch.randint(0, 96, (8, 128))
        adam = torch.optim.AdamW(net.parameters())
        return classifier_step(torch, net, adam, tokens, 96)

    return build


def loader_epoch(torch):
    from importlib import import_module

    data = import_module(f"{torch.__name__}.utils.data")
    dataset = data.TensorDataset(torch.rand(60000, 784), torch.randint(0, 10, (60000,)))
    loader = data.DataLoader(dataset, batch_size=64, shuffle=True)

    def epoch():
        for _ in loader:
            pass

    return epoch


def catalogue():
    def row(name, build, must, aim=None, compiles=False, jax=None):
        target, others = Target(must, aim), {"jax": jax} if jax else {}
        return Workload(SECTION, name, build, target, compiles=compiles, others=others)

    for batch, must, aim in ((1, 6, 9), (32, 3, 4), (256, 2, 2.7)):
        name, by_hand = f"LeNet, SGD, batch {batch}", jax_steps.lenet(batch)
        yield row(name, lenet(batch), must, aim, compiles=True, jax=by_hand)
    for batch, must, aim in ((1, 5, 7), (64, 2.2, 2.8), (256, 1.5, 1.8)):
        name, by_hand = f"MLP 784-256-10, Adam, batch {batch}", jax_steps.mlp(batch)
        yield row(name, mlp(batch), must, aim, compiles=True, jax=by_hand)
    for batch, must, aim in ((1, 3, 4.4), (64, 1.6, 2.2), (256, 1.2, 1.45)):
        name = f"MLP 784-256-10, Adam(fused=True), batch {batch}"
        yield row(name, mlp(batch, fused=True), must, aim)
    resnet = image_net(models.resnet18, 32)
    yield row("ResNet-18 (32x32), SGD, batch 32", resnet, 1.25, 1.6, compiles=True)
    yield row("ResNet-18 (32x32), inference, batch 8", resnet18_inference, 1.2)
    yield row("depthwise-separable net, SGD, batch 32", image_net(models.mobilenet, 32), 1.2)
    yield row("LSTM 128-256, T 32, SGD, batch 32", recurrent("LSTM"), 1.15, 1.35)
    yield row("GRU 128-256, T 32, SGD, batch 32", recurrent("GRU"), 1.15, 1.35)
    name = "transformer encoder d 256, 4 layers, T 128, SGD, batch 8"
    yield row(name, transformer, 1.1, 1.25, compiles=True, jax=jax_steps.transformer)
    yield row("char-GPT d 192, 4 layers, T 128, AdamW, batch 8", char_gpt(fused=True), 1.1)
    yield row("char-GPT, attention written out", char_gpt(fused=False), 1.1)
    yield row("DataLoader epoch, 60000 x 784, batch 64", loader_epoch, 2, 3)
