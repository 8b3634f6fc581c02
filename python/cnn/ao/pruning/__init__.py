"""Models that are made sparse: none. The names raise when they are called."""

from __future__ import annotations

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no sparse tensors; nn.utils.prune masks weights",
    functions="""
        fqn_to_module get_arg_info_from_tensor_fqn module_to_fqn""",
    classes="""
        BaseSparsifier CubicSL FakeSparsity LambdaSL NearlyDiagonalSparsifier
        WeightNormSparsifier""",
)
