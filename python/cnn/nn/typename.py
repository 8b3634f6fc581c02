"""How error messages name a value's type."""

from __future__ import annotations

from .. import _C


def typename(value):
    """The name that error messages give a value: 'list', 'torch.FloatTensor',
    'torch.nn.modules.linear.Linear'.
    """
    if isinstance(value, _C.Tensor):
        return value.type()
    from ._paths import torch_path

    return torch_path(type(value)).removeprefix("builtins.")
