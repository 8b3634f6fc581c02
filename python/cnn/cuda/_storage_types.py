"""Classes of storages on GPUs by dtype: `cuda.FloatStorage` and its kin."""

from __future__ import annotations

from .. import _C
from ..storage import STORAGE_OF_DTYPE, TypedStorage

__all__ = [cls.__name__ for cls in STORAGE_OF_DTYPE.values()]


class _StorageType(type):
    """A storage of the dtype on a GPU is an instance; calling it makes one."""

    def __instancecheck__(cls, obj):
        return (
            isinstance(obj, TypedStorage) and obj.device.type == "cuda" and obj.dtype == cls.dtype
        )

    def __call__(cls, *args, wrap_storage=None):
        if not _C._cuda_is_available():
            raise RuntimeError(
                f"cuda.{cls.__name__}: Torch not compiled with CUDA enabled: "
                f"{_C._cuda_unavailable_reason()}"
            )
        made = TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)
        return made if made.device.type == "cuda" else made.cuda()


for _dtype, _class in STORAGE_OF_DTYPE.items():
    _name = _class.__name__
    globals()[_name] = _StorageType(_name, (), {"dtype": _dtype, "__module__": "cnn.cuda"})
