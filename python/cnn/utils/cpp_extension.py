"""Extensions in C++ that are compiled against PyTorch's library: none can be built.

Importing this is fine, so that a setup script or a package may look around; building raises. Ops of
a program's own are written in Python with `autograd.Function`, and programs in C++ use this
library's headers (docs/cpp.md).
"""

from __future__ import annotations

import os
import shutil

from .. import _unavailable

__all__ = [
    "get_default_build_root",
    "include_paths",
    "is_ninja_available",
    "library_paths",
    "verify_ninja_availability",
]
__all__ += _unavailable.declare(
    __name__,
    "extensions are compiled against PyTorch's own C++ library, which is not here",
    functions="""
        CUDAExtension CppExtension SyclExtension check_compiler_ok_for_platform
        get_compiler_abi_compatibility_and_version load load_inline
        _import_module_from_library _join_rocm_home""",
    error=RuntimeError,
)
CUDA_HOME = ROCM_HOME = CUDNN_HOME = SYCL_HOME = None
IS_WINDOWS, IS_MACOS, IS_LINUX = False, False, True
IS_HIP_EXTENSION = False


class BuildExtension:
    """Raises where a setup script builds with it."""

    @classmethod
    def with_options(cls, **options):
        """The class; it raises all the same."""
        return cls

    def __init__(self, *args, **kwargs):
        raise RuntimeError(
            "utils.cpp_extension.BuildExtension: extensions are compiled against PyTorch's own C++ "
            "library, which is not here"
        )


_unavailable.mark("extensions need PyTorch's own C++ library", BuildExtension)


def include_paths(device_type="cpu", torch_include_dirs=True):
    """Where this library's headers are."""
    from pathlib import Path

    return [str(Path(__file__).parents[1] / "include")]


def library_paths(device_type="cpu", torch_include_dirs=True, cross_target_platform=None):
    """Where this library is."""
    from pathlib import Path

    return [str(Path(__file__).parents[1] / "lib")]


def get_default_build_root():
    """Where extensions would be built: below TORCH_EXTENSIONS_DIR or ~/.cache."""
    default = os.path.join("~", ".cache", "torch_extensions")
    return os.path.realpath(os.path.expanduser(os.environ.get("TORCH_EXTENSIONS_DIR", default)))


def is_ninja_available():
    """Whether ninja is installed."""
    return shutil.which("ninja") is not None


def verify_ninja_availability():
    """RuntimeError unless ninja is installed."""
    if not is_ninja_available():
        raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")
