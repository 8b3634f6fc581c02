"""PyTorch's names for exporting to ONNX, which cnn does not do: `export` raises and names what to
use.
"""

from __future__ import annotations

import enum

from .. import _absent
from .._unavailable import mark
from . import errors
from .errors import OnnxExporterError

__all__ = [
    "errors", "export", "is_in_onnx_export", "OnnxExporterError", "ONNXProgram",
    "ExportableModule", "InputObserver",
]  # fmt: skip

_INSTEAD = (
    "cnn does not export to ONNX. Weights travel: cnn.save(model.state_dict(), path) writes a file "
    "that PyTorch loads, whose exporter makes the ONNX file"
)


def is_in_onnx_export():
    """Whether a model is being exported: False."""
    return False


def export(model, args=(), f=None, *, kwargs=None, **options):
    """Refused: no ONNX files are written."""
    raise NotImplementedError(f"onnx.export: {_INSTEAD}")


def register_custom_op_symbolic(symbolic_name, symbolic_fn, opset_version):
    """Accepts how an operator would be exported, which none is."""


def unregister_custom_op_symbolic(symbolic_name, opset_version):
    """Nothing: no operator is exported."""


def select_model_mode_for_export(model, mode):
    """A context in which the model is in the mode that it is exported in: as it is."""
    from contextlib import nullcontext

    return nullcontext()


class _Refused:
    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"onnx.{type(self).__name__}: {_INSTEAD}")


class ONNXProgram(_Refused):
    """An exported model: for `isinstance`. Nothing is one."""


class ExportableModule(_Refused):
    """A model that knows how it is exported: for `isinstance`. Nothing is one."""


class InputObserver(_Refused):
    """Notes the arguments of a model to export it."""


mark(_INSTEAD, export, ONNXProgram, ExportableModule, InputObserver)


class OperatorExportTypes(enum.Enum):
    """What becomes of operators that ONNX does not have."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class TensorProtoDataType(enum.IntEnum):
    """ONNX's numbers of dtypes."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    BFLOAT16 = 16


class TrainingMode(enum.Enum):
    """The mode that a model is exported in."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


_absent.explain(__name__, ("operators", "symbolic_helper", "symbolic_opset9", "symbolic_opset11"))
