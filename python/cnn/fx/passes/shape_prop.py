"""Shapes of a graph's values, by running it."""

from __future__ import annotations

import traceback
from typing import NamedTuple

from ... import _C
from ..interpreter import Interpreter
from ..node import map_aggregate

__all__ = ["TensorMetadata", "ShapeProp"]

dtype_abbrs = {
    _C.bfloat16: "bf16", _C.float64: "f64", _C.float32: "f32", _C.float16: "f16", _C.int8: "i8",
    _C.int16: "i16", _C.int32: "i32", _C.int64: "i64", _C.bool: "b8", _C.uint8: "u8",
    _C.uint16: "u16", _C.uint32: "u32", _C.uint64: "u64", _C.float8_e5m2: "f8e5m2",
    _C.float8_e4m3fn: "f8e4m3fn", _C.float8_e5m2fnuz: "f8e5m2fnuz",
    _C.float8_e4m3fnuz: "f8e4m3fnuz", _C.float8_e8m0fnu: "f8e8m0fnu",
}  # fmt: skip


class TensorMetadata(NamedTuple):
    """What is known of a tensor without its values."""

    shape: _C.Size
    dtype: _C.dtype
    requires_grad: bool
    stride: tuple
    memory_format: _C.memory_format | None
    is_quantized: bool
    qparams: dict


def _extract_tensor_metadata(result, include_contiguity=True):
    form = None
    if include_contiguity:
        for candidate in (_C.contiguous_format, _C.channels_last, _C.channels_last_3d):
            wanted = {_C.channels_last: 4, _C.channels_last_3d: 5}.get(candidate)
            if wanted in (None, result.dim()) and result.is_contiguous(memory_format=candidate):
                form = candidate
                break
    return TensorMetadata(
        result.shape, result.dtype, result.requires_grad, result.stride(), form, False, {}
    )


class ShapeProp(Interpreter):
    """Runs the graph and notes each value's shape and dtype in `node.meta["tensor_meta"]`, and its
    class in `node.meta["type"]`.
    """

    def __init__(self, gm, fake_mode=None):
        super().__init__(gm)
        if fake_mode is not None:
            raise NotImplementedError(
                "cnn has no fake tensors: call propagate() with tensors on the meta device"
            )

    def run_node(self, n):
        try:
            result = super().run_node(n)
        except Exception as error:
            traceback.print_exc()
            raise RuntimeError(
                f"ShapeProp error for: node={n.format_node()} with meta={n.meta}"
            ) from error
        found = []

        def note(value):
            if not isinstance(value, _C.Tensor):
                return value
            found.append(value)
            return _extract_tensor_metadata(value)

        meta = map_aggregate(result, note)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args):
        """Runs the graph with these inputs."""
        return super().run(*args)
