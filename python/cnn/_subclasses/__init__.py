"""PyTorch's tensors without values, on a device that they pretend to be on. Here tensors without
values are on `meta`, and say so.
"""

from __future__ import annotations

from .. import _absent
from .._C import Tensor

__all__ = [
    "FakeTensor", "FakeTensorMode", "UnsupportedFakeTensorException",
    "DynamicOutputShapeException", "CrossRefFakeMode",
]  # fmt: skip

_INSTEAD = "cnn has no fake tensors: use tensors on the meta device (`with cnn.device('meta'):`)"


class FakeTensor(Tensor):
    """A tensor without values: for `isinstance`. Nothing is one."""

    def __new__(cls, *args, **kwargs):
        raise NotImplementedError(_INSTEAD)


class FakeTensorMode:
    """A context in which tensors have no values: refused when it is entered."""

    def __init__(self, *, allow_fallback_kernels=True, allow_non_fake_inputs=False, **options):
        self.allow_non_fake_inputs = allow_non_fake_inputs

    def __enter__(self):
        raise NotImplementedError(_INSTEAD)

    def __exit__(self, *_):
        return None

    def from_tensor(self, tensor, **options):
        """Refused, as entering the context."""
        raise NotImplementedError(_INSTEAD)


class CrossRefFakeMode(FakeTensorMode):
    """A context that compares with tensors without values: refused when it is entered."""


class UnsupportedFakeTensorException(RuntimeError):
    """What a tensor without values cannot do."""


class DynamicOutputShapeException(RuntimeError):
    """A shape that depends on values."""


for _class in (FakeTensor, FakeTensorMode, UnsupportedFakeTensorException):
    _class.__module__ = f"{__name__}.fake_tensor"  # where PyTorch has them
DynamicOutputShapeException.__module__ = f"{__name__}.fake_tensor"

_absent.explain(__name__, ("fake_tensor",))
