"""Whole networks in evaluation mode, beside ONNX Runtime: `python -m benchmarks inference`.

The weights are random, and the same for all by the seed; the statistics of batch norms are those
of random images, so that activations keep their size from layer to layer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from benchmarks import exported, image_nets, language_nets, models
from benchmarks.workload import Workload

SECTION = "inference"
AS_WRITTEN, FOLDED, CHANNELS_LAST = "", ", batch norms folded", ", channels last"
FORMS = (AS_WRITTEN, FOLDED, CHANNELS_LAST)


@dataclass(frozen=True)
class Net:
    """make(torch) -> module; draw(torch, size) -> its input, of some size or of a tiny one."""

    name: str
    make: Callable[..., Any]
    draw: Callable[..., Any]
    size: tuple[int, ...]
    tiny: tuple[int, ...]
    shrink: dict[str, int] = field(default_factory=dict)  # options of make in a tiny net
    forms: tuple[str, ...] = (AS_WRITTEN,)

    def prepared(self, torch, form=AS_WRITTEN, tiny=False):
        """The module in evaluation mode and its input."""
        net = self.make(torch, **(self.shrink if tiny else {}))
        size = self.tiny if tiny else self.size
        x = self.draw(torch, size)
        norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        if norms:
            calibrate(torch, net, norms, self.draw(torch, (4, *size[1:])))
        net.eval()
        if form == FOLDED:
            fold_batch_norms(torch, net)
        if form == CHANNELS_LAST:
            net = net.to(memory_format=torch.channels_last)
            x = x.to(memory_format=torch.channels_last)
        return net, x


def calibrate(torch, net, norms, images):
    """Batch norms take the statistics of a batch of images."""
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        net.train()(images)


def fold_batch_norms(torch, net):
    """Every batch norm that follows a convolution becomes a part of it."""
    fuse = import_module(f"{torch.__name__}.nn.utils.fusion").fuse_conv_bn_eval
    for parent in list(net.modules()):
        children = list(parent.named_children())
        for (name, conv), (place, norm) in zip(children, children[1:]):
            if isinstance(conv, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d):
                setattr(parent, name, fuse(conv, norm))
                setattr(parent, place, torch.nn.Identity())


def images(torch, size):
    return torch.randn(*size)


def tokens(torch, size):
    return torch.randint(0, 64, size)


def in_evaluation(torch, net, form=AS_WRITTEN, compiler=None, tiny=False):
    """The function that is timed."""
    module, x = net.prepared(torch, form, tiny)
    run = compiler(module) if compiler else module

    def infer():
        with torch.inference_mode():
            return run(x)

    return infer


def nets():
    def of_images(name, make, size, tiny):
        return Net(name, make, images, size, tiny, forms=FORMS)

    for batch in (1, 8):
        for name, make in (("ResNet-18", image_nets.resnet18), ("ResNet-50", image_nets.resnet50)):
            size = (batch, 3, 224, 224)
            yield of_images(f"{name}, batch {batch}", make, size, (1, 3, 64, 64))
    size = (1, 3, 224, 224)
    yield of_images("MobileNetV2, batch 1", image_nets.mobilenet_v2, size, (1, 3, 64, 64))
    size = (1, 3, 64, 64)
    yield of_images("Sequential like VGG-11, 64x64", image_nets.plain_net, size, (1, 3, 64, 64))
    yield Net("LeNet, batch 1", models.lenet, images, (1, 1, 28, 28), (1, 1, 28, 28))
    small = {"layers": 1, "width": 32, "heads": 2, "vocabulary": 64, "places": 16}
    shrink = small | {"inner": 64}
    yield Net("BERT-base, T 128", language_nets.bert, tokens, (1, 128), (1, 8), shrink)
    yield Net("GPT-2 small, T 16", language_nets.gpt, tokens, (1, 16), (1, 8), small)
    name = "transformer encoder d 256, 4 layers, T 128, batch 1"
    yield Net(name, models.transformer, images, (1, 128, 256), (1, 4, 256))


def catalogue():
    for net in nets():
        for form in net.forms:

            def build(torch, compiler=None, net=net, form=form):
                return in_evaluation(torch, net, form, compiler)

            session = functools.partial(exported.session, net.name)
            yield Workload(
                SECTION, net.name + form, build, compiles=True, by_values=True,
                others={"onnxruntime": session}, columns=True,
            )  # fmt: skip
