"""Names of the ways by which PyTorch's core finds a kernel. Operators that programs register have
their kernels under them (`cnn.library`); nothing else here looks at them.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DispatchKey"]

_DEVICES = (
    "CPU CUDA HIP XLA MPS IPU XPU HPU VE Lazy MTIA MAIA PrivateUse1 PrivateUse2 PrivateUse3 Meta"
)
_SINGLE = {
    "Undefined": 0,
    "Dense": 1,
    "Quantized": 5,
    "Sparse": 8,
    "SparseCsr": 9,
    "NestedTensor": 10,
    "BackendSelect": 11,
    "Python": 13,
    "FuncTorchDynamicLayerBackMode": 14,
    "Functionalize": 15,
    "Conjugate": 16,
    "Negative": 17,
    "ZeroTensor": 18,
    "ADInplaceOrView": 19,
    "AutogradOther": 20,
    "AutogradFunctionality": 21,
    "AutogradNestedTensor": 22,
    "AutocastCPU": 24,
    "AutocastXPU": 27,
    "AutocastIPU": 28,
    "AutocastHPU": 29,
    "AutocastMPS": 31,
    "AutocastCUDA": 32,
    "AutocastPrivateUse1": 33,
    "FuncTorchBatched": 34,
    "FuncTorchVmapMode": 36,
    "FuncTorchGradWrapper": 39,
    "PythonTLSSnapshot": 41,
    "FuncTorchDynamicLayerFrontMode": 42,
    "PreDispatch": 45,
    "PythonDispatcher": 46,
    "Autograd": 150,
    "CompositeImplicitAutograd": 151,
    "FuncTorchBatchedDecomposition": 152,
    "CompositeImplicitAutogradNestedTensor": 153,
    "CompositeExplicitAutograd": 154,
    "CompositeExplicitAutogradNonFunctional": 155,
}
# Where the keys of each kind begin, one for each device.
_FIRST = {
    "": 49,
    "Quantized": 66,
    "Sparse": 83,
    "SparseCsr": 100,
    "NestedTensor": 117,
    "Autograd": 134,
}
_KEYS = _SINGLE | {
    kind + device: first + i
    for kind, first in _FIRST.items()
    for i, device in enumerate(_DEVICES.split())
}

DispatchKey = IntEnum("DispatchKey", _KEYS, module="cnn")  # type: ignore[misc]
