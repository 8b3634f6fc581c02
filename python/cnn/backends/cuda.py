"""Switches of matrix products on GPUs, as scripts set them, and of attention's kernels.

`matmul.allow_tf32` and `matmul.fp32_precision` allow a GPU to round the factors of float32 products
and of attention to TF32's 10 bits of fraction, as `set_float32_matmul_precision` does. Its other
attributes can be set and are not read: products of 16-bit floats are summed in float32. What
attention may use (`enable_flash_sdp` and its like) is asked for: without a kernel that may,
`scaled_dot_product_attention` raises.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum

from .. import _C, _absent, _unavailable
from .. import cuda as _cuda
from ._attributes import Precision

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "can_use_cudnn_attention",
    "can_use_efficient_attention",
    "can_use_flash_attention",
    "cudnn_sdp_enabled",
    "cufft_plan_cache",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_ck_sdpa_available",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_blas_library",
    "preferred_linalg_library",
    "preferred_rocm_fa_library",
    "SDPAParams",
    "sdp_kernel",
]


class _Matmul(Precision):
    allow_fp16_reduced_precision_reduction = True
    allow_fp16_reduced_precision_reduction_split_k = True
    allow_bf16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction_split_k = True
    allow_fp16_accumulation = False

    @property
    def allow_tf32(self):
        """Whether float32 products may round their factors to TF32; False at first."""
        return self._allowed()

    @allow_tf32.setter
    def allow_tf32(self, allowed):
        self._allow(allowed)


_HIGHEST, _HIGH = 0, 1  # of set_float32_matmul_precision

matmul = _Matmul(
    lambda: _C._float32_matmul_precision() != _HIGHEST,
    lambda allowed: _C._set_float32_matmul_precision(_HIGH if allowed else _HIGHEST),
)


def is_built():
    """Whether the CUDA part can be used; what `cnn.cuda.is_available()` says."""
    return _cuda.is_available()


# Kernels of attention -----------------------------------------------------------------------------

_MATH, _FLASH, _EFFICIENT, _CUDNN = range(4)  # their bits


def _is_enabled(bit):
    return bool(_C._sdp_backends() >> bit & 1)


def _enable(bit, enabled):
    bits = _C._sdp_backends()
    _C._set_sdp_backends(bits | 1 << bit if enabled else bits & ~(1 << bit))


def flash_sdp_enabled():
    """Whether attention may use FLASH_ATTENTION."""
    return _is_enabled(_FLASH)


def enable_flash_sdp(enabled):
    """Whether attention may use FLASH_ATTENTION, which a CPU has."""
    _enable(_FLASH, enabled)


def mem_efficient_sdp_enabled():
    """Whether attention may use EFFICIENT_ATTENTION."""
    return _is_enabled(_EFFICIENT)


def enable_mem_efficient_sdp(enabled):
    """Whether attention may use EFFICIENT_ATTENTION, which a CPU does not have."""
    _enable(_EFFICIENT, enabled)


def math_sdp_enabled():
    """Whether attention may use MATH."""
    return _is_enabled(_MATH)


def enable_math_sdp(enabled):
    """Whether attention may use MATH, which can do all."""
    _enable(_MATH, enabled)


def cudnn_sdp_enabled():
    """Whether attention may use CUDNN_ATTENTION."""
    return _is_enabled(_CUDNN)


def enable_cudnn_sdp(enabled):
    """Whether attention may use CUDNN_ATTENTION, which a CPU does not have."""
    _enable(_CUDNN, enabled)


def fp16_bf16_reduction_math_sdp_allowed():
    """False: sums of attention are float32."""
    return False


def allow_fp16_bf16_reduction_math_sdp(enabled):
    """Accepted: sums of attention are float32, which is what PyTorch's are without this."""


@contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Which kernels attention may use inside; `nn.attention.sdpa_kernel` is the newer name."""
    before = _C._sdp_backends()
    try:
        enable_flash_sdp(enable_flash)
        enable_math_sdp(enable_math)
        enable_mem_efficient_sdp(enable_mem_efficient)
        enable_cudnn_sdp(enable_cudnn)
        yield {}
    finally:
        _C._set_sdp_backends(before)


class SDPAParams:
    """The arguments of attention, for the questions below."""

    def __init__(self, query, key, value, attn_mask, dropout, is_causal, enable_gqa):
        self.query = query
        self.key = key
        self.value = value
        self.attn_mask = attn_mask
        self.dropout = dropout
        self.is_causal = is_causal
        self.enable_gqa = enable_gqa


def is_flash_attention_available():
    """False: GPUs have no such kernel here."""
    return False


def is_ck_sdpa_available():
    """False: there is no such kernel."""
    return False


def can_use_flash_attention(params, debug=False):
    """False: GPUs have no such kernel here."""
    return False


def can_use_efficient_attention(params, debug=False):
    """False: GPUs have no such kernel here."""
    return False


def can_use_cudnn_attention(params, debug=False):
    """False: GPUs have no such kernel here."""
    return False


# Libraries of GPUs --------------------------------------------------------------------------------


class _LinalgBackend(IntEnum):
    Default = 0
    Cusolver = 1
    Magma = 2


class _BlasBackend(IntEnum):
    Default = 0
    Cublas = 1
    Cublaslt = 2
    Ck = 3


class _ROCmFABackend(IntEnum):
    Default = 0
    AOTriton = 1
    Ck = 2


def _preferred(name, kind, backend, fixed, others):
    """The library in use. NotImplementedError for another one, RuntimeError for none."""
    if isinstance(backend, str):
        known = {"default": kind(0), **others}
        if backend not in known:
            raise RuntimeError(f"Unknown input value. Choose from: {', '.join(known)}.")
        backend = known[backend]
    if backend not in (None, kind(0), fixed):
        raise NotImplementedError(f"backends.cuda.{name}: {backend!r}; there is {fixed!r} alone")
    return fixed


def preferred_linalg_library(backend=None):
    """The library that decomposes matrices on GPUs: the default one, which is all there is."""
    others = {"cusolver": _LinalgBackend.Cusolver, "magma": _LinalgBackend.Magma}
    return _preferred(
        "preferred_linalg_library", _LinalgBackend, backend, _LinalgBackend.Default, others
    )


def preferred_blas_library(backend=None):
    """The library that multiplies matrices on GPUs: cuBLASLt, or the default's name without one."""
    others = {
        "cublas": _BlasBackend.Cublas,
        "cublaslt": _BlasBackend.Cublaslt,
        "hipblaslt": _BlasBackend.Cublaslt,
        "ck": _BlasBackend.Ck,
    }
    fixed = _BlasBackend.Cublaslt if _cuda.is_available() else _BlasBackend.Cublas
    return _preferred("preferred_blas_library", _BlasBackend, backend, fixed, others)


def preferred_rocm_fa_library(backend=None):
    """The library for attention on GPUs of AMD's: the default's name, as there is none."""
    others = {"aotriton": _ROCmFABackend.AOTriton, "ck": _ROCmFABackend.Ck}
    return _preferred(
        "preferred_rocm_fa_library", _ROCmFABackend, backend, _ROCmFABackend.Default, others
    )


__all__ += _unavailable.declare(
    __name__,
    "memory of NVIDIA's libraries is not managed here",
    functions="blas_workspace_size cublas_workspace_size cublaslt_workspace_size",
    error=RuntimeError,
)
__all__ += _unavailable.declare(
    __name__,
    "there are no Fourier transforms on GPUs",
    classes="cuFFTPlanCache cuFFTPlanCacheManager",
    error=RuntimeError,
)


class _NoPlans:
    """Plans of Fourier transforms on GPUs: there are none."""

    def __getattr__(self, name):
        raise AttributeError(
            f"cufft_plan_cache.{name}: there are no Fourier transforms on GPUs", name=name
        )

    def __getitem__(self, device):
        raise RuntimeError(
            f"cufft_plan_cache: expected 0 <= device index < 0, but got device with index {device}"
        )


cufft_plan_cache = _NoPlans()

_absent.explain(__name__)
