"""What several composed functions check and return alike."""

from __future__ import annotations

from . import _C


def require_string(op, name, value):
    """TypeError for an option that is no string; which strings there are is the caller's to say."""
    if not isinstance(value, str):
        raise TypeError(f"{op}(): argument '{name}' must be str, not {type(value).__name__}")


def require_number(op, name, value):
    """TypeError for what is no number."""
    if not isinstance(value, (int, float, _C.Tensor)) and not hasattr(value, "__float__"):
        raise TypeError(f"{op}(): argument '{name}' must be float, not {type(value).__name__}")


def refuse_integers(kernel, input):
    """NotImplementedError, as of the kernel that PyTorch does not have for them."""
    if not input.is_floating_point():
        kind = (
            _C.empty(0, dtype=input.dtype, device="cpu")
            .type()
            .rpartition(".")[2]
            .removesuffix("Tensor")
        )
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
