"""What several composed functions check and return alike."""

from __future__ import annotations

from cnn import _C


def refuse_integers(kernel, input):
    """NotImplementedError, as of the kernel that PyTorch does not have for them."""
    if not input.is_floating_point():
        kind = _C.empty(0, dtype=input.dtype).type().rpartition(".")[2].removesuffix("Tensor")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{kind}'")


def dim_of(input, dim):
    """A dimension of the input's, counted from the front. IndexError where there is none."""
    n = max(input.dim(), 1)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim % n


def into(out, result, op):
    """`result`, or `out` with the result copied into it."""
    return result if out is None else _C._copy_out(result, op, out)
