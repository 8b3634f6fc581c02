"""Classes of tensors on GPUs by dtype: `cuda.FloatTensor` and its kin."""

from __future__ import annotations

from .. import _C

__all__ = []

_NAMES = "BFloat16 Bool Byte Char Double Float Half Int Long Short"


class _TensorType(type):
    """A tensor of the dtype on a GPU is an instance."""

    def __instancecheck__(cls, obj):
        return isinstance(obj, _C.Tensor) and obj.is_cuda and obj.dtype == cls.dtype

    def __call__(cls, *args):
        if not _C._cuda_is_available():
            raise TypeError(
                f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA "
                "enabled."
            )
        return getattr(_C, cls.__name__)(*args).cuda()

    def __or__(cls, other):
        from typing import Union

        return Union[cls, other]  # noqa: UP007


for _name in _NAMES.split():
    _kind = f"{_name}Tensor"
    _dtype = getattr(_C, _kind).dtype
    globals()[_kind] = _TensorType(_kind, (), {"dtype": _dtype, "__module__": "cnn.cuda"})
