"""PyTorch's module paths: `nn.modules.batchnorm.BatchNorm2d` is `nn.norm.BatchNorm2d`.

Each name below is importable as a module, and IS the module here that holds those classes.
"""

from __future__ import annotations

import sys

from .. import (
    _module,
    activation,
    adaptive,
    containers,
    conv,
    distance,
    dropout,
    embedding,
    flatten,
    lazy,
    linear,
    linear_cross_entropy_options,
    loss,
    multihead,
    norm,
    padding,
    pooling,
    resampling,
    rnn,
    transformer,
)
from . import utils

_ALIASES = {
    "activation": activation,
    "adaptive": adaptive,
    "batchnorm": norm,
    "channelshuffle": resampling,
    "container": containers,
    "conv": conv,
    "distance": distance,
    "dropout": dropout,
    "flatten": flatten,
    "fold": resampling,
    "instancenorm": norm,
    "lazy": lazy,
    "linear": linear,
    "linear_cross_entropy_options": linear_cross_entropy_options,
    "loss": loss,
    "module": _module,
    "normalization": norm,
    "padding": padding,
    "pixelshuffle": resampling,
    "pooling": pooling,
    "rnn": rnn,
    "sparse": embedding,
    "transformer": transformer,
    "upsampling": resampling,
}
for _name, _target in _ALIASES.items():
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _target

for _target in _ALIASES.values():
    globals().update(
        {
            name: value
            for name, value in vars(_target).items()
            if isinstance(value, type) and name[0] != "_"
        }
    )

__all__ = [name for name, value in globals().items() if isinstance(value, type)]
