"""Sparse tensors: there are none. The names can be imported, and raise when they are called."""

from __future__ import annotations

from . import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no sparse tensors; use dense ones",
    functions="""
        addmm as_sparse_gradcheck log_softmax mm sampled_addmm softmax spdiags spsolve sum
        solve to_sparse_semi_structured""",
    classes="""
        SparseSemiStructuredTensor SparseSemiStructuredTensorCUSPARSELT
        SparseSemiStructuredTensorCUTLASS""",
)
__all__ += ["check_sparse_tensor_invariants"]


class check_sparse_tensor_invariants:
    """Whether sparse tensors are checked when they are made: there are none to check."""

    _enabled = False

    @staticmethod
    def is_enabled():
        """What was last asked for."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable():
        """Asks for it."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable():
        """Asks for it no longer."""
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable=True):
        self._wanted = enable

    def __enter__(self):
        self._former = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self._wanted

    def __exit__(self, *error):
        check_sparse_tensor_invariants._enabled = self._former
