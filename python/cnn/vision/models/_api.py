"""Builders of models by name."""

from __future__ import annotations

import fnmatch
import sys

from cnn import nn
from cnn.nn import init

BUILTIN_MODELS = {}


class Weights:
    """Stands where torchvision has trained weights, which are files on the net: a builder refuses
    them and says what to do.
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, member):
        if member in ("DEFAULT", "IMAGENET1K_V1", "IMAGENET1K_V2"):
            return f"{self._name}.{member}"
        raise AttributeError(f"{self._name} has no member {member!r}", name=member)

    def __repr__(self):
        return f"<enum '{self._name}'>"


def refuse_weights(name, weights):
    """NotImplementedError unless there are none."""
    if weights is not None:
        raise NotImplementedError(
            f"{name}: weights={weights!r} would be downloaded, and nothing is downloaded here; "
            "make the model with weights=None and load a local file: "
            "model.load_state_dict(cnn.load('weights.pth'))"
        )


def define(build, variants):
    """Adds a builder `name(*, weights=None, **options)` to the caller's module for each variant:
    {name: arguments of `build`}.
    """
    module = sys.modules[build.__module__]
    for name, arguments in variants.items():
        function = _builder(name, build, arguments)
        function.__module__ = module.__name__
        setattr(module, name, function)
        BUILTIN_MODELS[name] = function


def _builder(name, build, arguments):
    def builder(*, weights=None, progress=True, pretrained=False, **options):
        refuse_weights(name, weights)
        refuse_weights(name, True if pretrained else None)
        return build(**{**arguments, **options})

    builder.__name__ = builder.__qualname__ = name
    builder.__doc__ = f"{build.__doc__} As `{name}`."
    return builder


def register_model(name=None):
    """A decorator that adds a builder to the list."""

    def add(function):
        key = name or function.__name__
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = function
        return function

    return add


def list_models(module=None, include=None, exclude=None):
    """The names, in order: of one module, that match one of `include` and none of `exclude`."""
    names = {
        name
        for name, function in BUILTIN_MODELS.items()
        if module is None or function.__module__.rsplit(".", 1)[0] == module.__name__
    }

    def matching(patterns):
        patterns = [patterns] if isinstance(patterns, str) else patterns
        return {name for pattern in patterns for name in fnmatch.filter(names, pattern)}

    kept = matching(include) if include else names
    return sorted(kept - matching(exclude) if exclude else kept)


def get_model_builder(name):
    """The function that makes a model."""
    try:
        return BUILTIN_MODELS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name.lower()}") from None


def get_model(name, **config):
    """A model by its name."""
    return get_model_builder(name)(**config)


# ---- What models share ----


def make_divisible(v, divisor, min_value=None):
    """The multiple of `divisor` next to v, not below 0.9 v."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def initialize(model, conv, linear=None):
    """Fills the weights in order: `conv` and `linear` draw them, biases are 0, norms 1.

    Linear layers stay as they are where `linear` is None.
    """
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            conv(m.weight)
            if m.bias is not None:
                init.zeros_(m.bias)
        elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
            init.ones_(m.weight)
            init.zeros_(m.bias)
        elif isinstance(m, nn.Linear) and linear is not None:
            linear(m.weight)
            init.zeros_(m.bias)


def fan_out_normal(weight):
    """He et al. (2015), by the outputs of a convolution."""
    init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def small_normal(weight):
    """N(0, 0.01)"""
    init.normal_(weight, 0, 0.01)
