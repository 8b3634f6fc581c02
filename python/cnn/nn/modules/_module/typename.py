"""How error messages name a value's type."""

from __future__ import annotations

from .... import _C


def torch_path(cls):
    """The dotted path that PyTorch gives a class of this package; another keeps its own."""
    module = cls.__module__
    if module == "cnn" or module.startswith("cnn."):
        module = "torch" + module[len("cnn") :]
    return f"{module}.{cls.__qualname__}"


def typename(value):
    """The name that error messages give a value: 'list', 'torch.FloatTensor',
    'torch.nn.modules.linear.Linear'.
    """
    if isinstance(value, _C.Tensor):
        return value.type()
    return torch_path(type(value)).removeprefix("builtins.")
