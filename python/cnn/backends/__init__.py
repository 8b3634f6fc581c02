"""What computes, and its switches.

`cpu` and `cuda` hold switches that change how this library computes. The others stand for
libraries that PyTorch uses: their attributes can be set, so that scripts which tune PyTorch run
unchanged, and each module says what setting them means here.
"""

from __future__ import annotations

from .. import _absent
from ..backends import cpu, cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]

fp32_precision = "none"  # not read: cuda.matmul, cudnn.conv and cudnn.rnn have one each

_absent.explain(__name__, ("cusparselt", "kleidiai", "mha", "nnpack", "quantized"))
